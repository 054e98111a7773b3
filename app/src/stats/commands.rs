//! One function, one transaction.

use super::Zone;
use crate::db::Tx;
use crate::error::Error;
use crate::id::UserId;

/// Has the person's days begin where they live.
pub async fn set_zone(tx: &mut Tx, user_id: &UserId, zone: Zone) -> Result<(), Error> {
    sqlx::query("update users set time_zone = $2 where user_id = $1")
        .bind(&user_id.0)
        .bind(zone.name())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The same, unless the person has a time zone already.
pub async fn learn_zone(tx: &mut Tx, user_id: &UserId, zone: Zone) -> Result<(), Error> {
    sqlx::query("update users set time_zone = $2 where user_id = $1 and time_zone is null")
        .bind(&user_id.0)
        .bind(zone.name())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
