//! Where a text answers a query: in segments, never in HTML.

use super::Segment;
use super::query::{Query, Term};
use super::words::{Word, is_near, typos, words};
use std::ops::Range;

/// As much of a description as is looked at for a line of it, in bytes.
const LOOKED_AT: usize = 16 * 1024;
/// Longest line of a description, in characters.
const LINE: usize = 160;
/// What of it stands before the first mark, in characters.
const BEFORE: usize = 40;

/// The whole text, with what answers the query marked.
pub fn marked(text: &str, query: &Query) -> Vec<Segment> {
    cut(text, 0..text.len(), &found(text, query))
}

/// A line of a long text: from just before the first mark, or its first line.
pub fn line(text: &str, query: &Query) -> Vec<Segment> {
    let text = &text[..floor(text, LOOKED_AT)];
    let marks = found(text, query);
    let first = match marks.first() {
        Some(mark) => mark.start,
        None => text.len() - text.trim_start().len(),
    };
    // Never from another line: what belongs together is on one.
    let line = text[..first].rfind('\n').map_or(0, |end| end + 1);
    let line = first - text[line..first].trim_start().len();
    let mut start = back(&text[..first], BEFORE).max(line);
    if start > line {
        start += text[start..first].find(' ').map_or(0, |space| space + 1);
    }
    let line_end = text[first..].find('\n').map_or(text.len(), |n| first + n);
    let long = text[start..line_end].char_indices().nth(LINE);
    let end = long.map_or(line_end, |(n, _)| start + n);
    let mut segments = cut(text, start..end, &marks);
    let dots = || Segment {
        text: "…".into(),
        marked: false,
    };
    if start > line {
        segments.insert(0, dots());
    }
    if end < line_end {
        segments.push(dots());
    }
    segments
}

/// What answers, in order, not overlapping.
fn found(text: &str, query: &Query) -> Vec<Range<usize>> {
    let words = words(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    for term in &query.terms {
        for row in words.windows(term.words.len()) {
            if answers(row, term)
                && let (Some(first), Some(last)) = (row.first(), row.last())
            {
                found.push(first.range.start..last.range.end);
            }
        }
    }
    found.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// As the index does: all but the last word as they are, the last may go on, and a word that stands
/// alone may have typing errors.
fn answers(row: &[Word], term: &Term) -> bool {
    let mut pairs = row.iter().zip(&term.words).rev();
    let Some((word, asked)) = pairs.next() else {
        return false;
    };
    let last = match term.exact {
        true => word.folded == *asked,
        false => {
            word.folded.starts_with(asked.as_str())
                || (term.words.len() == 1 && is_near(&word.folded, asked, typos(asked)))
        }
    };
    last && pairs.all(|(word, asked)| word.folded == *asked)
}

/// The part `within` of a text, in segments.
fn cut(text: &str, within: Range<usize>, marks: &[Range<usize>]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut push = |range: Range<usize>, marked| {
        if !range.is_empty() {
            segments.push(Segment {
                text: text[range].into(),
                marked,
            });
        }
    };
    let mut at = within.start;
    for mark in marks {
        let start = mark.start.clamp(at, within.end);
        let end = mark.end.clamp(start, within.end);
        push(at..start, false);
        push(start..end, true);
        at = end;
    }
    push(at..within.end, false);
    segments
}

/// Where the last `count` characters of a text begin.
fn back(text: &str, count: usize) -> usize {
    let mut starts = text.char_indices().rev().map(|(start, _)| start);
    starts.nth(count.saturating_sub(1)).unwrap_or(0)
}

/// The end of the last whole character within `most` bytes.
fn floor(text: &str, most: usize) -> usize {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Marks in brackets.
    fn shown(segments: Vec<Segment>) -> String {
        let mut text = String::new();
        for segment in segments {
            match segment.marked {
                true => text += &format!("[{}]", segment.text),
                false => text += &segment.text,
            }
        }
        text
    }

    fn title(text: &str, query: &str) -> String {
        shown(marked(text, &Query::parse(query).unwrap()))
    }

    #[test]
    fn what_answers_is_marked_as_it_is_written() {
        for (text, query, expected) in [
            ("Buy Crème brûlée", "brul creme", "Buy [Crème] [brûlée]"),
            ("Buy grocereis", "groceries", "Buy [grocereis]"),
            (
                "Buy milk, warm milk",
                "\"warm milk\"",
                "Buy milk, [warm milk]",
            ),
            ("Milkshake", "\"milk\"", "Milkshake"),
            ("Milkshake", "milk", "[Milkshake]"),
            ("明日買い物に行く", "買い物", "明日[買い物]に行く"),
            ("Send e-mails", "e-mai", "Send [e-mails]"),
            ("a <b> & c", "b", "a <[b]> & c"),
            ("Nothing", "else", "Nothing"),
            ("", "x", ""),
            ("Old and new", "new -old", "Old and [new]"),
        ] {
            assert_eq!(title(text, query), expected, "{query}");
        }
    }

    #[test]
    fn a_line_of_a_description_is_about_its_first_mark() {
        let line = |text: &str, query: &str| shown(line(text, &Query::parse(query).unwrap()));
        assert_eq!(line("\n First\nsecond", "x"), "First");
        assert_eq!(
            line("First\nthe second one\nthird", "second"),
            "the [second] one"
        );
        let long = format!("{} needle {}", "hay ".repeat(60), "straw ".repeat(60));
        let shown = line(&long, "needle");
        assert!(shown.starts_with("…hay ") && shown.contains(" [needle] straw"));
        assert!(
            shown.ends_with('…') && shown.chars().count() < LINE + 6,
            "{shown}"
        );
        assert_eq!(line("", "x"), "");
    }

    proptest! {
        #[test]
        fn segments_are_the_text(text in "[a-c é買ü\n\"]{0,400}", query in "[a-c é買\"-]{0,20}") {
            let query = Query::parse(&query).unwrap_or_default();
            let segments = marked(&text, &query);
            let whole: String = segments.into_iter().map(|segment| segment.text).collect();
            prop_assert_eq!(whole, text.clone());
            let _ = line(&text, &query);
        }
    }
}
