//! The first tasks of a new person: they teach the application by being done.
//!
//! The consumer `onboarding` hears of somebody who signed up and queues one delivery; sending it is
//! running the ordinary command for each sample, so each is an event like any other. The command's
//! name follows from the person and the sample. A command of a name that was carried out before
//! changes nothing, so however often the delivery is sent, after a crash or by two processes, there is
//! one of each; and one that the person has deleted does not come back.
//!
//! They are made in the person's name but they are not the person's doing: nobody is told of them,
//! and they do not count as added. They give no points, as nothing does that is merely written down.
//! They are open work, for they are in the list. What the person does with them counts as anything else.

use crate::db::Tx;
use crate::error::Error;
use crate::event::{Event, EventData};
use crate::id::{CommandId, UserId};
use crate::outbox::Cause;
use crate::tasks;
use sha2::{Digest, Sha256};
use uuid::Builder;

/// The consumer, and the channel that its deliveries go through.
pub const NAME: &str = "onboarding";

/// Title and description.
pub type Sample = (&'static str, &'static str);

/// In the order they stand in the list. Another one goes to the end: a sample's number names its
/// command.
pub const SAMPLES: [Sample; 6] = [
    (
        "Check me off",
        "Click the circle in front. The task folds away under Done, and the feed tells of it: beside \
         the list, or one tap away on a small screen. Every other window of yours shows it at once.",
    ),
    (
        "Open me and give me another name",
        "Click the title, change it, and save. The feed keeps what was before and what is now. Delete \
         is there too.",
    ),
    (
        "Write down a task of your own",
        "Type it into the field above the list and press Enter. The key q leads there from anywhere on \
         the page.",
    ),
    (
        "Find a task again",
        "Press / or choose Search, and type how any of its words begins. A slip of the finger does no \
         harm.",
    ),
    (
        "Look at what has happened",
        "The feed has every change: unfold a line, or filter by kind and day. Stats has your days, \
         goals and streaks.",
    ),
    (
        "Choose what you want to hear of",
        "Under You are your time zone and your notifications: which, where, and when it is quiet.",
    ),
];

/// The command that makes a sample, by its number in [`SAMPLES`].
pub fn command_id(user_id: &UserId, number: usize) -> CommandId {
    let digest = Sha256::digest(format!("onboarding\n{user_id}\n{number}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    CommandId(Builder::from_custom_bytes(bytes).into_uuid())
}

/// Whether the event is the making of a sample.
pub fn is_sample(event: &Event) -> bool {
    let EventData::TaskCreated(created) = &event.envelope.data else {
        return false;
    };
    let named = |number| event.command_id == Some(command_id(&created.user_id, number));
    (0..SAMPLES.len()).any(named)
}

/// Makes those samples that were never made. The first is made last: the list begins with the newest.
/// Errors: `Unauthenticated` if there is no such person.
pub async fn create(tx: &mut Tx, user_id: &UserId, traceparent: Option<&str>) -> Result<(), Error> {
    for (number, (title, description)) in SAMPLES.iter().enumerate().rev() {
        let cause = Cause {
            command_id: Some(command_id(user_id, number)),
            traceparent: traceparent.map(str::to_owned),
            ..Cause::unasked(&*user_id.0)
        };
        tasks::commands::create(tx, &cause, title, description).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_sample_of_each_person_has_a_command_of_its_own_that_stays() {
        let (ada, eve) = (UserId("user-ada".into()), UserId("user-eve".into()));
        let all = || [&ada, &eve].map(|who| (0..SAMPLES.len()).map(|n| command_id(who, n)));
        let names: BTreeSet<_> = all().into_iter().flatten().collect();
        assert_eq!(names.len(), 2 * SAMPLES.len());
        // Kept in people's events: another name would make the samples of everybody anew.
        let first = command_id(&ada, 0).to_string();
        assert_eq!(first, "dfe0ac35-f380-8c1b-b399-9c9209eab905");
    }

    #[test]
    fn samples_are_tasks_that_may_be() {
        for (title, description) in SAMPLES {
            assert_eq!(tasks::title(title).unwrap(), title);
            assert_eq!(tasks::description(description).unwrap(), description);
        }
    }
}
