//! Sample tasks do not leave the house, but a consumer may not make them either: it runs no commands.
//! So they go the way of what is sent: tried until it is done, and twice is as good as once.

use super::{Answer, Channel, Outcome};
use app::db::Db;
use app::deliveries::Delivery;
use app::error::{Error, Kind};
use app::onboarding;
use async_trait::async_trait;

pub struct Onboarding {
    pub db: Db,
}

#[async_trait]
impl Channel for Onboarding {
    fn name(&self) -> &'static str {
        onboarding::NAME
    }

    fn at_once(&self) -> i64 {
        8
    }

    async fn send(&self, delivery: &Delivery) -> Outcome {
        let (user_id, traceparent) = (delivery.user_id.clone(), delivery.traceparent.clone());
        let made = self
            .db
            .write::<_, Error, _>(move |tx| {
                Box::pin(
                    async move { onboarding::create(tx, &user_id, traceparent.as_deref()).await },
                )
            })
            .await;
        match made {
            Ok(()) => Outcome::Sent(Answer::text("made")),
            // Their account is gone.
            Err(error) if error.code == Kind::Unauthenticated => {
                Outcome::Permanent(Answer::text("there is no such person"))
            }
            Err(error) => Outcome::Passing(Answer::text(error.detail).blaming()),
        }
    }
}
