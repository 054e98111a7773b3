//! On which weekdays a person completes tasks, in UTC.

use app::db::Tx;
use app::event::{Event, EventData, EventType};
use chrono::Datelike;
use server::consumer::{Consumer, HandleError};

pub struct Weekdays;

impl Consumer for Weekdays {
    const NAME: &'static str = "weekdays";
    const TOPICS: &'static [EventType] = &[EventType::TaskCompleted];
    const TABLES: &'static [&'static str] = &["weekdays"];

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let EventData::TaskCompleted(data) = &event.envelope.data else {
            return Ok(());
        };
        let weekday = data.completed_at.weekday().num_days_from_monday();
        sqlx::query(
            "insert into weekdays (user_id, weekday, completed) values ($1, $2, 1) \
             on conflict (user_id, weekday) do update set completed = weekdays.completed + 1",
        )
        .bind(&data.user_id.0)
        .bind(i64::from(weekday))
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}
