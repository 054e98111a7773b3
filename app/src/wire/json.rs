//! JSON as a tree. Numbers are whole: there are no others on our wire.

use super::FromJson;

/// Deeper than anything we send.
const DEPTH: u8 = 32;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// Also what is missing, and a number that is not whole.
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl FromJson for Json {
    fn from_json(json: Json) -> Option<Self> {
        Some(json)
    }
}

impl Json {
    /// `None` if `text` is not JSON.
    pub fn parse(text: &str) -> Option<Json> {
        let mut reader = Reader { rest: text };
        let json = reader.value(DEPTH)?;
        reader.skip_space();
        reader.rest.is_empty().then_some(json)
    }

    /// Takes the field `name` out of an object; what is missing is null.
    pub fn field<T: FromJson>(&mut self, name: &str) -> Option<T> {
        T::from_json(self.take(name))
    }

    fn take(&mut self, name: &str) -> Json {
        let Json::Object(fields) = self else {
            return Json::Null;
        };
        match fields.iter_mut().find(|(key, _)| key == name) {
            Some((_, value)) => std::mem::replace(value, Json::Null),
            None => Json::Null,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self, depth: u8) -> Option<Json> {
        self.skip_space();
        match self.rest.as_bytes().first()? {
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.list(depth.checked_sub(1)?),
            b'"' => self.text().map(Json::Text),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: u8) -> Option<Json> {
        let mut fields = Vec::new();
        self.eat(b'{').then_some(())?;
        if !self.eat(b'}') {
            loop {
                self.skip_space();
                let name = self.text()?;
                self.eat(b':').then_some(())?;
                fields.push((name, self.value(depth)?));
                if self.eat(b'}') {
                    break;
                }
                self.eat(b',').then_some(())?;
            }
        }
        Some(Json::Object(fields))
    }

    fn list(&mut self, depth: u8) -> Option<Json> {
        let mut items = Vec::new();
        self.eat(b'[').then_some(())?;
        if !self.eat(b']') {
            loop {
                items.push(self.value(depth)?);
                if self.eat(b']') {
                    break;
                }
                self.eat(b',').then_some(())?;
            }
        }
        Some(Json::List(items))
    }

    fn text(&mut self) -> Option<String> {
        self.eat(b'"').then_some(())?;
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            let (before, rest) = self.rest.split_at_checked(end)?;
            text.push_str(before);
            self.rest = rest.get(1..)?;
            if rest.starts_with('"') {
                return Some(text);
            }
            text.push(self.escaped()?);
        }
    }

    /// What stands for the character after a backslash.
    fn escaped(&mut self) -> Option<char> {
        let letter = *self.rest.as_bytes().first()?;
        self.rest = self.rest.get(1..)?;
        Some(match letter {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => return self.code_point(),
            letter @ (b'"' | b'\\' | b'/') => char::from(letter),
            _ => return None,
        })
    }

    fn code_point(&mut self) -> Option<char> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let low = self
            .four_digits()?
            .checked_sub(0xdc00)
            .filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        u32::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Option<Json> {
        let is_part = |c: char| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match number {
            "" => None,
            number => Some(number.parse().map_or(Json::Null, Json::Number)),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    /// Takes the character if it is the next, with white space before it.
    fn eat(&mut self, letter: u8) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(char::from(letter));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same tree as serde_json reads it.
    fn same(value: &serde_json::Value) -> Json {
        match value {
            serde_json::Value::Null => Json::Null,
            serde_json::Value::Bool(bool) => Json::Bool(*bool),
            serde_json::Value::Number(number) => number.as_i64().map_or(Json::Null, Json::Number),
            serde_json::Value::String(text) => Json::Text(text.clone()),
            serde_json::Value::Array(list) => Json::List(list.iter().map(same).collect()),
            serde_json::Value::Object(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), same(value)))
                    .collect(),
            ),
        }
    }

    proptest! {
        #[test]
        fn any_text_and_number_is_read_as_serde_writes_it(
            text in any::<String>(), number in any::<i64>(), keys in proptest::collection::btree_set(any::<String>(), 0..4)
        ) {
            let object: serde_json::Map<_, _> = keys.into_iter().map(|key| (key, number.into())).collect();
            let value = serde_json::json!([text, number, null, true, [], {}, object]);
            prop_assert_eq!(Json::parse(&value.to_string()), Some(same(&value)));
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let _ = Json::parse(&text);
        }

        #[test]
        fn nothing_like_json_makes_it_panic(text in r#"[\[\]{}",:\\u0-9a-ftrue n.eE+-]{0,40}"#) {
            let _ = Json::parse(&text);
        }
    }

    #[test]
    fn escapes_and_white_space_are_read() {
        let text = r#" { "a" : [ 1 , -2 ] , "b" : "\u00fc\ud83d\ude00\n\/\u003c" } "#;
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(Json::parse(text), Some(same(&value)));
        assert_eq!(Json::parse("1.5"), Some(Json::Null));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in [
            "",
            "{",
            "[1,]x",
            "\"a",
            "tru",
            "{\"a\"}",
            "1 2",
            "\"\\ud800\"",
            "\"\\x\"",
            "nul",
        ] {
            assert_eq!(Json::parse(bad), None, "{bad}");
        }
        assert_eq!(Json::parse(&"[".repeat(100_000)), None);
    }
}
