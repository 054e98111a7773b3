//! What is written: in the page, in letters, in short messages.

use super::{House, Letter, Person};
use crate::event::EventType;
use std::fmt::Write;

/// One sentence of what happened. `title` is the task's, or of the welcome the person's name.
pub fn line(event_type: EventType, title: &str) -> String {
    match event_type {
        EventType::TaskCreated => format!("“{title}” is on your list."),
        EventType::TaskCompleted => format!("Well done! “{title}” is completed."),
        EventType::UserRegistered => format!("Welcome, {title}. Your list is ready."),
        EventType::EndpointDisabled => format!("Nothing is sent to “{title}” any more."),
        _ => title.into(),
    }
}

/// A letter of one event. `unsubscribe` is where one is unsubscribed.
pub fn letter(
    house: &House,
    person: &Person,
    event_type: EventType,
    title: &str,
    unsubscribe: String,
) -> Letter {
    let subject = match event_type {
        EventType::TaskCreated => format!("On your list: {title}"),
        EventType::TaskCompleted => format!("Well done: {title}"),
        EventType::EndpointDisabled => format!("Nothing is sent to {title} any more"),
        _ => "Welcome to Todo Evolution".into(),
    };
    let lines = match event_type {
        EventType::UserRegistered => vec![
            line(event_type, title),
            "Write a task in one window, and every other window of yours shows it. Beside the list, \
             the feed tells what happened."
                .into(),
        ],
        EventType::EndpointDisabled => vec![
            line(event_type, title),
            format!("Why, and how to switch it on again: {}/webhooks", house.site),
        ],
        _ => vec![line(event_type, title)],
    };
    written(house, person, subject, &lines, unsubscribe)
}

/// What a letter of a day holds: a server of mail takes only so much.
const LINES: usize = 200;

/// A letter of a day: `lines` are what happened.
pub fn digest(house: &House, person: &Person, lines: &[String], unsubscribe: String) -> Letter {
    let subject = match lines.len() {
        1 => "Your day in one line".into(),
        count => format!("Your day in {count} lines"),
    };
    let (shown, rest) = lines.split_at(lines.len().min(LINES));
    let mut shown = shown.to_vec();
    if !rest.is_empty() {
        let site = &house.site;
        shown.push(format!("And {} more: {site}/notifications", rest.len()));
    }
    written(house, person, subject, &shown, unsubscribe)
}

/// What a browser shows: a heading and what is below it.
pub fn push(event_type: EventType, title: &str) -> (&'static str, String) {
    let heading = match event_type {
        EventType::TaskCreated => "On your list",
        EventType::TaskCompleted => "Well done!",
        EventType::EndpointDisabled => "Switched off",
        _ => "Todo Evolution",
    };
    (heading, title.into())
}

/// A short message.
pub fn text(event_type: EventType, title: &str) -> String {
    // What one message holds, so that nobody pays for several.
    const LONGEST: usize = 60;
    let short: String = match title.chars().count() > LONGEST {
        true => title.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => title.into(),
    };
    // Curly quotes would halve what a message holds.
    line(event_type, &short).replace(['“', '”'], "\"")
}

fn written(
    house: &House,
    person: &Person,
    subject: String,
    lines: &[String],
    unsubscribe: String,
) -> Letter {
    let site = &house.site;
    let mut text = format!("Hello {},\n\n", person.name);
    let mut body = String::new();
    for line in lines {
        let _ = write!(text, "{line}\n\n");
        let _ = write!(body, "<p style=\"margin:0 0 12px\">{}</p>", escape(line));
    }
    let _ = write!(
        text,
        "Your tasks: {site}/\n\n-- \nWhat you are told of, and when: {site}/notifications\n\
         No more e-mail: {unsubscribe}\n"
    );
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{subject}</title></head>\
         <body style=\"margin:0;padding:24px;font:15px/1.5 system-ui,sans-serif\">\
         <div style=\"max-width:480px;margin:0 auto\">\
         <p style=\"margin:0 0 12px\">Hello {name},</p>{body}\
         <p style=\"margin:24px 0\"><a href=\"{site}/\">To your tasks</a></p>\
         <hr style=\"border:0;border-top:1px solid #8884\">\
         <p style=\"margin:12px 0;font-size:13px\"><a href=\"{site}/notifications\">What you are told \
         of, and when</a> · <a href=\"{unsubscribe}\">No more e-mail</a></p>\
         </div></body></html>",
        subject = escape(&subject),
        name = escape(&person.name),
        site = escape(site),
        unsubscribe = escape(&unsubscribe),
    );
    Letter {
        subject,
        text,
        html,
        unsubscribe,
        quiet: person.settings.quiet(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use crate::notifications::Settings;

    fn ada() -> Person {
        Person {
            user_id: UserId("user-1".into()),
            name: "Ada <b>".into(),
            email: "ada@example.com".into(),
            settings: Settings::default(),
            choices: Vec::new(),
        }
    }

    #[test]
    fn what_people_wrote_is_text_and_nothing_else() {
        let house = House {
            site: "https://todo.example.com".into(),
            ..House::default()
        };
        let title = "<script>\"&";
        let url = "https://todo.example.com/unsubscribe/t".to_owned();
        let letter = letter(&house, &ada(), EventType::TaskCreated, title, url.clone());
        assert!(letter.text.contains(title) && letter.text.contains(&url));
        assert!(letter.html.contains("&lt;script&gt;&quot;&amp;"));
        assert!(letter.html.contains("Ada &lt;b&gt;") && !letter.html.contains("<script>"));
    }

    #[test]
    fn who_has_an_endpoint_that_is_off_reads_where_to_see_why() {
        let house = House {
            site: "https://todo.example.com".into(),
            ..House::default()
        };
        let letter = letter(
            &house,
            &ada(),
            EventType::EndpointDisabled,
            "Hook",
            "u".into(),
        );
        assert_eq!(letter.subject, "Nothing is sent to Hook any more");
        assert!(letter.text.contains("https://todo.example.com/webhooks"));
        assert!(letter.html.contains("https://todo.example.com/webhooks"));
    }

    #[test]
    fn a_letter_of_a_busy_day_is_still_a_letter() {
        let lines: Vec<String> = (0..LINES + 7).map(|n| format!("Line {n}.")).collect();
        let letter = digest(&House::default(), &ada(), &lines, "u".into());
        assert_eq!(letter.subject, "Your day in 207 lines");
        assert!(letter.text.contains("Line 199.") && !letter.text.contains("Line 200."));
        assert!(letter.text.contains("And 7 more: "));
    }

    #[test]
    fn a_short_message_is_short() {
        let text = text(EventType::TaskCompleted, &"x".repeat(500));
        assert!(text.chars().count() < 100 && text.contains('…'), "{text}");
    }
}
