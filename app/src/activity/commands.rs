//! One function, one transaction.

use crate::db::{Tx, now, to_micros};
use crate::error::Error;
use crate::id::{Seq, UserId};

/// The person has seen their feed up to `seq`, or up to now; never less than before.
pub async fn see(tx: &mut Tx, user_id: &UserId, seq: Option<Seq>) -> Result<(), Error> {
    let last: i64 = sqlx::query_scalar("select last_seq from streams where user_id = $1")
        .bind(&user_id.0)
        .fetch_one(&mut **tx)
        .await?;
    sqlx::query(
        "insert into feed_seen (user_id, seq, seen_at) values ($1, $2, $3) \
         on conflict (user_id) do update set seen_at = excluded.seen_at, seq = \
         case when excluded.seq > feed_seen.seq then excluded.seq else feed_seen.seq end",
    )
    .bind(&user_id.0)
    .bind(seq.map_or(last, |seq| seq.0.clamp(0, last)))
    .bind(to_micros(now()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
