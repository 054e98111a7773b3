//! A public endpoint for administrators; to everybody else there is nothing at its address.

use super::{commands, verify};
use crate::accounts::session;
use crate::error::Error;
use leptos::prelude::*;

/// Walks the whole log and remembers for the page how it was found.
#[server(prefix = "/api", endpoint = "audit/verify")]
pub async fn verify_audit() -> Result<(), Error> {
    let (state, _) = session::require_admin().await?;
    let report = verify::verify(&state.db, None).await?;
    if let Some(problem) = &report.problem {
        tracing::error!(problem, "the audit log is not as it was written");
    }
    state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move { Ok(commands::checked(tx, &report).await?) })
        })
        .await?;
    leptos_axum::redirect("/audit");
    Ok(())
}
