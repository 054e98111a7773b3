//! SQL to figures.

use super::open::Open;
use super::{CLASSES, CONSUMER, Counted, DAYS, Day, Stats, TOPICS, Took, Zone, quarter};
use crate::db::{from_micros, to_micros};
use crate::event::{EventType, Timestamp};
use crate::id::{Seq, UserId};
use crate::points;
use sqlx::{AnyConnection, AssertSqlSafe};
use std::collections::BTreeMap;

/// A person's figures at the moment `now`, by the days of `zone`.
pub async fn stats(
    conn: &mut AnyConnection,
    user_id: &UserId,
    zone: Zone,
    now: Timestamp,
) -> Result<Stats, sqlx::Error> {
    let today = zone.day(now);
    let first = today - DAYS + 1;
    let mut days: Vec<Day> = (first..=today).map(empty).collect();
    let from = zone.begins(first);
    for (at, added, completed) in quarters(conn, user_id, quarter(from)).await? {
        if let Some(day) = days.get_mut((zone.day_of(at) - first) as usize) {
            day.added += added;
            day.completed += completed;
        }
    }
    let (added, added_and_done) = added(conn, user_id, from).await?;
    Ok(Stats {
        zone,
        today,
        days,
        active: active(conn, user_id, zone).await?,
        added,
        added_and_done,
        took: took(conn, user_id, from).await?,
        open: open(conn, user_id, zone, today).await?,
    })
}

fn empty(day: i64) -> Day {
    Day {
        day,
        ..Day::default()
    }
}

/// What was added and completed by quarters of an hour, from `first` on.
async fn quarters(
    conn: &mut AnyConnection,
    user_id: &UserId,
    first: i64,
) -> Result<Vec<(i64, i64, i64)>, sqlx::Error> {
    sqlx::query_as(
        "select quarter, added, completed from analytics_quarters \
         where consumer = $1 and user_id = $2 and quarter >= $3 order by quarter",
    )
    .bind(CONSUMER)
    .bind(&user_id.0)
    .bind(first)
    .fetch_all(conn)
    .await
}

/// The days on which anything was completed and is still done, ascending.
async fn active(
    conn: &mut AnyConnection,
    user_id: &UserId,
    zone: Zone,
) -> Result<Vec<i64>, sqlx::Error> {
    let quarters: Vec<i64> = sqlx::query_scalar(
        "select quarter from analytics_quarters \
         where consumer = $1 and user_id = $2 and completed > 0 order by quarter",
    )
    .bind(CONSUMER)
    .bind(&user_id.0)
    .fetch_all(conn)
    .await?;
    let mut days: Vec<i64> = quarters.into_iter().map(|at| zone.day_of(at)).collect();
    days.dedup();
    Ok(days)
}

/// How many tasks were added since `from`, and how many of those are done.
async fn added(
    conn: &mut AnyConnection,
    user_id: &UserId,
    from: Timestamp,
) -> Result<(i64, i64), sqlx::Error> {
    sqlx::query_as(
        "select count(*), count(completed_at) from analytics_tasks \
         where consumer = $1 and user_id = $2 and created_at >= $3",
    )
    .bind(CONSUMER)
    .bind(&user_id.0)
    .bind(to_micros(from))
    .fetch_one(conn)
    .await
}

/// How long those took that were completed since `from`.
async fn took(
    conn: &mut AnyConnection,
    user_id: &UserId,
    from: Timestamp,
) -> Result<Took, sqlx::Error> {
    let mut class = String::from("case");
    for (n, longest) in CLASSES.iter().enumerate() {
        class += &format!(" when minutes <= {longest} then {n}");
    }
    class += &format!(" else {} end", CLASSES.len());
    let sql = format!(
        "select {class} as class, count(*) from analytics_tasks \
         where consumer = $1 and user_id = $2 and completed_at >= $3 group by class"
    );
    let counts: Vec<(i64, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(CONSUMER)
        .bind(&user_id.0)
        .bind(to_micros(from))
        .fetch_all(&mut *conn)
        .await?;
    let mut took = Took::default();
    for (class, count) in counts {
        took.classes[class as usize] = count;
    }
    let completed: i64 = took.classes.iter().sum();
    if completed > 0 {
        took.median = sqlx::query_scalar(
            "select minutes from analytics_tasks \
             where consumer = $1 and user_id = $2 and completed_at >= $3 \
             order by minutes limit 1 offset $4",
        )
        .bind(CONSUMER)
        .bind(&user_id.0)
        .bind(to_micros(from))
        .bind((completed - 1) / 2)
        .fetch_optional(conn)
        .await?;
    }
    Ok(took)
}

/// What is open, and was at the end of each day.
async fn open(
    conn: &mut AnyConnection,
    user_id: &UserId,
    zone: Zone,
    today: i64,
) -> Result<Open, sqlx::Error> {
    let mut changes: Vec<(i64, i64)> = sqlx::query_as(
        "select quarter, opened from analytics_quarters \
         where consumer = $1 and user_id = $2 and opened <> 0 order by quarter",
    )
    .bind(CONSUMER)
    .bind(&user_id.0)
    .fetch_all(&mut *conn)
    .await?;
    for (at, _) in &mut changes {
        *at = zone.day_of(*at);
    }
    let oldest: Option<i64> = sqlx::query_scalar(
        "select min(open_since) from analytics_tasks \
         where consumer = $1 and user_id = $2 and open_since is not null",
    )
    .bind(CONSUMER)
    .bind(&user_id.0)
    .fetch_one(conn)
    .await?;
    Ok(Open {
        oldest: oldest.map(from_micros),
        ..Open::by_day(&changes, today)
    })
}

/// People who signed up, by day of `zone`: the days up to today, oldest first. For administrators.
pub async fn sign_ups(
    conn: &mut AnyConnection,
    zone: Zone,
    now: Timestamp,
) -> Result<Vec<(i64, i64)>, sqlx::Error> {
    let today = zone.day(now);
    let first = today - DAYS + 1;
    let mut days: BTreeMap<i64, i64> = (first..=today).map(|day| (day, 0)).collect();
    let quarters: Vec<(i64, i64)> = sqlx::query_as(
        "select registered_at / 900000000 as quarter, count(*) from analytics_people \
         where consumer = $1 and registered_at >= $2 group by quarter",
    )
    .bind(CONSUMER)
    .bind(to_micros(zone.begins(first)))
    .fetch_all(conn)
    .await?;
    for (quarter, people) in quarters {
        if let Some(count) = days.get_mut(&zone.day_of(quarter)) {
            *count += people;
        }
    }
    Ok(days.into_iter().collect())
}

/// How far both consumers are that the page shows.
pub async fn counted(conn: &mut AnyConnection, user_id: &UserId) -> Result<Counted, sqlx::Error> {
    let last: i64 = sqlx::query_scalar("select last_seq from streams where user_id = $1")
        .bind(&user_id.0)
        .fetch_one(&mut *conn)
        .await?;
    let mut counted = Counted {
        seq: Seq(last),
        waiting: 0,
    };
    for (consumer, topics) in [(CONSUMER, TOPICS), (points::CONSUMER, points::TOPICS)] {
        let (next, waiting) = uncounted(conn, user_id, consumer, topics).await?;
        counted.waiting = counted.waiting.max(waiting);
        if let Some(next) = next {
            counted.seq = counted.seq.min(Seq(next - 1));
        }
    }
    Ok(counted)
}

/// The next event that a consumer has to count, and how many there are.
async fn uncounted(
    conn: &mut AnyConnection,
    user_id: &UserId,
    consumer: &str,
    topics: &[EventType],
) -> Result<(Option<i64>, i64), sqlx::Error> {
    let progress: Option<i64> = sqlx::query_scalar(
        "select last_seq from consumer_progress where consumer = $1 and user_id = $2",
    )
    .bind(consumer)
    .bind(&user_id.0)
    .fetch_optional(&mut *conn)
    .await?;
    // Names of ours, so safe inside of SQL.
    let topics: Vec<String> = topics.iter().map(|t| format!("'{}'", t.as_str())).collect();
    let sql = format!(
        "select min(seq), count(*) from events \
         where user_id = $1 and seq > $2 and event_type in ({})",
        topics.join(", ")
    );
    sqlx::query_as(AssertSqlSafe(sql))
        .bind(&user_id.0)
        .bind(progress.unwrap_or(0))
        .fetch_one(conn)
        .await
}
