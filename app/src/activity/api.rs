//! Public endpoint: older lines of one's own feed.

use super::Feed;
use crate::error::Error;
use crate::id::Seq;
use leptos::prelude::*;

/// The lines before number `before`, newest first.
#[server(prefix = "/api", endpoint = "activity/older")]
pub async fn older(before: Seq) -> Result<Feed, Error> {
    let (state, session) = crate::accounts::session::require().await?;
    let mut conn = state.db.pool().acquire().await?;
    Ok(super::queries::page(&mut conn, &session.user_id, Some(before)).await?)
}
