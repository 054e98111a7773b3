//! Lists, labels and when a task is due, as far as what it says has them: `Pay rent 2026-12-01 #home
//! @phone`. Until tasks have fields for them.
//!
//! A task is in every list that its title or its description names. Notes are Markdown, addresses and
//! code as well, so what could be anything else is no mark.

use crate::search::words::words;
use chrono::NaiveDate;
use unicode_normalization::char::is_combining_mark;

/// The most that are taken from one text.
pub const MOST: usize = 32;
/// Longest name, in characters, and longest key, in bytes: an index has room for it.
const MAX_NAME: usize = 64;
const MAX_KEY: usize = 512;

/// A kind of mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `#home`
    List,
    /// `@phone`
    Label,
}

/// What a list or a label is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The same for every way of writing it: see [`key`].
    pub key: String,
    pub said: String,
}

/// The marks of a kind that a text has, each once, in its order: `#home`, `#at-home`, `#"At home"`.
/// Not in code between fences.
pub fn named(text: &str, mark: Mark) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        let begins = line.trim_start();
        if begins.starts_with("```") || begins.starts_with("~~~") {
            in_code = !in_code;
            continue;
        }
        for (at, sign) in line.match_indices(mark.signs()) {
            if in_code || names.len() == MOST || !may_begin(&line[..at]) {
                continue;
            }
            let Some(said) = name(&line[at + sign.len()..]) else {
                continue;
            };
            let key = key(said);
            let is_new = names.iter().all(|name| name.key != key);
            if is_new && !key.is_empty() && key.len() <= MAX_KEY {
                let said = said.into();
                names.push(Name { key, said });
            }
        }
    }
    names
}

/// What makes two names the same: their words, folded as the search folds them.
pub fn key(name: &str) -> String {
    let words: Vec<String> = words(name).into_iter().map(|word| word.folded).collect();
    words.join(" ")
}

/// The first date in a title, such as 2026-12-01, in days since 1970.
pub fn due(title: &str) -> Option<i64> {
    let is_date = |bytes: &[u8]| {
        let mut pattern = bytes.iter().zip(b"0000-00-00");
        pattern.all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        })
    };
    let places = title.as_bytes().windows(10).enumerate();
    let mut dates = places
        .filter(|(_, bytes)| is_date(bytes))
        .map(|(at, _)| (&title[..at], &title[at..at + 10], &title[at + 10..]))
        .filter(|(before, _, after)| !before.ends_with(joins) && !runs_on(after));
    dates.find_map(|(_, date, _)| day(date))
}

/// What a date is part of something else with. Some scripts set no space beside it.
fn joins(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.')
}

fn runs_on(after: &str) -> bool {
    let mut letters = after.chars();
    let (first, second) = (letters.next(), letters.next());
    let digit_follows = second.is_some_and(|c| c.is_ascii_digit());
    match first {
        Some('T') => !digit_follows,
        Some('.') => second.is_some_and(char::is_alphanumeric),
        Some(c) => joins(c),
        None => false,
    }
}

/// Days since 1970. Years have four digits, so that every day has a moment it begins at.
pub fn day(text: &str) -> Option<i64> {
    let date: NaiveDate = text.parse().ok().filter(|_| text.len() == 10)?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days())
}

impl Mark {
    fn signs(self) -> [char; 2] {
        match self {
            Mark::List => ['#', '＃'],
            Mark::Label => ['@', '＠'],
        }
    }
}

/// After white space, an opening bracket or a quote; but not where Markdown has an address.
fn may_begin(before: &str) -> bool {
    before.chars().next_back().is_none_or(|c| {
        c.is_whitespace()
            || (matches!(
                c,
                '(' | '['
                    | '{'
                    | '"'
                    | '\''
                    | '“'
                    | '„'
                    | '‘'
                    | '‚'
                    | '«'
                    | '‹'
                    | '「'
                    | '『'
                    | '（'
                    | '【'
            ) && !before.ends_with("]("))
    })
}

/// The name a text begins with.
fn name(text: &str) -> Option<&str> {
    let said = match text.strip_prefix(is_quote) {
        Some(quoted) => quoted[..quoted.find(is_quote)?].trim(),
        None => {
            let end = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
            if !text.starts_with(char::is_alphabetic) || goes_on(&text[end..]) {
                return None;
            }
            text[..end].trim_end_matches(['-', '_'])
        }
    };
    (said.chars().count() <= MAX_NAME).then_some(said)
}

/// It was no name but the beginning of something else: a path, an address, a file.
fn goes_on(after: &str) -> bool {
    let mut letters = after.chars();
    match letters.next() {
        Some('/' | '\\' | '@' | '#') => true,
        Some('.' | ':') => letters.next().is_some_and(char::is_alphanumeric),
        _ => false,
    }
}

/// Letters and digits of any script, with what belongs to them.
fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '-' | '_' | '\u{200c}' | '\u{200d}')
}

/// Phones set other quotes than keyboards.
pub fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '‟')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lists(text: &str) -> Vec<String> {
        let names = named(text, Mark::List).into_iter();
        names.map(|name| name.key).collect()
    }

    #[test]
    fn a_list_is_named_where_a_word_may_begin() {
        for (text, expected) in [
            ("Pay rent #home", &["home"][..]),
            ("#home pay rent", &["home"]),
            (
                "Pay (#Home, #garden) and \"#shed\"!",
                &["home", "garden", "shed"],
            ),
            ("#home. #Home: #HOME", &["home"]),
            ("#Café #cafe\u{301} #CAFE", &["cafe"]),
            ("#Straße #ŁÓDŹ", &["strasse", "lodz"]),
            ("#at-home #at_home #\"At home\" #“at home”", &["at home"]),
            ("#q3-2026 #x2", &["q3 2026", "x2"]),
            (
                "#дом #σπίτι #買い物 #घर #خانه\u{200c}ها",
                &["дом", "σπιτι", "買 い 物", "घर", "خانهها"],
            ),
            ("明日　＃家", &["家"]),
            ("#\"2026 plans\"", &["2026 plans"]),
            ("#home-", &["home"]),
        ] {
            assert_eq!(lists(text), expected, "{text}");
        }
    }

    #[test]
    fn what_may_be_something_else_is_no_mark() {
        for text in [
            "issue #12",
            "C# and F#",
            "# Title",
            "## Title",
            "#",
            "##home",
            "#-home",
            "#_home",
            "https://example.com/page#anchor",
            "[text](#anchor)",
            "`#fff`",
            "a#b",
            "#main.rs",
            "#home/away",
            "#!/bin/sh",
            "#\"\"",
            "#\"no end",
            "#\"over\ntwo\"",
            "#\"!?\"",
            "```\n#include <stdio.h>\n```",
        ] {
            assert_eq!(lists(text), [""; 0], "{text}");
        }
        assert_eq!(lists("```\n#code\n```\n#text"), ["text"]);
        assert_eq!(lists("#one @two"), ["one"]);
    }

    #[test]
    fn labels_are_no_addresses() {
        let labels = |text: &str| {
            let names = named(text, Mark::Label).into_iter();
            names.map(|name| name.said).collect::<Vec<_>>()
        };
        assert_eq!(labels("Call @Phone (@work)"), ["Phone", "work"]);
        for text in [
            "ada@example.com",
            "<ada@example.com>",
            "@ada@example.com",
            "@types/node",
            "@example.com",
            "@ada:example.com",
            "@ 5",
        ] {
            assert_eq!(labels(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_text_names_so_many_and_no_longer_ones() {
        let many: Vec<String> = (0..100).map(|n| format!("#list{n}")).collect();
        assert_eq!(lists(&many.join(" ")).len(), MOST);
        assert_eq!(lists(&format!("#{}", "x".repeat(MAX_NAME))).len(), 1);
        assert_eq!(lists(&format!("#{}", "x".repeat(MAX_NAME + 1))).len(), 0);
        // One letter that is eighteen when it is folded.
        assert_eq!(lists(&format!("#{}", "\u{fdfa}-".repeat(32))).len(), 0);
    }

    #[test]
    fn the_first_date_of_a_title_is_when_it_is_due() {
        let expected = day("2026-12-01");
        assert_eq!(expected, Some(20_788));
        for title in [
            "2026-12-01",
            "Pay rent 2026-12-01 #home",
            "Rent (2026-12-01), then 2026-12-31.",
            "By 2026-12-01.",
            "Not 2026-02-30 but 2026-12-01",
            "At 2026-12-01T09:00",
            "支払い2026-12-01まで",
        ] {
            assert_eq!(due(title), expected, "{title}");
        }
        for title in [
            "",
            "The 9/11 Report",
            "2026-12-1",
            "2026-13-01",
            "12026-12-01",
            "2026-12-011",
            "report-2026-12-01",
            "2026-12-01.pdf",
            "2026-12-01/2026-12-05",
            "https://example.com/2026-12-01",
            "v2026-12-01",
            "2026-12-01Tuesday",
        ] {
            assert_eq!(due(title), None, "{title}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in any::<String>(), date in "[ 0-9TZü.-]{0,30}") {
            for mark in [Mark::List, Mark::Label] {
                for name in named(&text, mark) {
                    prop_assert_eq!(&key(&name.said), &name.key);
                }
            }
            let _ = (due(&text), due(&date));
        }

        #[test]
        fn a_name_is_found_by_its_key(name in r"[a-zé買]([a-zé買0-9_-]{0,20}[a-z])?") {
            prop_assert_eq!(lists(&format!("To do #{name}, soon")), vec![key(&name)]);
        }
    }
}
