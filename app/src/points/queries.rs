//! SQL to points and goals.

use super::rules::DaysOff;
use super::{CONSUMER, Goals};
use crate::id::UserId;
use sqlx::AnyConnection;

/// All points a person has.
pub async fn points(conn: &mut AnyConnection, user_id: &UserId) -> Result<i64, sqlx::Error> {
    let points: Option<i64> =
        sqlx::query_scalar("select points from points_people where consumer = $1 and user_id = $2")
            .bind(CONSUMER)
            .bind(&user_id.0)
            .fetch_optional(conn)
            .await?;
    Ok(points.unwrap_or(0))
}

/// What the person wants to do; what everybody starts with if they have not said.
pub async fn goals(conn: &mut AnyConnection, user_id: &UserId) -> Result<Goals, sqlx::Error> {
    let row: Option<(i64, i64, i64)> =
        sqlx::query_as("select daily, weekly, days_off from goals where user_id = $1")
            .bind(&user_id.0)
            .fetch_optional(conn)
            .await?;
    let goals = row.map(|(daily, weekly, off)| Goals {
        daily,
        weekly,
        off: DaysOff::new(off),
    });
    Ok(goals.unwrap_or_default())
}
