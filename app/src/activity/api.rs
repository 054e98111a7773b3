//! Public endpoints: one's own feed.

use super::Feed;
use crate::error::Error;
use crate::id::Seq;
use leptos::prelude::*;

/// The lines before number `before`, newest first, as far as `filter` wants them; it is written as in
/// the address of the page. Errors: `Invalid` fields.
#[server(prefix = "/api", endpoint = "activity/older")]
pub async fn older(before: Seq, #[server(default)] filter: String) -> Result<Feed, Error> {
    use super::{Asked, queries};
    let (state, session) = crate::accounts::session::require().await?;
    let mut conn = state.db.pool().acquire().await?;
    let asked = Asked::of(&filter);
    let filter = match filter.as_str() {
        "" => Default::default(),
        _ => {
            let zone = crate::accounts::queries::zone(&mut conn, &session.user_id).await?;
            asked.read(zone.unwrap_or(crate::accounts::Zone::UTC))?
        }
    };
    let (before, list) = (Some(before), asked.list());
    Ok(queries::page(
        &mut conn,
        &session.user_id,
        before,
        &filter,
        list.as_deref(),
    )
    .await?)
}

/// A window says that its person has the feed before their eyes, up to `seq`; without it, up to now.
#[server(prefix = "/api", endpoint = "activity/seen")]
pub async fn see_feed(seq: Option<Seq>) -> Result<(), Error> {
    let (state, session) = crate::accounts::session::require().await?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move { super::commands::see(tx, &session.user_id, seq).await })
        })
        .await
}
