//! Webhooks as Standard Webhooks has them (https://www.standardwebhooks.com): a POST of the event's
//! envelope, signed over "id.timestamp.body", one after the other to an endpoint.

use super::endpoint::{Protocol, Reach};
use super::http::Reply;
use super::{Answer, Outcome};
use app::db::now;
use app::deliveries::Delivery;
use app::webhooks::{Kind, Message, Target};
use async_trait::async_trait;
use reqwest::Method;

pub struct Webhook;

#[async_trait]
impl Protocol for Webhook {
    const KIND: Kind = Kind::Webhook;

    async fn tell(
        &self,
        reach: &Reach,
        delivery: &Delivery,
        target: Target,
        message: Message,
    ) -> Result<Outcome, Outcome> {
        let timestamp = now().timestamp();
        let id = &delivery.message_id;
        let Some(signature) = target.secrets.sign(id, timestamp, &message.body) else {
            let broken = Answer::text("the secret is broken: rotate it");
            return Err(Outcome::Permanent(broken));
        };
        let url = &target.endpoint.url;
        let request = reach.outbound.open(Method::POST, url).await?;
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        if let Some(trace) = &delivery.traceparent {
            headers.push(("traceparent", trace.clone()));
        }
        let mut request = request.body(message.body);
        let mut asked = String::new();
        for (name, value) in &headers {
            request = request.header(*name, value);
            asked += &format!("{name}: {value}\n");
        }
        let outcome = reach.call(request).await.map(Reply::outcome);
        Ok(outcome.unwrap_or_else(|outcome| outcome).asked(&asked))
    }
}
