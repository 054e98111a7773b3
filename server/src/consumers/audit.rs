//! The audit log: a row for each event, chained to the one before it.
//!
//! There is one chain for the whole installation, so appending waits for the row before it to be
//! committed: people are not served side by side here, as they are elsewhere. docs/audit.md says
//! what that costs.

use crate::consumer::{Consumer, HandleError};
use app::audit::{self, commands};
use app::db::Tx;
use app::event::{Event, EventType};

pub struct Audit;

impl Consumer for Audit {
    const NAME: &'static str = audit::CONSUMER;
    const TOPICS: &'static [EventType] = EventType::ALL;

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        commands::append(tx, event).await?;
        Ok(())
    }
}
