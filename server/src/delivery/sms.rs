//! SMS, by an HTTP gateway that takes the form that Twilio made common:
//! `POST {base}/2010-04-01/Accounts/{account}/Messages.json`, with To, From and Body, and the
//! account's name and token as user and password.

use super::http::{Outbound, Reply};
use super::{Answer, Channel, Outcome};
use crate::config::Secret;
use app::db::now;
use app::deliveries::Delivery;
use app::notifications::{Text, Way};
use async_trait::async_trait;
use reqwest::{Method, StatusCode};

#[derive(Clone, Debug)]
pub struct Settings {
    /// Without a slash at its end.
    pub base: String,
    pub account: String,
    pub token: Secret,
    pub from: String,
}

pub struct Sms {
    settings: Settings,
    outbound: Outbound,
}

impl Sms {
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        Ok(Sms {
            settings,
            // The operator has named it, who may have it in the house.
            outbound: Outbound::new(true)?,
        })
    }
}

#[async_trait]
impl Channel for Sms {
    fn name(&self) -> &'static str {
        Way::Sms.as_str()
    }

    fn at_once(&self) -> i64 {
        2
    }

    async fn send(&self, delivery: &Delivery) -> Outcome {
        let text = match serde_json::from_value::<Text>(delivery.payload.clone()) {
            Ok(text) => text,
            Err(error) => return Outcome::Permanent(Answer::text(error.to_string())),
        };
        // Tried again, or late: it may be night by now.
        if let Some(end) = text.quiet.as_ref().and_then(|quiet| quiet.ends(now())) {
            return Outcome::NotYet(end);
        }
        let Settings {
            base,
            account,
            token,
            from,
        } = &self.settings;
        let url = format!("{base}/2010-04-01/Accounts/{account}/Messages.json");
        let request = match self.outbound.request(Method::POST, &url) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let form = [
            ("To", delivery.target.as_str()),
            ("From", from.as_str()),
            ("Body", text.body.as_str()),
        ];
        let request = request
            .basic_auth(account, Some(&**token))
            // Gateways that know it send no message twice.
            .header("Idempotency-Key", &delivery.message_id)
            .form(&form);
        match self.outbound.call(request).await {
            Ok(reply) => outcome(reply),
            Err(outcome) => outcome,
        }
    }
}

fn outcome(reply: Reply) -> Outcome {
    let status = reply.status;
    match status {
        _ if status.is_success() => Outcome::Sent(reply.answer()),
        // Not let in, or no such account: an operator has to do something.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            Outcome::Passing(reply.answer().blaming())
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Outcome::Passing(reply.answer())
        }
        // This message or its number.
        _ if status.is_client_error() => Outcome::Permanent(reply.answer()),
        _ => Outcome::Passing(reply.answer().blaming()),
    }
}
