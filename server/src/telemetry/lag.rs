//! How far each consumer is behind, whichever process runs it: from the database alone.

use super::metrics::consumer;
use crate::consumers;
use crate::transport::Transport;
use app::db::Db;
use app::event::EventType;
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, HashMap};

/// The most that is counted, so that a look costs little however far a consumer is behind.
const MOST: i64 = 10_000;

/// Remembers up to where each consumer has dealt with everything, so that only what came after it
/// is looked at: nothing, most of the time.
#[derive(Default)]
pub struct Lag {
    dealt_with: HashMap<&'static str, i64>,
}

impl Lag {
    /// Published events that have not been dealt with, by consumer; at most [`MOST`]. Of groups that
    /// keep no progress, which live in this process only, the transport knows.
    pub async fn of_all(
        &mut self,
        db: &Db,
        transport: &dyn Transport,
    ) -> anyhow::Result<BTreeMap<String, i64>> {
        let newest: Option<i64> = sqlx::query_scalar("select max(log_offset) from events")
            .fetch_one(db.pool())
            .await?;
        let newest = newest.unwrap_or(0);
        let mut all = BTreeMap::new();
        for (name, types) in consumers::all() {
            all.insert(name.to_owned(), self.of(db, name, types, newest).await?);
        }
        for (group, events) in transport.lag().await? {
            all.entry(consumer(&group).to_owned()).or_insert(events);
        }
        Ok(all)
    }

    async fn of(
        &mut self,
        db: &Db,
        name: &'static str,
        types: &[EventType],
        newest: i64,
    ) -> Result<i64, sqlx::Error> {
        let dealt_with = self.dealt_with.entry(name).or_insert(0);
        *dealt_with = (*dealt_with).max(newest - MOST);
        if *dealt_with == newest {
            return Ok(0);
        }
        // Our own constants, so safe inside of SQL.
        let types: Vec<String> = types.iter().map(|t| format!("'{}'", t.as_str())).collect();
        let sql = format!(
            "select count(*), min(e.log_offset) from events e \
             left join consumer_progress p on p.consumer = $1 and p.user_id = e.user_id \
             where e.log_offset > $2 and e.log_offset <= $3 and e.event_type in ({}) \
             and e.seq > coalesce(p.last_seq, 0)",
            types.join(", ")
        );
        let (behind, first): (i64, Option<i64>) = sqlx::query_as(AssertSqlSafe(sql))
            .bind(name)
            .bind(*dealt_with)
            .bind(newest)
            .fetch_one(db.pool())
            .await?;
        *dealt_with = first.map_or(newest, |first| first - 1);
        Ok(behind)
    }
}
