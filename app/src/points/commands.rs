//! One function, one transaction.

use super::{Goals, queries};
use crate::accounts::commands::setting_changed;
use crate::db::Tx;
use crate::error::Error;
use crate::outbox::{self, Cause};

/// Sets what the person wants to do.
pub async fn set_goals(tx: &mut Tx, cause: &Cause, goals: Goals) -> Result<(), Error> {
    let user_id = &cause.actor_id;
    outbox::lock_stream(tx, user_id).await?;
    let old = queries::goals(tx, user_id).await?;
    sqlx::query(
        "insert into goals (user_id, daily, weekly, days_off) values ($1, $2, $3, $4) \
         on conflict (user_id) do update set \
         daily = excluded.daily, weekly = excluded.weekly, days_off = excluded.days_off",
    )
    .bind(&user_id.0)
    .bind(goals.daily)
    .bind(goals.weekly)
    .bind(goals.off.bits())
    .execute(&mut **tx)
    .await?;
    let (old, new) = (old.to_string(), goals.to_string());
    setting_changed(tx, cause, user_id, "goals", old, new).await
}
