//! Text to words, the same for what is kept and for what is asked: folded, so that case, accents
//! and forms of a letter make no difference.

use std::iter::once;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word, in characters: what follows makes no difference.
pub const MAX_WORD: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Folded: lower case, without accents.
    pub folded: String,
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
}

/// The words of a text in their order. Scripts that set no spaces between words (Chinese, Japanese,
/// Thai …) and pictures give a word for each character.
pub fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    // What the last word still takes in.
    let mut open = Open::Nothing;
    for (start, c) in text.char_indices() {
        let end = start + c.len_utf8();
        let kind = Kind::of(c);
        let joins = match kind {
            Kind::Mark => open != Open::Nothing,
            Kind::Letter => open == Open::Letters,
            Kind::Single => false,
            Kind::Between => {
                open = Open::Nothing;
                continue;
            }
        };
        if !joins {
            if kind == Kind::Mark {
                continue;
            }
            words.push(Word {
                folded: String::new(),
                range: start..end,
            });
            open = match kind {
                Kind::Single => Open::Marks,
                _ => Open::Letters,
            };
        }
        if let Some(word) = words.last_mut() {
            word.range.end = end;
            fold(c, &mut word.folded);
        }
    }
    words.retain(|word| !word.folded.is_empty());
    words
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Letters,
    /// Only what belongs to its one character.
    Marks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    /// A word of its own.
    Single,
    /// Belongs to the character before it.
    Mark,
    Between,
}

impl Kind {
    fn of(c: char) -> Kind {
        match c {
            '\0'..='\x7f' if c.is_ascii_alphanumeric() => Kind::Letter,
            '\0'..='\x7f' => Kind::Between,
            // Soft hyphen, joiners, and the half-width marks of Japanese.
            '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{ff9e}'
            | '\u{ff9f}' => Kind::Mark,
            _ if is_combining_mark(c) => Kind::Mark,
            _ if sets_no_spaces(c) || is_picture(c) => Kind::Single,
            _ if c.is_alphanumeric() => Kind::Letter,
            _ => Kind::Between,
        }
    }
}

fn sets_no_spaces(c: char) -> bool {
    let is_written = c.is_alphanumeric();
    is_written
        && matches!(c,
            '\u{0e00}'..='\u{0fff}' // Thai, Lao, Tibetan
            | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' // Myanmar, Khmer
            | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{312f}' | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{ff66}'..='\u{ff9d}' | '\u{20000}'..='\u{3ffff}')
}

fn is_picture(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}')
}

fn fold(c: char, into: &mut String) {
    if into.len() >= MAX_WORD * 4 || into.chars().count() >= MAX_WORD {
        return;
    }
    if c.is_ascii() {
        return into.push(c.to_ascii_lowercase());
    }
    let lower = once(c).nfkd().flat_map(char::to_lowercase);
    for c in lower.filter(|&c| !is_accent(c)) {
        match c {
            'ß' => into.push_str("ss"),
            'æ' => into.push_str("ae"),
            'œ' => into.push_str("oe"),
            'þ' => into.push_str("th"),
            'ø' => into.push('o'),
            'đ' | 'ð' => into.push('d'),
            'ħ' => into.push('h'),
            'ı' => into.push('i'),
            'ł' => into.push('l'),
            'ς' => into.push('σ'),
            c if c.is_alphanumeric() || is_combining_mark(c) || is_picture(c) => into.push(c),
            _ => {}
        }
    }
}

/// What one may leave out in typing: accents of Latin, Greek and Cyrillic, vowel points of Hebrew
/// and Arabic. Elsewhere a mark is part of the word.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe2f}'
        | '\u{0591}'..='\u{05c7}' | '\u{0610}'..='\u{061a}' | '\u{0640}'
        | '\u{064b}'..='\u{065f}' | '\u{0670}')
}

/// How many typing errors a word of the query may have.
pub fn typos(word: &str) -> u8 {
    match word.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// Whether `a` becomes `b` by at most `most` insertions, deletions, replacements, or exchanges of
/// neighbours.
pub fn is_near(a: &str, b: &str, most: u8) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let most = usize::from(most);
    if a.len().abs_diff(b.len()) > most {
        return false;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()] <= most
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn case_accents_and_forms_make_no_difference() {
        for (text, expected) in [
            ("Crème BRÛLÉE", "creme brulee"),
            ("cre\u{300}me", "creme"),
            ("Straße, ŁÓDŹ & İstanbul", "strasse lodz istanbul"),
            ("ΟΔΟΣ οδός Ὀδύσσεια", "οδοσ οδοσ οδυσσεια"),
            ("Ёлка ещё", "елка еще"),
            ("ﬁle Ｗｉｄｅ x²", "file wide x2"),
            ("שָׁלוֹם مُحَمَّد", "שלום محمد"),
            ("e-mail 9/11 don't", "e mail 9 11 don t"),
        ] {
            assert_eq!(folded(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn scripts_without_spaces_give_a_word_for_each_character() {
        assert_eq!(folded("買い物"), ["買", "い", "物"]);
        assert_eq!(folded("東京tower"), ["東", "京", "tower"]);
        assert_eq!(folded("ｶﾞ"), folded("ガ"));
        assert_ne!(folded("か"), folded("が"));
        assert_eq!(folded("ซื้อ").len(), 2);
        assert_eq!(folded("🎂party"), ["🎂", "party"]);
    }

    #[test]
    fn korean_grows_letter_by_letter() {
        let whole = &folded("한국")[0];
        for typed in ["ㅎ", "하", "한", "한ㄱ", "한구"] {
            assert!(whole.starts_with(&folded(typed)[0]), "{typed}");
        }
    }

    #[test]
    fn indic_words_stay_whole() {
        assert_eq!(folded("हिन्दी खरीदना").len(), 2);
    }

    #[test]
    fn a_word_has_an_end() {
        let word = &words(&"ü".repeat(70_000))[0];
        assert_eq!(word.folded, "u".repeat(MAX_WORD));
        assert_eq!(word.range, 0..140_000);
    }

    #[test]
    fn near_is_insertion_deletion_replacement_exchange() {
        for (a, b, most, expected) in [
            ("milk", "mlik", 1, true),
            ("milk", "silk", 1, true),
            ("milk", "mil", 1, true),
            ("milk", "milks", 1, true),
            ("milk", "silks", 1, false),
            ("groceries", "grocreis", 2, true),
            ("", "", 0, true),
            ("a", "", 0, false),
        ] {
            assert_eq!(is_near(a, b, most), expected, "{a} {b}");
        }
        assert_eq!([3, 4, 7, 8].map(|n| typos(&"x".repeat(n))), [0, 1, 1, 2]);
    }

    proptest! {
        #[test]
        fn any_text_has_words_within_it(text in any::<String>()) {
            let mut last = 0;
            for word in words(&text) {
                prop_assert!(last <= word.range.start && word.range.start < word.range.end);
                prop_assert!(text.get(word.range.clone()).is_some());
                prop_assert!(!word.folded.is_empty());
                last = word.range.end;
            }
        }
    }
}
