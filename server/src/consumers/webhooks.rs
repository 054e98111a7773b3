//! Queues what a person's endpoints are to hear of. It is sent by the channel of the endpoint's kind,
//! to one endpoint in the order of the person's stream.

use crate::consumer::{Consumer, HandleError};
use app::db::Tx;
use app::deliveries::{New, commands};
use app::event::{Event, EventType};
use app::webhooks::{CHOICES, Message, queries};

pub struct Webhooks;

impl Consumer for Webhooks {
    const NAME: &'static str = "webhooks";
    const TOPICS: &'static [EventType] = CHOICES;

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let envelope = &event.envelope;
        let wanting =
            queries::wanting(tx, event.user_id(), envelope.event_type, envelope.timestamp).await?;
        if wanting.is_empty() {
            return Ok(());
        }
        let message = Message::of(event);
        for (endpoint_id, kind) in wanting {
            let new = New::of(event, kind.as_str(), &endpoint_id, &message);
            commands::queue(tx, &new).await?;
        }
        Ok(())
    }
}
