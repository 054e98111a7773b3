//! Text as Jira takes it: a summary of one line, and Atlassian Document Format.

use serde_json::{Value, json};

/// The most characters of a summary, and of a description, by Jira's rules.
const SUMMARY: usize = 255;
const DESCRIPTION: usize = 32_000;

/// A title in one line.
pub fn summary(title: &str) -> String {
    let line: String = title.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&line, SUMMARY)
}

/// A paragraph for each of the text's, its lines kept; `null` for none, as there is no empty text in
/// the format.
pub fn document(text: &str) -> Value {
    let is_plain = |c: &char| !c.is_control() || *c == '\n' || *c == '\t';
    let text: String = text.chars().filter(is_plain).collect();
    let text = cut(text.trim(), DESCRIPTION);
    let paragraphs: Vec<Value> = text
        .split("\n\n")
        .map(|paragraph| paragraph.trim_matches('\n'))
        .filter(|paragraph| !paragraph.is_empty())
        .map(|text| json!({"type": "paragraph", "content": lines(text)}))
        .collect();
    match paragraphs.is_empty() {
        true => Value::Null,
        false => json!({"type": "doc", "version": 1, "content": paragraphs}),
    }
}

fn lines(text: &str) -> Vec<Value> {
    let mut nodes = Vec::new();
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            nodes.push(json!({"type": "hardBreak"}));
        }
        if !line.is_empty() {
            nodes.push(json!({"type": "text", "text": line}));
        }
    }
    nodes
}

fn cut(text: &str, longest: usize) -> String {
    match text.chars().count() > longest {
        true => text.chars().take(longest - 1).chain(['…']).collect(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_paragraphs_stay_and_nothing_is_empty() {
        let text = |text: &str| json!({"type": "text", "text": text});
        assert_eq!(
            document("one\r\ntwo\n\n\n*three* \u{0}<b>\n"),
            json!({"type": "doc", "version": 1, "content": [
                {"type": "paragraph", "content": [text("one"), {"type": "hardBreak"}, text("two")]},
                {"type": "paragraph", "content": [text("*three* <b>")]},
            ]})
        );
        for empty in ["", " \n", "\u{0}"] {
            assert_eq!(document(empty), Value::Null, "{empty:?}");
        }
    }

    #[test]
    fn nothing_is_longer_than_jira_takes() {
        assert_eq!(summary(&"ä ".repeat(300)).chars().count(), 255);
        assert_eq!(summary("a\n b"), "a b");
        let long = document(&"x".repeat(100_000));
        let text = long["content"][0]["content"][0]["text"].as_str().unwrap();
        assert_eq!(text.chars().count(), 32_000);
    }
}
