//! Who asks: the cookie, and the session behind it.
//!
//! The cookie holds a random token of 256 bits; the database holds its SHA-256 only.

use super::{commands, queries};
use crate::error::{Error, Kind};
use crate::event::Timestamp;
use crate::id::{CommandId, SessionId, UserId};
use crate::outbox::{Cause, Origin};
use crate::state::State;
use crate::trace::Context;
use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use leptos::prelude::{expect_context, use_context};
use leptos_axum::ResponseOptions;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;

/// A login that is valid now.
#[derive(Clone, Debug)]
pub struct Session {
    pub session_id: SessionId,
    pub user_id: UserId,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub name: String,
    pub email: String,
    /// May look after the system.
    pub is_admin: bool,
}

/// The session that the request's cookie names, if it is valid. Its end moves with its use.
pub async fn find(state: &State, headers: &HeaderMap) -> Result<Option<Session>, Error> {
    let Some(token) = token(state, headers) else {
        return Ok(None);
    };
    let session = queries::session(state.db.pool(), &digest(&token)).await?;
    if let Some(session) = &session
        && crate::db::now() - session.last_seen_at > chrono::Duration::hours(1)
    {
        let session_id = session.session_id.clone();
        state
            .db
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { commands::prolong_session(tx, &session_id).await })
            })
            .await?;
    }
    Ok(session)
}

/// In a server function or page: who asks, if anybody.
pub async fn current() -> Result<(State, Option<Session>), Error> {
    let state: State = expect_context();
    let session = match use_context::<Parts>() {
        Some(parts) => find(&state, &parts.headers).await?,
        None => None,
    };
    Ok((state, session))
}

/// In a server function: who asks. Errors: `Unauthenticated`.
pub async fn require() -> Result<(State, Session), Error> {
    let (state, session) = current().await?;
    Ok((state, session.ok_or_else(Error::unauthenticated)?))
}

/// In a server function for administrators; to everybody else there is nothing at its address.
/// Errors: `NotFound`, `Unauthenticated`.
pub async fn require_admin() -> Result<(State, Session), Error> {
    let (state, session) = require().await?;
    match session.is_admin {
        true => Ok((state, session)),
        false => Err(Error::new(
            Kind::NotFound,
            "There is nothing at this address.",
        )),
    }
}

/// In a server function that changes something: who asks, and for what.
pub async fn cause(command_id: Option<CommandId>) -> Result<(State, Cause), Error> {
    let (state, session) = require().await?;
    let cause = Cause {
        command_id,
        ..asked_by(session.user_id)
    };
    Ok((state, cause))
}

/// The request that is being answered is `actor_id`'s, who has no name for what is asked.
pub fn asked_by(actor_id: UserId) -> Cause {
    Cause {
        actor_id,
        command_id: None,
        traceparent: traceparent(),
        origin: origin(),
    }
}

/// The request's trace context if it has a well-formed one, else the beginning of a trace. While
/// traces are collected, it is that of the span of the request itself.
pub fn traceparent() -> Option<String> {
    let given = use_context::<Parts>().and_then(|parts| {
        let text = parts.headers.get("traceparent")?.to_str().ok()?;
        Context::parse(text).map(|_| text.to_owned())
    });
    given.or_else(|| Some(Context::new(true).to_string()))
}

/// Starts a session for `user_id` and gives the response its cookie. An old session of the same
/// browser is ended: a token is new at every login. `signs_up`: `user.registered` tells of it.
pub async fn begin(state: &State, user_id: UserId, signs_up: bool) -> Result<(), Error> {
    if let (_, Some(old)) = current().await? {
        end(state, &old.user_id, &old.session_id, "replaced").await?;
    }
    let token = hex::encode(rand::random::<[u8; 32]>());
    let (token_hash, cause) = (digest(&token), asked_by(user_id));
    state
        .db
        .write(move |tx| {
            Box::pin(async move {
                let session_id = commands::start_session(tx, &cause, &token_hash).await?;
                match signs_up {
                    true => Ok(()),
                    false => commands::logged_in(tx, &cause, session_id).await,
                }
            })
        })
        .await?;
    set_cookie(state, &token, "; Max-Age=31536000");
    Ok(())
}

/// Ends a session of `user_id`; its sockets are closed. `reason`: as `user.logged_out` says it.
pub async fn end(
    state: &State,
    user_id: &UserId,
    session_id: &SessionId,
    reason: &'static str,
) -> Result<(), Error> {
    let (cause, ended) = (asked_by(user_id.clone()), session_id.clone());
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::end_session(tx, &cause, &ended, reason).await })
        })
        .await?;
    // Nobody may be listening: then there is no socket to close.
    let _ = state.ended.send(session_id.clone());
    Ok(())
}

/// Takes the cookie back.
pub fn forget(state: &State) {
    set_cookie(state, "", "; Max-Age=0");
}

/// Where the request that is being answered comes from.
pub fn origin() -> Origin {
    use_context::<Parts>()
        .as_ref()
        .map(origin_of)
        .unwrap_or_default()
}

/// Where a request comes from.
pub fn origin_of(parts: &Parts) -> Origin {
    let user_agent = parts
        .headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let address = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|c| c.0.ip().to_string());
    Origin {
        address: address.unwrap_or_default(),
        user_agent: user_agent.unwrap_or_default().chars().take(300).collect(),
    }
}

fn cookie_name(state: &State) -> &'static str {
    if state.https { "__Host-todo" } else { "todo" }
}

fn set_cookie(state: &State, token: &str, age: &str) {
    let secure = if state.https { "; Secure" } else { "" };
    let cookie = format!(
        "{}={token}; Path=/; HttpOnly; SameSite=Lax{secure}{age}",
        cookie_name(state)
    );
    if let (Some(response), Ok(value)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::from_str(&cookie),
    ) {
        response.append_header(header::SET_COOKIE, value);
    }
}

fn token(state: &State, headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == cookie_name(state))
        .map(|(_, token)| token.to_owned())
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
