//! Public endpoints: who is it, then one command.

use crate::accounts::session;
use crate::error::Error;
use crate::points::{self, Goals};
use leptos::prelude::*;

/// Sets the person's goals and days off (numbers of weekdays, Monday's is 0). Errors: `Invalid`
/// fields.
#[server(prefix = "/api", endpoint = "stats/settings")]
pub async fn set_settings(
    daily: String,
    weekly: String,
    #[server(default)] off: Vec<u8>,
) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let goals = Goals::read(&daily, &weekly, &off)?;
    state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move { points::commands::set_goals(tx, &cause, goals).await })
        })
        .await?;
    leptos_axum::redirect("/stats");
    Ok(())
}
