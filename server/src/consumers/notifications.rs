//! What a person is told of: a confirmation, congratulations, a welcome. In the page at once; what
//! leaves the house is only queued.

use crate::consumer::{Consumer, HandleError};
use app::db::{Tx, now};
use app::event::{Event, EventData, EventType};
use app::notifications::{House, KINDS, Way, commands, push, queries};
use app::onboarding;
use chrono::TimeDelta;

/// Whoever reads history again, or comes late, sends nobody a letter of what is long past, and in
/// the page it is read already.
const FRESH: TimeDelta = TimeDelta::days(3);

pub struct Notifications {
    pub house: House,
}

impl Consumer for Notifications {
    const NAME: &'static str = "notifications";
    const TOPICS: &'static [EventType] = KINDS;

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        // They stand there as if they had always been there.
        if onboarding::is_sample(event) {
            return Ok(());
        }
        let title = match &event.envelope.data {
            EventData::TaskCreated(d) => &d.title,
            EventData::TaskCompleted(d) => &d.title,
            EventData::UserRegistered(d) => &d.name,
            EventData::EndpointDisabled(d) => &d.name,
            _ => return Ok(()),
        };
        // Not there: nobody to tell.
        let Some(person) = queries::person(tx, event.user_id()).await? else {
            return Ok(());
        };
        let (event_type, at) = (event.envelope.event_type, event.envelope.timestamp);
        let is_fresh = now() - at < FRESH;
        for way in Way::ALL {
            let can_be = self.house.ways.has(way) && (is_fresh || way == Way::Page);
            if !can_be || !person.wanted(event_type, way, at) {
                continue;
            }
            match way {
                Way::Page => commands::tell_in_page(tx, event, title, is_fresh).await?,
                Way::Email => {
                    commands::tell_by_email(tx, &self.house, &person, event, title).await?;
                }
                Way::Sms => commands::tell_by_sms(tx, &person, event, title).await?,
                Way::Push => push::tell(tx, &person, event, title).await?,
            }
        }
        Ok(())
    }
}
