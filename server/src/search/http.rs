//! `GET /api/search?q=`: for programs, and for the person's own scripts.

use crate::web::{Refused, Web};
use app::accounts::session;
use app::error::{Error, Kind};
use app::search::{Found, queries};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::{HeaderMap, header};
use serde::Deserialize;

pub const PATH: &str = "/api/search";

pub fn route() -> MethodRouter<Web> {
    get(answer).fallback(wrong_method)
}

#[derive(Deserialize)]
struct Asked {
    q: String,
}

/// What is found among the tasks of who asks. Errors: `Unauthenticated`, `Malformed`, `Invalid`.
async fn answer(
    State(web): State<Web>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Found>, Refused> {
    let session = session::find(&web.state, &headers)
        .await?
        .ok_or_else(Error::unauthenticated)?;
    let Ok(Query(asked)) = asked else {
        return Err(Refused(Error::new(
            Kind::Malformed,
            "Say once what to look for: /api/search?q=WORDS, in UTF-8, percent-encoded.",
        )));
    };
    Ok(Json(
        queries::find(&web.state, &session.user_id, &asked.q).await?,
    ))
}

async fn wrong_method() -> Response {
    let refused = Refused(Error::new(
        Kind::WrongMethod,
        "This address takes GET only.",
    ));
    ([(header::ALLOW, "GET, HEAD")], refused).into_response()
}
