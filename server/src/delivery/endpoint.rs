//! What the channels to people's endpoints share: how an endpoint is found, reached and given up.

use super::http::{Outbound, Reply};
use super::{Answer, Channel, Outcome};
use crate::config::Config;
use app::db::{Db, Tx};
use app::deliveries::commands::Ended;
use app::deliveries::{Delivery, Verdict};
use app::webhooks::{Gate, Kind, Message, Target, health, queries};
use async_trait::async_trait;
use futures::future::BoxFuture;
use reqwest::RequestBuilder;
use std::time::Duration;
use tokio::time::timeout;

/// A delivery that was tried so often fails for more than a moment.
const OFTEN: i64 = 5;

/// What is read of an answer: a list of Jira's is long. What is kept of it is less.
const BODY: usize = 256 * 1024;

/// How endpoints of one kind are told of something.
#[async_trait]
pub trait Protocol: Send + Sync + 'static {
    const KIND: Kind;

    /// Tells `target` of `message`, under `delivery.message_id`. Both results are how that went.
    async fn tell(
        &self,
        reach: &Reach,
        delivery: &Delivery,
        target: Target,
        message: Message,
    ) -> Result<Outcome, Outcome>;
}

/// The channel to people's endpoints of one kind: one message after the other to each.
pub struct Endpoints<P> {
    pub reach: Reach,
    pub protocol: P,
}

#[async_trait]
impl<P: Protocol> Channel for Endpoints<P> {
    fn name(&self) -> &'static str {
        P::KIND.as_str()
    }

    fn ordered(&self) -> bool {
        true
    }

    async fn send(&self, delivery: &Delivery) -> Outcome {
        let told = async {
            let (target, message) = self.reach.target(delivery).await?;
            let protocol = &self.protocol;
            protocol.tell(&self.reach, delivery, target, message).await
        };
        told.await.unwrap_or_else(|outcome| outcome)
    }

    /// At the endpoint: see [`health::failed`].
    async fn noted(
        &self,
        tx: &mut Tx,
        delivery: &Delivery,
        ended: &Ended,
        verdict: &Verdict,
    ) -> Result<(), sqlx::Error> {
        let id = &delivery.target;
        match verdict {
            Verdict::Sent => health::succeeded(tx, id).await,
            Verdict::Later { .. } => health::failed(tx, id, delivery.tries >= OFTEN, false).await,
            Verdict::Failed { .. } => health::failed(tx, id, true, true).await,
            Verdict::Permanent => health::failed(tx, id, false, true).await,
            // Without an answer it was us: the endpoint is off, or was removed.
            Verdict::Gone => match ended.status {
                Some(status) => health::gone(tx, id, status).await,
                None => Ok(()),
            },
            Verdict::NotYet { .. } => Ok(()),
        }
    }
}

/// The way to people's endpoints.
#[derive(Clone)]
pub struct Reach {
    pub db: Db,
    pub outbound: Outbound,
    /// What a request may take.
    pub limit: Duration,
}

impl Reach {
    pub fn new(config: &Config, db: &Db) -> anyhow::Result<Self> {
        Ok(Reach {
            db: db.clone(),
            outbound: Outbound::new(config.delivery.allow_private)?,
            limit: limit(config.delivery.settings().timeout),
        })
    }

    /// The endpoint of a delivery as it is now, and what it is to be told. Errors: it is not there any
    /// more, or off.
    async fn target(&self, delivery: &Delivery) -> Result<(Target, Message), Outcome> {
        let message = serde_json::from_value(delivery.payload.clone())
            .map_err(|error| Outcome::Permanent(Answer::text(error.to_string())))?;
        let away = |error: sqlx::Error| {
            tracing::warn!(%error, "an endpoint waits for the database");
            Outcome::Passing(Answer::text("it could not be looked up"))
        };
        let mut conn = self.db.pool().acquire().await.map_err(away)?;
        let target = queries::target(&mut conn, &delivery.target)
            .await
            .map_err(away)?;
        match target {
            Some(target) if target.endpoint.disabled_at.is_none() => Ok((target, message)),
            Some(_) => Err(Outcome::Gone(Answer::text("it is switched off"))),
            None => Err(Outcome::Gone(Answer::text("it was removed"))),
        }
    }

    /// Sends a request and reads what is kept of the answer. Errors: there was none.
    pub async fn call(&self, request: RequestBuilder) -> Result<Reply, Outcome> {
        match timeout(self.limit, self.outbound.call_for(request, BODY)).await {
            Ok(answer) => answer,
            Err(_) => Err(Outcome::Passing(
                Answer::text(format!("no answer within {:?}", self.limit)).blaming(),
            )),
        }
    }
}

/// A little less than what an attempt may take: so that one that is late can still tell what it asked.
fn limit(whole: Duration) -> Duration {
    whole - Duration::from_millis(50).min(whole / 10)
}

impl Gate for Outbound {
    fn check<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), String>> {
        use super::http::Refusal::{Never, Unknown};
        Box::pin(async move {
            match self.target(url).await {
                Ok(_) => Ok(()),
                Err(Never(text) | Unknown(text)) => Err(text),
            }
        })
    }

    fn allows_private(&self) -> bool {
        Outbound::allows_private(self)
    }
}
