//! What was typed, understood. Any text is a query; none is an error but one that is too long.

use super::words::words;
use crate::error::Error;

/// Longest query, in characters.
pub const MAX_QUERY: usize = 200;
/// The most words and phrases of a query: each is looked for in every task.
pub const MAX_TERMS: usize = 10;

/// What a task must be like to be found: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Each is in the title or in the description.
    pub terms: Vec<Term>,
    /// None of these is: each some words in a row.
    pub without: Vec<Vec<String>>,
    /// Done, or open.
    pub done: Vec<bool>,
    /// What was asked for and nothing can answer yet.
    pub unknown: Vec<Filter>,
}

/// A word, or several in a row, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// At least one.
    pub words: Vec<String>,
    /// As it stands: no more letters to come, no typing errors.
    pub exact: bool,
}

/// `name:value`, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub name: &'static str,
    pub value: String,
    pub negated: bool,
}

/// The names of filters.
const NAMES: [&str; 4] = ["is", "list", "label", "due"];

impl Query {
    /// Errors: `Invalid` above [`MAX_QUERY`] or [`MAX_TERMS`].
    pub fn parse(text: &str) -> Result<Query, Error> {
        let length = text.chars().count();
        if length > MAX_QUERY {
            return Err(Error::invalid(
                "q",
                format!(
                    "This search has {length} characters; at most {MAX_QUERY} fit. Shorten it."
                ),
            ));
        }
        let mut query = Query::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (chunk, after) = chunk(rest);
            query.add(chunk);
            rest = after.trim_start();
        }
        let terms = query.terms.len() + query.without.len();
        if terms > MAX_TERMS {
            return Err(Error::invalid(
                "q",
                format!(
                    "This search has {terms} words and phrases; at most {MAX_TERMS} are looked for. Leave some out."
                ),
            ));
        }
        Ok(query)
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Query::default()
    }

    /// No task can match, whatever tasks there are.
    pub fn is_hopeless(&self) -> bool {
        self.unknown.iter().any(|filter| !filter.negated)
            || (self.done.contains(&true) && self.done.contains(&false))
    }

    /// What to tell of a query that asks for what is not there: a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.unknown.iter().map(Filter::note).collect();
        if self.done.contains(&true) && self.done.contains(&false) {
            notes.push("No task is both done and open.".into());
        }
        notes
    }

    fn add(&mut self, chunk: Chunk) {
        let Chunk {
            negated,
            filter,
            value,
            closed,
        } = chunk;
        match (filter, value.to_lowercase().as_str()) {
            (Some("is"), "done") => self.done.push(!negated),
            (Some("is"), "open") => self.done.push(negated),
            (Some(name), _) => self.unknown.push(Filter {
                name,
                value: value.into(),
                negated,
            }),
            (None, _) => {
                let words: Vec<String> = words(value).into_iter().map(|w| w.folded).collect();
                match negated {
                    _ if words.is_empty() => {}
                    true => self.without.push(words),
                    false => self.terms.push(Term {
                        words,
                        exact: closed,
                    }),
                }
            }
        }
    }
}

impl Filter {
    fn note(&self) -> String {
        let Filter {
            name,
            value,
            negated,
        } = self;
        let what = match *name {
            "list" => "Lists are",
            "label" => "Labels are",
            "due" => "Due dates are",
            _ => {
                return format!("A task is:open or is:done; nothing is known of is:{value}.");
            }
        };
        match negated {
            false => format!("{what} not there yet, so nothing matches {name}:{value}."),
            true => format!("{what} not there yet, so -{name}:{value} leaves nothing out."),
        }
    }
}

/// A piece of what was typed.
struct Chunk<'a> {
    negated: bool,
    filter: Option<&'static str>,
    value: &'a str,
    /// In quotes, both of them.
    closed: bool,
}

/// The first piece of a text that begins with one, and what follows it.
fn chunk(text: &str) -> (Chunk<'_>, &str) {
    let (negated, body) = match text.strip_prefix('-') {
        Some(body) if !body.starts_with(char::is_whitespace) => (true, body),
        _ => (false, text),
    };
    let (filter, body) = filter(body);
    let mut chunk = Chunk {
        negated,
        filter,
        value: "",
        closed: false,
    };
    if let Some(quoted) = body.strip_prefix(is_quote) {
        let end = quoted.find(is_quote);
        chunk.value = &quoted[..end.unwrap_or(quoted.len())];
        chunk.closed = end.is_some();
        let mut after = quoted[chunk.value.len()..].chars();
        after.next();
        return (chunk, after.as_str());
    }
    let end = body.find(|c: char| c.is_whitespace() || is_quote(c));
    let (value, after) = body.split_at(end.unwrap_or(body.len()));
    chunk.value = value;
    (chunk, after)
}

/// The filter a text begins with, if it does, and what follows its colon.
fn filter(text: &str) -> (Option<&'static str>, &str) {
    let found = text.split_once(':').and_then(|(name, value)| {
        let name = NAMES.into_iter().find(|n| n.eq_ignore_ascii_case(name))?;
        Some((name, value))
    });
    match found {
        Some((name, value)) => (Some(name), value),
        None => (None, text),
    }
}

/// Phones set other quotes than keyboards.
fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '‟')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn term(words: &str, exact: bool) -> Term {
        Term {
            words: words.split(' ').map(str::to_owned).collect(),
            exact,
        }
    }

    #[test]
    fn words_phrases_and_what_is_left_out() {
        let query =
            Query::parse(r#" Crème  "two words" e-mail -old -"not this" "open en"#).unwrap();
        assert_eq!(
            query.terms,
            [
                term("creme", false),
                term("two words", true),
                term("e mail", false),
                term("open en", false),
            ]
        );
        assert_eq!(query.without, [vec!["old"], vec!["not", "this"]]);
        assert_eq!(query.unknown, []);
        let query = Query::parse("milk“warm milk”-x").unwrap();
        assert_eq!(query.terms, [term("milk", false), term("warm milk", true)]);
        assert_eq!(query.without, [vec!["x"]]);
    }

    #[test]
    fn filters_are_known_by_their_names() {
        let query = Query::parse("is:done IS:Open -is:open http://x").unwrap();
        assert_eq!(query.done, [true, false, true]);
        assert_eq!(query.terms, [term("http x", false)]);
        assert!(query.is_hopeless());
        let query = Query::parse(r#"list:"at home" -label:phone due:"#).unwrap();
        let names: Vec<_> = query
            .unknown
            .iter()
            .map(|f| (f.name, f.value.as_str(), f.negated))
            .collect();
        assert_eq!(
            names,
            [
                ("list", "at home", false),
                ("label", "phone", true),
                ("due", "", false)
            ]
        );
        assert_eq!(
            query.notes(),
            [
                "Lists are not there yet, so nothing matches list:at home.",
                "Labels are not there yet, so -label:phone leaves nothing out.",
                "Due dates are not there yet, so nothing matches due:.",
            ]
        );
        assert!(query.is_hopeless() && !Query::parse("-list:x").unwrap().is_hopeless());
        assert!(Query::parse("is:late").unwrap().notes()[0].contains("is:open or is:done"));
    }

    #[test]
    fn nothing_but_signs_is_nothing() {
        for text in ["", " ", "-", "- -", "\"\"", "\"", "—", "?!"] {
            assert!(Query::parse(text).unwrap().is_empty(), "{text:?}");
        }
    }

    #[test]
    fn too_much_is_refused_in_words() {
        let long = Query::parse(&"é".repeat(201)).unwrap_err();
        assert_eq!((long.status, long.field.as_deref()), (422, Some("q")));
        assert!(Query::parse(&"é".repeat(200)).is_ok());
        let many = Query::parse("a b c d e f g h i -j -k").unwrap_err();
        assert!(many.detail.contains("11 words"), "{many}");
    }

    proptest! {
        #[test]
        fn any_text_is_understood(text in any::<String>()) {
            if let Ok(query) = Query::parse(&text) {
                let _ = query.notes();
                prop_assert!(query.terms.iter().all(|term| !term.words.is_empty()));
            }
        }

        #[test]
        fn so_is_any_text_that_looks_like_a_query(
            text in r#"( |-|"|“|:|is:|is:done|list:|due:|label:|[a-zé買]{1,3}){0,12}"#
        ) {
            if let Ok(query) = Query::parse(&text) {
                let _ = query.notes();
                prop_assert!(query.without.iter().all(|words| !words.is_empty()));
            }
        }
    }
}
