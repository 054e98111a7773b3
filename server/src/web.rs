//! HTTP: pages, server functions, the socket, and what every answer carries.

use crate::audit;
use crate::events;
use crate::forms;
use crate::hub::{self, Hub};
use crate::proxies::{Proxies, see_through};
use crate::search;
use crate::telemetry::http::watch;
use crate::telemetry::scrape::Scrape;
use crate::transport::Transport;
use app::accounts::session;
use app::error::{Error, Kind};
use app::notifications::commands as notifications;
use app::state::State as AppState;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use leptos::config::LeptosOptions;
use leptos::prelude::provide_context;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::services::ServeDir;

/// The script that shows messages in a browser.
const PUSH_WORKER: &str = "/push-worker.js";

/// What the handlers share; cheap to clone.
#[derive(Clone)]
pub struct Web {
    pub state: AppState,
    pub hub: Hub,
    pub transport: Arc<dyn Transport>,
    /// The site's origin if the configuration says it; else each request's own host.
    pub origin: Option<String>,
    pub proxies: Proxies,
    pub options: LeptosOptions,
    /// `None`: metrics have a listener of their own.
    pub scrape: Option<Scrape>,
    /// Sockets end when this is cancelled.
    pub stopping: CancellationToken,
}

/// A refusal as an HTTP response: RFC 9457.
pub struct Refused(pub Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self.0).unwrap_or_default();
        (
            status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response()
    }
}

/// Everything this process answers over HTTP.
pub fn router(web: Web) -> Router {
    let api = post(call).fallback(wrong_method);
    let api = api.layer(middleware::from_fn_with_state(web.clone(), forms::answer));
    let scrape = web.scrape.clone().map(Scrape::router).unwrap_or_default();
    Router::new()
        .merge(scrape)
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .merge(events::router())
        .route(app::live::PATH, any(hub::upgrade))
        .route(search::http::PATH, search::http::route())
        .route(app::audit::view::DOWNLOAD, get(audit::download))
        .route("/api/{*function}", api)
        .route(
            "/unsubscribe/{token}",
            post(unsubscribe).get_service(web.pages()),
        )
        .fallback_service(web.files())
        .layer(middleware::from_fn_with_state(web.clone(), guard))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(|_| {
            Refused(Error::internal()).into_response()
        }))
        .layer(middleware::from_fn(watch))
        .layer(middleware::from_fn_with_state(
            web.proxies.clone(),
            see_through,
        ))
        .with_state(web)
}

impl Web {
    /// The files of the site, and for every other path a page.
    fn files(&self) -> Router {
        let files = ServeDir::new(Path::new(self.options.site_root.as_ref()))
            .append_index_html_on_directories(false)
            .precompressed_br()
            .precompressed_gzip()
            .fallback(self.pages());
        Router::new().fallback_service(files)
    }

    /// Every page, complete in its HTML; an unknown path is a page too, with status 404.
    pub fn pages(&self) -> Router {
        let (state, options) = (self.state.clone(), self.options.clone());
        let readers = events::readers();
        Router::new().fallback(leptos_axum::render_app_async_with_context(
            move || {
                provide_context(state.clone());
                provide_context(readers.clone());
            },
            move || app::shell(options.clone()),
        ))
    }

    /// Errors: `Forbidden` unless the `Origin` header is the site's own.
    pub fn same_origin(&self, headers: &HeaderMap) -> Result<(), Error> {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        let given = text(header::ORIGIN).map(str::to_lowercase);
        let expected = match (&self.origin, text(header::HOST)) {
            (Some(origin), _) => Some(origin.clone()),
            (None, host) => host.map(|host| format!("http://{host}").to_lowercase()),
        };
        if given.is_some() && given == expected {
            return Ok(());
        }
        Err(Error::new(
            Kind::Forbidden,
            "This request does not come from the site itself, so it was refused. Open the site and try again there.",
        ))
    }
}

/// A server function.
async fn call(State(web): State<Web>, request: Request) -> Response {
    let state = web.state;
    leptos_axum::handle_server_fns_with_context(move || provide_context(state.clone()), request)
        .await
        .into_response()
}

/// What a letter's reader, or the reader's mail program for them, asks for with one click (RFC 8058):
/// the token says who it is, so it may come from anywhere. The answer is a page, and no redirect.
async fn unsubscribe(
    State(web): State<Web>,
    UrlPath(token): UrlPath<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let origin = session::origin_of(&parts);
    let done = web.state.db.write(move |tx| {
        Box::pin(async move { notifications::unsubscribe(tx, origin, &token).await })
    });
    // Of a token that is none of ours, the page says so.
    if let Err(error) = done.await {
        return Refused(error).into_response();
    }
    let mut page = Request::new(Body::empty());
    *page.uri_mut() = parts.uri;
    match web.pages().oneshot(page).await {
        Ok(page) => page.into_response(),
        Err(never) => match never {},
    }
}

async fn wrong_method() -> Response {
    let refused = Refused(Error::new(
        Kind::WrongMethod,
        "This address takes POST only.",
    ));
    ([(header::ALLOW, "POST")], refused).into_response()
}

/// Whether everything this process needs answers.
async fn ready(State(web): State<Web>) -> Response {
    let (database, migrations) = match web.state.db.ready().await {
        Ok(()) => ("ok", "ok"),
        Err(sqlx::Error::Migrate(_)) => ("ok", "not those of this version"),
        Err(error) => {
            tracing::warn!(%error, "not ready: database");
            ("does not answer", "not known")
        }
    };
    let transport = match web.transport.ready().await {
        Ok(()) => "ok",
        Err(error) => {
            // The transport has told of it itself, once.
            tracing::debug!(%error, "not ready: transport");
            "does not answer"
        }
    };
    let status = match (database, migrations, transport) {
        ("ok", "ok", "ok") => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = json!({"database": database, "migrations": migrations, "transport": transport});
    let body = body.to_string() + "\n";
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Refuses what comes from another site or is too large, and sets the headers of every answer.
async fn guard(State(web): State<Web>, request: Request, next: Next) -> Response {
    let is_page = !request.uri().path().starts_with("/pkg/");
    let is_worker = request.uri().path() == PUSH_WORKER;
    let mut response = match check(&web, &request) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            forms::let_finish(request.into_body()).await;
            refused.into_response()
        }
    };
    let headers = response.headers_mut();
    let mut set = |name, value| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(
        header::HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(header::X_FRAME_OPTIONS, "DENY");
    // Pages are personal; files are asked for again but not sent again.
    set(
        header::CACHE_CONTROL,
        if is_page {
            "private, no-store"
        } else {
            "no-cache"
        },
    );
    if web.state.https {
        set(
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains",
        );
    }
    set(
        header::CONTENT_SECURITY_POLICY,
        if is_worker {
            // It tells us when its subscription has changed.
            "default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        } else {
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        },
    );
    response
}

/// The one thing that other sites and mail programs may ask for: it needs a token that we signed,
/// and no cookie helps or hurts.
fn is_unsubscribe(request: &Request) -> bool {
    let token = request.uri().path().strip_prefix("/unsubscribe/");
    request.method() == Method::POST
        && token.is_some_and(|token| !token.is_empty() && !token.contains('/'))
}

fn check(web: &Web, request: &Request) -> Result<(), Refused> {
    let headers = request.headers();
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > forms::MAX_REQUEST as u64) {
        return Err(forms::too_large());
    }
    // PostgreSQL keeps no NUL in a text, and nobody can have meant one.
    let address = request.uri().path_and_query();
    if address.is_some_and(|address| address.as_str().contains("%00")) {
        return Err(Refused(Error::new(
            Kind::Malformed,
            "There is a character in this address that cannot be seen (NUL, %00). Take it out.",
        )));
    }
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return Ok(());
    }
    if is_unsubscribe(request) {
        return Ok(());
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(b"same-origin") => Ok(()),
        Some(_) => Err(Refused(Error::new(
            Kind::Forbidden,
            "This request comes from another site, so it was refused. Open the site and try again there.",
        ))),
        None => Ok(web.same_origin(headers)?),
    }
}
