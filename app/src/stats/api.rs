//! Public endpoints: who is it, then one command.

use super::{Zone, commands};
use crate::accounts::session;
use crate::error::Error;
use crate::points::{self, Goals};
use leptos::prelude::*;

/// Sets the person's goals, days off (numbers of weekdays, Monday's is 0) and time zone.
/// Errors: `Invalid` fields.
#[server(prefix = "/api", endpoint = "stats/settings")]
pub async fn set_settings(
    daily: String,
    weekly: String,
    #[server(default)] off: Vec<u8>,
    zone: String,
) -> Result<(), Error> {
    let (state, session) = session::require().await?;
    let (goals, zone) = (Goals::read(&daily, &weekly, &off)?, read(&zone)?);
    state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                points::commands::set_goals(tx, &session.user_id, goals).await?;
                commands::set_zone(tx, &session.user_id, zone).await
            })
        })
        .await?;
    leptos_axum::redirect("/stats");
    Ok(())
}

/// The browser tells where it is; a person who has chosen a time zone keeps that one.
/// Errors: `Invalid`.
#[server(prefix = "/api", endpoint = "stats/zone")]
pub async fn learn_zone(zone: String) -> Result<(), Error> {
    let (state, session) = session::require().await?;
    let zone = read(&zone)?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::learn_zone(tx, &session.user_id, zone).await })
        })
        .await
}

fn read(zone: &str) -> Result<Zone, Error> {
    Zone::parse(zone)
        .ok_or_else(|| Error::invalid("zone", "Choose a time zone such as Europe/Lisbon."))
}
