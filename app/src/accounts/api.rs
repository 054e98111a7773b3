//! Public endpoints. What refuses says on which field, and never whether an account exists.

use super::SessionInfo;
use crate::error::Error;
use crate::id::SessionId;
use leptos::prelude::*;

/// Makes an account and logs in. Errors: `Invalid` fields, `Conflict` on a taken address.
#[server(prefix = "/api", endpoint = "accounts/register")]
pub async fn register(email: String, name: String, password: String) -> Result<(), Error> {
    use super::{commands, password, session};
    let state: crate::state::State = expect_context();
    let (email, name) = (super::email(&email)?, super::name(&name)?);
    password::check(&password)?;
    let hash = password::hash(&state, password).await?;
    let user_id = crate::id::UserId::new();
    let cause = session::asked_by(user_id.clone());
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::register(tx, &cause, &email, &name, &hash).await })
        })
        .await?;
    session::begin(&state, user_id, true).await?;
    leptos_axum::redirect("/");
    Ok(())
}

/// Errors: `Invalid`, the same whether the address or the password is wrong; `TooMany`.
#[server(prefix = "/api", endpoint = "accounts/login")]
pub async fn login(email: String, password: String) -> Result<(), Error> {
    use super::{commands, queries, session};
    let state: crate::state::State = expect_context();
    let wrong = || {
        Error::invalid(
            "password",
            "This e-mail address and password do not belong together. Check both and try again.",
        )
    };
    let email = super::email(&email)?;
    let cause = session::asked_by(crate::id::UserId(commands::ANYBODY.into()));
    let address = cause.origin.address.clone();
    let attempt = (email.clone(), address.clone());
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::attempt_login(tx, &attempt.0, &attempt.1).await })
        })
        .await?;
    let (user_id, hash) = queries::login(state.db.pool(), &email).await?.unzip();
    let fits = super::password::verify(&state, password, hash).await?;
    let user_id = match user_id {
        Some(user_id) if fits => user_id,
        // Of an account that is not there an event is written too: so both take as long.
        known => {
            state
                .db
                .write(move |tx| {
                    Box::pin(async move { commands::login_failed(tx, &cause, known).await })
                })
                .await?;
            return Err(wrong());
        }
    };
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::forget_attempts(tx, &email, &address).await })
        })
        .await?;
    session::begin(&state, user_id, false).await?;
    leptos_axum::redirect("/");
    Ok(())
}

/// Ends the session that asks. Without one it succeeds too.
#[server(prefix = "/api", endpoint = "accounts/logout")]
pub async fn logout() -> Result<(), Error> {
    use super::session;
    let (state, session) = session::current().await?;
    if let Some(session) = session {
        session::end(&state, &session.user_id, &session.session_id, "logged_out").await?;
    }
    session::forget(&state);
    leptos_axum::redirect("/login");
    Ok(())
}

/// One's own sessions, last used first.
#[server(prefix = "/api", endpoint = "accounts/sessions")]
pub async fn sessions() -> Result<Vec<SessionInfo>, Error> {
    let (state, session) = super::session::require().await?;
    Ok(super::queries::sessions(state.db.pool(), &session.user_id, &session.session_id).await?)
}

/// Ends one of one's own sessions. Errors: `NotFound`.
#[server(prefix = "/api", endpoint = "accounts/sessions/end")]
pub async fn end_session(session_id: SessionId) -> Result<(), Error> {
    let (state, session) = super::session::require().await?;
    super::session::end(&state, &session.user_id, &session_id, "revoked").await
}

/// Chooses the colours of this browser: "light", "dark", or "system". Errors: `Invalid`.
#[server(prefix = "/api", endpoint = "accounts/theme")]
pub async fn set_theme(theme: String) -> Result<(), Error> {
    let age = match theme.as_str() {
        "light" | "dark" => 31_536_000,
        "system" => 0,
        _ => return Err(Error::invalid("theme", "Choose light, dark or system.")),
    };
    let cookie = format!("theme={theme}; Path=/; SameSite=Lax; Max-Age={age}");
    let response = expect_context::<leptos_axum::ResponseOptions>();
    if let Ok(value) = http::HeaderValue::from_str(&cookie) {
        response.append_header(http::header::SET_COOKIE, value);
    }
    Ok(())
}

/// Sets one's time zone, a name of the IANA database. Errors: `Invalid`.
#[server(prefix = "/api", endpoint = "accounts/zone")]
pub async fn set_zone(zone: String) -> Result<(), Error> {
    let (state, cause) = super::session::cause(None).await?;
    let zone = super::Zone::read(&zone)?;
    state
        .db
        .write(move |tx| Box::pin(async move { super::commands::set_zone(tx, &cause, zone).await }))
        .await?;
    leptos_axum::redirect("/you");
    Ok(())
}

/// The browser tells where it is; a person who has a time zone keeps that one. Errors: `Invalid`.
#[server(prefix = "/api", endpoint = "accounts/zone/guess")]
pub async fn guess_zone(zone: String) -> Result<(), Error> {
    let (state, session) = super::session::require().await?;
    let zone = super::Zone::read(&zone)?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move { super::commands::guess_zone(tx, &session.user_id, zone).await })
        })
        .await
}
