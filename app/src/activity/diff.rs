//! What is different between two texts, in whole words.

/// The part that differs, between what is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    pub before: String,
    pub old: String,
    pub new: String,
    pub after: String,
}

impl Diff {
    /// `context`: how many characters of what is the same are kept on either side.
    pub fn between(old: &str, new: &str, context: usize) -> Diff {
        let (old, new) = (words(old), words(new));
        let same = old.iter().zip(&new).take_while(|(old, new)| old == new);
        let (before, old) = old.split_at(same.count());
        let (_, new) = new.split_at(before.len());
        let pairs = old.iter().rev().zip(new.iter().rev());
        let after = pairs.take_while(|(old, new)| old == new).count();
        let (old, after) = old.split_at(old.len() - after);
        let (new, _) = new.split_at(new.len() - after.len());
        Diff {
            before: clip_start(before.concat(), context),
            old: old.concat(),
            new: new.concat(),
            after: clip_end(after.concat(), context),
        }
    }
}

/// Words and the white space between them, each an item of its own.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut was_space = None;
    for (at, letter) in text.char_indices() {
        let is_space = letter.is_whitespace();
        if was_space.is_some_and(|was| was != is_space) {
            words.extend(text.get(start..at));
            start = at;
        }
        was_space = Some(is_space);
    }
    words.extend(text.get(start..));
    words
}

fn clip_start(text: String, most: usize) -> String {
    let end = text.char_indices().rev().nth(most);
    let rest = end.and_then(|(at, letter)| text.get(at + letter.len_utf8()..));
    rest.map_or(text.clone(), |rest| format!("…{rest}"))
}

fn clip_end(text: String, most: usize) -> String {
    let end = text.char_indices().nth(most);
    let start = end.and_then(|(at, _)| text.get(..at));
    start.map_or(text.clone(), |start| format!("{start}…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> [String; 4] {
        let diff = Diff::between(old, new, 10);
        [diff.before, diff.old, diff.new, diff.after]
    }

    #[test]
    fn only_the_words_that_differ_are_struck_and_underlined() {
        assert_eq!(
            diff("Buy milk today", "Buy oat milk today"),
            ["Buy ", "", "oat ", "milk today"]
        );
        assert_eq!(
            diff("Buy milk", "Sell cows"),
            ["", "Buy milk", "Sell cows", ""]
        );
        assert_eq!(diff("Buy milk", "Buy melk"), ["Buy ", "milk", "melk", ""]);
        assert_eq!(diff("", "New"), ["", "", "New", ""]);
        assert_eq!(diff("Old", ""), ["", "Old", "", ""]);
        assert_eq!(diff("a b b", "a b"), ["a b", " b", "", ""]);
        assert_eq!(diff("für Ößß", "für Öß"), ["für ", "Ößß", "Öß", ""]);
    }

    #[test]
    fn long_context_is_clipped_between_letters() {
        let same = "ü".repeat(30);
        let [before, old, new, after] =
            diff(&format!("{same} a {same}"), &format!("{same} b {same}"));
        assert_eq!(before, format!("…{} ", "ü".repeat(9)));
        assert_eq!((old.as_str(), new.as_str()), ("a", "b"));
        assert_eq!(after, format!(" {}…", "ü".repeat(9)));
    }
}
