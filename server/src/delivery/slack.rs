//! Slack, by incoming webhooks (https://api.slack.com/messaging/webhooks): a POST of a message, with a
//! text for notifications and Block Kit for the channel. A webhook writes to one channel.

use super::endpoint::{Protocol, Reach};
use super::http::Reply;
use super::{Answer, Outcome};
use app::deliveries::Delivery;
use app::event::{Envelope, EventData};
use app::webhooks::{Kind, Message, Target};
use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The most characters in a section's text, by Slack's rules, with room for what stands around it.
const LONGEST: usize = 2_800;

pub struct Slack;

#[async_trait]
impl Protocol for Slack {
    const KIND: Kind = Kind::Slack;

    async fn tell(
        &self,
        reach: &Reach,
        _: &Delivery,
        target: Target,
        message: Message,
    ) -> Result<Outcome, Outcome> {
        let body = message_of(&message)
            .map_err(|error| Outcome::Permanent(Answer::text(error.to_string())))?
            .to_string();
        let url = &target.endpoint.url;
        let request = reach.outbound.open(Method::POST, url).await?;
        let asked = format!("content-type: application/json\n\n{body}");
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let outcome = reach.call(request).await.map(outcome);
        Ok(outcome.unwrap_or_else(|outcome| outcome).asked(&asked))
    }
}

/// What Slack's answers mean: see "Improving error conditions for Incoming Webhooks" in its changelog.
fn outcome(reply: Reply) -> Outcome {
    match reply.status {
        status if status.is_success() => Outcome::Sent(reply.answer()),
        // channel_is_archived, or the webhook's app is away for good.
        StatusCode::GONE => Outcome::Gone(reply.answer()),
        // no_service (the webhook was revoked), channel_not_found: so will be the next.
        StatusCode::NOT_FOUND => Outcome::Gone(reply.answer()),
        // One message a second, or so; it says how long to wait.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Outcome::Passing(reply.answer())
        }
        // invalid_payload, user_not_found; action_prohibited: this message, and not later either.
        status if status.is_client_error() => Outcome::Permanent(reply.answer()),
        _ => Outcome::Passing(reply.answer().blaming()),
    }
}

/// The JSON of a message. Errors: what was queued is no event.
fn message_of(message: &Message) -> Result<Value, serde_json::Error> {
    let envelope: Envelope = serde_json::from_str(&message.body)?;
    let (plain, mut text, note) = words(&envelope.data);
    let mut plain = escape(&plain);
    if message.test {
        plain = format!("Test: {plain}");
        text = format!("_Test:_ {text}");
    }
    let mut blocks = vec![json!({
        "type": "section",
        "text": {"type": "mrkdwn", "text": text},
    })];
    if !note.is_empty() {
        blocks.push(json!({
            "type": "section",
            "text": {"type": "plain_text", "text": cut(&note), "emoji": false},
        }));
    }
    // Slack shows it by the reader's clock.
    let at = envelope.timestamp;
    let told = at.format("%Y-%m-%d %H:%M UTC");
    let date = format!(
        "<!date^{}^{{date_short_pretty}} {{time}}|{told}>",
        at.timestamp()
    );
    blocks.push(json!({
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": format!("Todo Evolution · {date}")}],
    }));
    Ok(json!({
        "text": plain,
        "blocks": blocks,
        // A title that looks like an address is not to be fetched.
        "unfurl_links": false,
        "unfurl_media": false,
    }))
}

/// What happened: in plain words, in mrkdwn, and what else there is to say.
fn words(data: &EventData) -> (String, String, String) {
    let said = |verb: &str, title: &str, note: &str| {
        let title = cut(title);
        let bold = format!("*{verb}* {}", escape(&title));
        (format!("{verb} {title}"), bold, note.to_owned())
    };
    match data {
        EventData::TaskCreated(d) => said("Added", &d.title, &d.description),
        EventData::TaskCompleted(d) => said("Completed", &d.title, ""),
        EventData::TaskReopened(d) => said("Taken up again", &d.title, ""),
        EventData::TaskDeleted(d) => said("Deleted", &d.title, ""),
        EventData::TaskRestored(d) => said("Restored", &d.title, ""),
        EventData::TaskPurged(d) => said("Deleted for ever", &d.title, ""),
        EventData::TaskUpdated(d) => {
            let note = d.changes.description.as_ref();
            let note = note.map_or("", |change| change.new.as_str());
            match &d.changes.title {
                Some(change) => {
                    let (old, new) = (cut_to(&change.old, 1_000), cut_to(&change.new, 1_000));
                    let bold = format!("*Renamed* ~{}~ {}", escape(&old), escape(&new));
                    (format!("Renamed {old} to {new}"), bold, note.to_owned())
                }
                None => said("Edited the notes of", &format!("task {}", d.task_id), note),
            }
        }
        other => said("Heard of", other.event_type().as_str(), ""),
    }
}

fn cut(text: &str) -> String {
    cut_to(text, LONGEST)
}

/// At most so many characters once they are escaped, of which each may take five.
fn cut_to(text: &str, longest: usize) -> String {
    let mut cut = String::new();
    let mut length = 0;
    for c in text.chars() {
        length += match c {
            '&' => 5,
            '<' | '>' => 4,
            _ => 1,
        };
        if length > longest {
            cut.push('…');
            break;
        }
        cut.push(c);
    }
    cut
}

/// Slack's three characters, so that nobody is mentioned and nothing links by what a title says.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::event::EventType;

    fn with_title(title: &str) -> Value {
        let mut envelope: Value = serde_json::from_str(EventType::TaskCreated.example()).unwrap();
        envelope["data"]["title"] = json!(title);
        envelope["data"]["description"] = json!("x & y".repeat(2_000));
        let message = Message {
            body: envelope.to_string(),
            test: false,
        };
        message_of(&message).unwrap()
    }

    #[test]
    fn what_people_wrote_is_text_and_nothing_else() {
        let message = with_title("<!channel> & <https://example.com|click>");
        let escaped = "&lt;!channel&gt; &amp; &lt;https://example.com|click&gt;";
        assert_eq!(message["text"], format!("Added {escaped}"));
        assert_eq!(
            message["blocks"][0]["text"]["text"],
            format!("*Added* {escaped}")
        );
        assert_eq!(message["blocks"][1]["text"]["type"], "plain_text");
    }

    #[test]
    fn no_text_is_longer_than_slack_takes() {
        let message = with_title(&"&".repeat(5_000));
        for block in [0, 1] {
            let text = message["blocks"][block]["text"]["text"].as_str().unwrap();
            assert!(text.chars().count() <= 3_000, "{}", text.len());
        }
    }

    #[test]
    fn every_kind_has_words() {
        for event_type in app::webhooks::CHOICES {
            let message = Message {
                body: event_type.example().into(),
                test: true,
            };
            let message = message_of(&message).unwrap();
            let text = message["text"].as_str().unwrap();
            assert!(
                text.starts_with("Test: ") && !text.contains("Heard of"),
                "{text}"
            );
        }
    }
}
