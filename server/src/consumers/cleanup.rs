//! Notes which tasks were deleted, so that [`crate::cleanup`] removes what is left of them when its
//! time has come.

use crate::consumer::{Consumer, HandleError};
use app::db::{Tx, to_micros};
use app::event::{Event, EventData, EventType};

pub struct Cleanup;

impl Consumer for Cleanup {
    const NAME: &'static str = "cleanup";
    const TOPICS: &'static [EventType] = &[EventType::TaskDeleted, EventType::TaskRestored];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let data = match &event.envelope.data {
            EventData::TaskDeleted(data) => data,
            EventData::TaskRestored(data) => {
                sqlx::query("delete from cleanup_tasks where task_id = $1")
                    .bind(data.task_id.0)
                    .execute(&mut **tx)
                    .await?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        sqlx::query(
            "insert into cleanup_tasks (task_id, user_id, deleted_at) values ($1, $2, $3) \
             on conflict (task_id) do update set deleted_at = excluded.deleted_at",
        )
        .bind(data.task_id.0)
        .bind(&data.user_id.0)
        .bind(to_micros(data.deleted_at))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
