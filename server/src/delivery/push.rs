//! Messages that a person's browsers show, by the push service that each browser has chosen
//! (RFC 8030): encrypted so that the service cannot read them, signed so that it knows who we are.

mod encrypt;
pub mod vapid;

use super::http::{Outbound, Reply};
use super::{Answer, Channel, Outcome};
use crate::config::Config;
use anyhow::ensure;
use app::db::{Db, Tx, now};
use app::deliveries::Delivery;
use app::notifications::Way;
use app::notifications::push::{self, Message, Subscription};
use async_trait::async_trait;
use encrypt::{LONGEST, Reader};
use reqwest::{Method, StatusCode, Url};
use serde_json::json;
use sha2::{Digest, Sha256};
use vapid::Vapid;

/// How long a service keeps a message for a browser that is not there, in seconds: tomorrow it is no
/// news any more.
const TTL: &str = "86400";
/// The longest address of a subscription; the longest known have some 500 bytes.
const LONGEST_ENDPOINT: usize = 2_000;

pub struct Push {
    db: Db,
    vapid: Vapid,
    outbound: Outbound,
    allow_private: bool,
}

impl Push {
    pub async fn new(config: &Config, db: &Db) -> anyhow::Result<Push> {
        let settings = config.push.resolve(config.origin()?)?;
        let allow_private = config.delivery.allow_private;
        Ok(Push {
            db: db.clone(),
            vapid: Vapid::load(&settings, db).await?,
            outbound: Outbound::new(allow_private)?,
            allow_private,
        })
    }

    fn check(&self, subscription: &Subscription) -> anyhow::Result<()> {
        let endpoint = &subscription.endpoint;
        ensure!(
            endpoint.len() <= LONGEST_ENDPOINT,
            "The address of the subscription is longer than {LONGEST_ENDPOINT} bytes."
        );
        let url = self.outbound.check(endpoint)?;
        // Whose fate it shares is read from the text; both have to mean the same host.
        let host = url.host_str().unwrap_or_default();
        ensure!(
            endpoint.starts_with(&format!("{}://{host}", url.scheme())),
            "The address of the subscription is not written as browsers write it."
        );
        ensure!(
            self.allow_private || url.scheme() == "https",
            "The address of the subscription must begin with https://."
        );
        Reader::parse(&subscription.p256dh, &subscription.auth)?;
        ensure!(
            subscription.server_key == self.vapid.public_key(),
            "This browser takes messages from another key. Load the page again, then switch it on."
        );
        Ok(())
    }

    async fn read(&self, id: i64) -> Result<Option<Subscription>, sqlx::Error> {
        let mut conn = self.db.pool().acquire().await?;
        push::subscription(&mut conn, id).await
    }
}

impl push::Service for Push {
    fn public_key(&self) -> &str {
        self.vapid.public_key()
    }

    fn check(&self, subscription: &Subscription) -> Result<(), String> {
        Push::check(self, subscription).map_err(|error| format!("{error:#}"))
    }
}

#[async_trait]
impl Channel for Push {
    fn name(&self) -> &'static str {
        Way::Push.as_str()
    }

    fn at_once(&self) -> i64 {
        8
    }

    async fn send(&self, delivery: &Delivery) -> Outcome {
        let message = match serde_json::from_value::<Message>(delivery.payload.clone()) {
            Ok(message) => message,
            Err(error) => return Outcome::Permanent(Answer::text(error.to_string())),
        };
        // Tried again, or late: it may be night by now.
        if let Some(end) = message.quiet.as_ref().and_then(|quiet| quiet.ends(now())) {
            return Outcome::NotYet(end);
        }
        let subscription = match self.read(message.subscription_id).await {
            Ok(Some(subscription)) => subscription,
            Ok(None) => return gone("the browser was removed, or logged out"),
            Err(error) => return Outcome::Passing(Answer::text(error.to_string())),
        };
        if subscription.server_key != self.vapid.public_key() {
            return gone("the browser takes messages from another key");
        }
        let (reader, url) = match (
            Reader::parse(&subscription.p256dh, &subscription.auth),
            subscription.endpoint.parse::<Url>(),
        ) {
            (Ok(reader), Ok(url)) => (reader, url),
            _ => return gone("the subscription cannot be read"),
        };
        let body = match reader.encrypt(&shown(&message)) {
            Ok(body) => body,
            Err(error) => return Outcome::Permanent(Answer::text(error.to_string())),
        };
        let request = match self.outbound.request(Method::POST, url.as_str()) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let origin = url.origin().ascii_serialization();
        let request = request
            .header("ttl", TTL)
            .header("urgency", "normal")
            .header("topic", topic(&message))
            .header("content-encoding", "aes128gcm")
            .header("content-type", "application/octet-stream")
            .header(
                "authorization",
                self.vapid.authorization(&origin, now().timestamp()),
            )
            .body(body);
        match self.outbound.call(request).await {
            Ok(reply) => outcome(reply),
            Err(outcome) => outcome,
        }
    }

    async fn gone(&self, tx: &mut Tx, delivery: &Delivery) -> Result<(), sqlx::Error> {
        match delivery.payload["subscription_id"].as_i64() {
            Some(id) => push::end(tx, id).await,
            None => Ok(()),
        }
    }
}

fn gone(text: &str) -> Outcome {
    Outcome::Gone(Answer::text(text))
}

/// What `public/push-worker.js` shows. What is too long is shortened.
fn shown(message: &Message) -> Vec<u8> {
    let mut body = message.body.clone();
    loop {
        let text = json!({
            "title": message.title,
            "body": body,
            "url": message.url,
            "tag": message.tag,
        })
        .to_string();
        let (over, length) = (text.len().saturating_sub(LONGEST), body.chars().count());
        if over == 0 || length <= 1 {
            return text.into_bytes();
        }
        // A character takes 6 bytes at most, and the ellipsis 3.
        let kept = length.saturating_sub(over.div_ceil(6).max(2));
        body = body.chars().take(kept).chain(['…']).collect();
    }
}

/// While a browser is not there, its service keeps the last message of a topic only. It is a hash,
/// as the service need not know what it is about.
fn topic(message: &Message) -> String {
    let what = format!("{}\n{}", message.subscription_id, message.tag);
    encrypt::encode(&Sha256::digest(what)[..24])
}

fn outcome(reply: Reply) -> Outcome {
    let status = reply.status;
    match status {
        _ if status.is_success() => Outcome::Sent(reply.answer()),
        StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Gone(reply.answer()),
        // Too many at once; or it does not take our token, which an operator has to look into. Of
        // another browser at the same service that says nothing.
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN => Outcome::Passing(reply.answer()),
        // This message, or how we send it.
        _ if status.is_client_error() || status.is_redirection() => {
            Outcome::Permanent(reply.answer())
        }
        _ => Outcome::Passing(reply.answer().blaming()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Message {
        Message {
            subscription_id: 7,
            title: "On your list".into(),
            body: body.into(),
            url: "/tasks/7".into(),
            tag: "task-7".into(),
            quiet: None,
        }
    }

    #[test]
    fn what_is_too_long_is_shortened_and_stays_json() {
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&shown(&message("Milk"))).unwrap(),
            json!({"title": "On your list", "body": "Milk", "url": "/tasks/7", "tag": "task-7"})
        );
        for letter in ["x", "ö", "👍", "\"", "\u{1}"] {
            let text = shown(&message(&letter.repeat(10_000)));
            assert!(
                text.len() <= LONGEST && text.len() > LONGEST - 100,
                "{letter}"
            );
            let text: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert!(text["body"].as_str().unwrap().ends_with('…'));
        }
    }

    #[test]
    fn a_topic_is_a_tasks_and_says_nothing_of_it() {
        let topic = topic(&message("Milk"));
        assert_eq!(topic.len(), 32, "RFC 8030 allows no more");
        assert_eq!(topic, super::topic(&message("Bread")));
        let other = Message {
            tag: "task-8".into(),
            ..message("Milk")
        };
        assert_ne!(topic, super::topic(&other));
    }
}
