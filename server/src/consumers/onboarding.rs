//! Sample tasks for a new person; here they are only queued. See [`app::onboarding`].

use crate::consumer::{Consumer, HandleError};
use app::db::{Tx, now};
use app::deliveries::{New, commands};
use app::event::{Event, EventType};
use app::onboarding;
use chrono::TimeDelta;

/// Whoever signed up longer ago has found their way, when history is read again or the setting is
/// switched on later.
const FRESH: TimeDelta = TimeDelta::days(3);

pub struct Onboarding {
    /// The setting: when it is off, this event's turn is over all the same.
    pub on: bool,
}

impl Consumer for Onboarding {
    const NAME: &'static str = onboarding::NAME;
    const TOPICS: &'static [EventType] = &[EventType::UserRegistered];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        if self.on && now() - event.envelope.timestamp < FRESH {
            let new = New::of(event, onboarding::NAME, &event.user_id().0, &());
            commands::queue(tx, &new.through("tasks")).await?;
        }
        Ok(())
    }
}
