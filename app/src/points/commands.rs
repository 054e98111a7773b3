//! One function, one transaction.

use super::Goals;
use crate::db::Tx;
use crate::error::Error;
use crate::id::UserId;

/// Sets what the person wants to do.
pub async fn set_goals(tx: &mut Tx, user_id: &UserId, goals: Goals) -> Result<(), Error> {
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
    Ok(())
}
