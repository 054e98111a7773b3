//! A public endpoint for administrators; to everybody else there is nothing at its address.

use super::commands;
use crate::accounts::session;
use crate::error::Error;
use leptos::prelude::*;

/// The most that can be queued again at once.
const MOST: usize = 100;

/// Sends these once more, under the same ids; all of them or, if one cannot be, none.
/// Errors: `Conflict`, `Invalid`, `NotFound`.
#[server(prefix = "/api", endpoint = "system/deliveries/redeliver")]
pub async fn redeliver(#[server(default)] ids: Vec<i64>) -> Result<(), Error> {
    let (state, session) = session::require_admin().await?;
    if ids.is_empty() || ids.len() > MOST {
        return Err(Error::invalid(
            "ids",
            format!("Choose 1 to {MOST} deliveries."),
        ));
    }
    let cause = session::asked_by(session.user_id);
    state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                for id in ids {
                    commands::redeliver(tx, &cause, id).await?;
                }
                Ok(())
            })
        })
        .await?;
    leptos_axum::redirect("/system/deliveries");
    Ok(())
}
