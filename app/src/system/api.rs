//! Public endpoints for administrators; to everybody else there is nothing at these addresses.

use super::commands;
use crate::accounts::session;
use crate::error::Error;
use crate::outbox::Cause;
use crate::state::State;
use leptos::prelude::*;

/// The most that can be decided at once.
const MOST: usize = 100;

/// Has the consumers apply these dead letters' events once more; all of them or, if one cannot be,
/// none. Errors: `Conflict`, `Invalid`, `NotFound`.
#[server(prefix = "/api", endpoint = "system/dead-letters/redrive")]
pub async fn redrive_dead_letters(
    #[server(default)] ids: Vec<i64>,
    #[server(default)] filter: String,
) -> Result<(), Error> {
    let (state, cause) = cause(&ids).await?;
    let ids = in_order(ids);
    let count = ids.len();
    state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                for id in ids {
                    commands::redrive(tx, &cause, id).await?;
                }
                Ok(())
            })
        })
        .await?;
    leptos_axum::redirect(&page(&filter, "retried", count));
    Ok(())
}

/// Gives these dead letters up; `note` says why. Errors: as above.
#[server(prefix = "/api", endpoint = "system/dead-letters/discard")]
pub async fn discard_dead_letters(
    #[server(default)] ids: Vec<i64>,
    #[server(default)] note: String,
    #[server(default)] filter: String,
) -> Result<(), Error> {
    let (state, cause) = cause(&ids).await?;
    let ids = in_order(ids);
    let count = ids.len();
    state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move {
                for id in ids {
                    commands::discard(tx, &cause, id, &note).await?;
                }
                Ok(())
            })
        })
        .await?;
    leptos_axum::redirect(&page(&filter, "discarded", count));
    Ok(())
}

/// Each once, and in the order in which the relay locks them too: whoever waits for another's rows
/// is never waited for.
fn in_order(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The list as it was, with what was done said above it. What is no filter of ours is dropped.
fn page(filter: &str, did: &str, count: usize) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=&._-%".contains(c);
    let filter = match filter.chars().all(plain) && !filter.is_empty() {
        true => format!("{filter}&"),
        false => String::new(),
    };
    format!("/system?{filter}{did}={count}#letters")
}

async fn cause(ids: &[i64]) -> Result<(State, Cause), Error> {
    let (state, session) = session::require_admin().await?;
    if ids.is_empty() || ids.len() > MOST {
        return Err(Error::invalid(
            "ids",
            format!("Choose 1 to {MOST} dead letters."),
        ));
    }
    Ok((state, session::asked_by(session.user_id)))
}
