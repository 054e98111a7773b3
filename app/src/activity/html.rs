//! Before and after, and the single changes of a line, as HTML. Everything that people wrote goes
//! through [`escaped`].

use super::Entry;
use super::diff::Diff;
use super::group::verb;
use crate::event::{Change, EventType};
use crate::ui::{Clock, time};

/// How much of a description stands around what was changed.
pub const CONTEXT: usize = 40;

/// Text, and nothing else.
pub fn escaped(text: &str) -> String {
    let mut html = String::new();
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            letter => html.push(letter),
        }
    }
    html
}

/// Before and after: what is gone is struck, what came is underlined.
pub fn changed(change: &Change, context: usize) -> String {
    let diff = Diff::between(&change.old, &change.new, context);
    let mut html = escaped(&diff.before);
    put(&mut html, "del", &diff.old);
    if !diff.old.is_empty() && !diff.new.is_empty() {
        html.push(' ');
    }
    put(&mut html, "ins", &diff.new);
    html.push_str(&escaped(&diff.after));
    html
}

fn put(html: &mut String, tag: &str, text: &str) {
    if !text.is_empty() {
        for part in ["<", tag, ">", &escaped(text), "</", tag, ">"] {
            html.push_str(part);
        }
    }
}

/// Each change of a line, in the order they were made in: a new one comes last, so that nothing
/// moves.
pub fn changes(group: &[Entry], clock: Clock, traces: bool) -> String {
    let mut html = String::new();
    for entry in group.iter().rev() {
        let name = match (&entry.changes.title, entry.event_type) {
            (Some(change), _) => changed(change, usize::MAX),
            (None, EventType::TaskCreated) => escaped(&entry.title),
            _ => String::new(),
        };
        for part in [
            "<li><time class=\"when\" datetime=\"",
            &time::machine(entry.at),
            "\">",
            &clock.time(entry.at),
            "</time><div class=\"said\"><p>",
            verb(entry),
            " ",
            &name,
        ] {
            html.push_str(part);
        }
        if traces {
            for part in [
                " <a class=\"trace\" href=\"/trace/",
                &entry.seq.to_string(),
                "\" target=\"_blank\" rel=\"noreferrer\">Trace</a>",
            ] {
                html.push_str(part);
            }
        }
        html.push_str("</p>");
        if let Some(change) = &entry.changes.description {
            for part in ["<p class=\"text\">", &changed(change, CONTEXT), "</p>"] {
                html.push_str(part);
            }
        }
        html.push_str("</div></li>");
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Changes, Timestamp};
    use crate::id::{Seq, TaskId, UserId};

    #[test]
    fn before_and_after_are_marked() {
        let html = |old, new| changed(&Change::between(old, new).unwrap(), 40);
        assert_eq!(html("Buy milk", "Buy oat milk"), "Buy <ins>oat </ins>milk");
        assert_eq!(html("Buy milk", "Buy"), "Buy<del> milk</del>");
        assert_eq!(html("milk", "oats"), "<del>milk</del> <ins>oats</ins>");
    }

    #[test]
    fn what_people_wrote_is_text_wherever_it_stands() {
        const BAD: &str = "<img src=x onerror=\"a()\">&amp;'";
        let change = |old: &str, new: &str| Change::between(old, new);
        let entry = |event_type, title, description| Entry {
            seq: Seq(1),
            event_type,
            actor_id: UserId("user-1".into()),
            task_id: Some(TaskId(1)),
            title: BAD.into(),
            changes: Changes { title, description },
            at: Timestamp::from_timestamp(1_770_000_000, 0).unwrap(),
        };
        let around = |what: &str| format!("{BAD} {what} {BAD}");
        let group = [
            entry(EventType::TaskCreated, None, None),
            entry(EventType::TaskUpdated, change("a", BAD), change(BAD, "b")),
            entry(
                EventType::TaskUpdated,
                change(&around("a"), &around("b")),
                change(&around("a"), &around(BAD)),
            ),
        ];
        let html = changes(&group, Clock::utc(), true);
        assert!(
            !html.contains("<img") && !html.contains("onerror=\""),
            "{html}"
        );
        assert!(
            html.matches("&lt;img").count() >= 8 && html.contains("&amp;amp;"),
            "{html}"
        );
        assert_eq!(html.matches("<li>").count(), 3);
        assert_eq!(html.matches("href=\"/trace/1\"").count(), 3);
    }
}
