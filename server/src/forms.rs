//! What a server function answers, made fit for who asked: a program gets problem details, a form
//! that was sent without JavaScript gets a page.

use crate::web::{Refused, Web};
use app::error::{Error, Kind};
use app::ui::Submitted;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use leptos::server_fn::error::SERVER_FN_ERROR_HEADER;
use leptos::server_fn::redirect::REDIRECT_HEADER;
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt;

/// The largest request, in bytes: a full description, percent-encoded, fits.
pub const MAX_REQUEST: usize = 512 * 1024;

/// How much more is read of a request that is refused, in bytes, and for how long.
const PATIENCE: (usize, Duration) = (16 * 1024 * 1024, Duration::from_secs(5));

/// Middleware of `/api`.
pub async fn answer(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let is_form = accepts_html(request.headers());
    // Leptos would answer forms by a redirect that forgets the status and what was typed.
    request
        .headers_mut()
        .insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST).await else {
        return too_large().into_response();
    };
    let (action, headers) = (parts.uri.path().to_owned(), parts.headers.clone());
    let answer = match with_nul(&body) {
        Some(refusal) => Err(refusal),
        None => {
            let request = Request::from_parts(parts, body.clone().into());
            read(next.run(request).await).await
        }
    };
    match answer {
        Ok(response) if is_form => on_to_the_page(&headers, &response),
        Ok(response) => response,
        Err(error) if is_form => page_again(&web, headers, action, &body, error).await,
        Err(error) => Refused(error).into_response(),
    }
}

/// Reads on for a while: whoever is answered, and hung up on, before they have said everything sees a
/// broken connection instead of the answer.
pub async fn let_finish(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut read = 0;
    let reading = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            read += chunk.len();
            if read > PATIENCE.0 {
                break;
            }
        }
    };
    let _ = timeout(PATIENCE.1, reading).await;
}

/// PostgreSQL keeps no NUL in a text, and nobody can have meant one.
fn with_nul(body: &[u8]) -> Option<Error> {
    let (name, _) = form_urlencoded::parse(body).find(|(_, value)| value.contains('\0'))?;
    Some(Error::invalid(
        &name,
        "There is a character in it that cannot be seen or kept (NUL). Type it anew.",
    ))
}

/// 413, in words.
pub fn too_large() -> Refused {
    Refused(Error::new(
        Kind::TooLarge,
        format!(
            "This request is larger than {} KiB. Shorten what you send.",
            MAX_REQUEST / 1024
        ),
    ))
}

/// Tells success from refusal.
async fn read(response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        return Ok(response);
    }
    if response.headers().contains_key(SERVER_FN_ERROR_HEADER) {
        let body = to_bytes(response.into_body(), MAX_REQUEST)
            .await
            .unwrap_or_default();
        return Err(serde_json::from_slice(&body).unwrap_or_else(|_| Error::internal()));
    }
    match status {
        status if status.is_success() || status.is_redirection() => Ok(response),
        // What Leptos says of a path that is no server function.
        StatusCode::BAD_REQUEST => Err(Error::new(
            Kind::NotFound,
            "There is nothing at this address.",
        )),
        _ => Err(Error::internal()),
    }
}

/// 303 to where the server function wants, or back to the page the form is on.
fn on_to_the_page(request: &HeaderMap, response: &Response) -> Response {
    let wanted = response
        .headers()
        .contains_key(REDIRECT_HEADER)
        .then(|| {
            response
                .headers()
                .get(header::LOCATION)?
                .to_str()
                .ok()
                .map(str::to_owned)
        })
        .flatten();
    let target = wanted.unwrap_or_else(|| referring_page(request, &[]));
    let mut answer = (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response();
    for cookie in response.headers().get_all(header::SET_COOKIE) {
        answer
            .headers_mut()
            .append(header::SET_COOKIE, cookie.clone());
    }
    answer
}

/// The page the form is on, once more: with the refusal, its status, and what was typed.
async fn page_again(
    web: &Web,
    headers: HeaderMap,
    action: String,
    body: &Bytes,
    error: Error,
) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let values: Vec<(String, String)> = form_urlencoded::parse(body)
        .filter(|(name, _)| name != "password" && name != "token")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let path = match error.code {
        Kind::Unauthenticated => "/login".to_owned(),
        _ => referring_page(&headers, &values),
    };
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    *request.headers_mut() = headers;
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
    ] {
        request.headers_mut().remove(name);
    }
    request
        .headers_mut()
        .insert(header::ACCEPT, HeaderValue::from_static("text/html"));
    request.extensions_mut().insert(Submitted {
        action,
        values,
        error,
    });
    let mut page = match web.pages().oneshot(request).await {
        Ok(page) => page.into_response(),
        Err(never) => match never {},
    };
    if page.status() == StatusCode::OK {
        *page.status_mut() = status;
    }
    page
}

/// The path a form was sent from, if it is one of ours; else the start page. `values` are the form's.
fn referring_page(headers: &HeaderMap, values: &[(String, String)]) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    headers
        .get(header::REFERER)
        .and_then(|value| value.to_str().ok()?.parse::<Uri>().ok())
        .filter(|uri| uri.authority().map(|a| a.as_str()) == host)
        .and_then(|uri| uri.path_and_query().map(|path| path.as_str().to_owned()))
        .filter(|path| !path.starts_with("//"))
        .map(|path| match path.strip_prefix("/api/") {
            Some(function) => page_of(function, values),
            None => path,
        })
        .unwrap_or_else(|| "/".into())
}

/// The page with the form of a server function. Once refused, a form stands at the function's own
/// address, so that is what it names when it is sent again.
fn page_of(function: &str, values: &[(String, String)]) -> String {
    match function {
        "accounts/register" => "/register".into(),
        "accounts/login" => "/login".into(),
        "tasks/edit" => {
            let task_id = values.iter().find(|(name, _)| name == "task_id");
            task_id.map_or("/".into(), |(_, task_id)| format!("/tasks/{task_id}"))
        }
        _ if function.starts_with("notifications/") => "/notifications".into(),
        _ if function.starts_with("accounts/") => "/you".into(),
        _ if function.starts_with("webhooks/") => webhooks_page(function, values),
        _ if function.starts_with("trash/") => "/trash".into(),
        "system/deliveries/redeliver" => "/system/deliveries".into(),
        "stats/settings" => "/stats/settings".into(),
        _ if function.starts_with("system/") => {
            let value = |name| {
                values
                    .iter()
                    .find(|(n, _)| n == name)
                    .map(|(_, value)| value)
            };
            match (value("letter"), value("filter")) {
                (Some(letter), _) => format!("/system/dead-letters/{letter}"),
                (None, Some(filter)) => format!("/system?{filter}"),
                (None, None) => "/system".into(),
            }
        }
        _ => "/".into(),
    }
}

/// A new endpoint's page by its kind, an old one's by its id.
fn webhooks_page(function: &str, values: &[(String, String)]) -> String {
    if let Some(kind) = function.strip_prefix("webhooks/add/") {
        return format!("/webhooks/new/{kind}");
    }
    let id = values.iter().find(|(name, _)| name == "endpoint_id");
    // What comes back in a path is what an id is made of.
    let id = id.filter(|(_, id)| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    id.map_or("/webhooks".into(), |(_, id)| format!("/webhooks/{id}"))
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_returns_to_its_own_page_and_to_no_other_site() {
        let page = |referer: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("todo.example.com"));
            headers.insert(header::REFERER, referer.parse().unwrap());
            referring_page(&headers, &[("task_id".into(), "7".into())])
        };
        assert_eq!(page("https://todo.example.com/tasks/7?x=1"), "/tasks/7?x=1");
        for (refused, expected) in [
            ("accounts/register", "/register"),
            ("accounts/login", "/login"),
            ("accounts/sessions/end", "/you"),
            ("stats/settings", "/stats/settings"),
            ("webhooks/add/jira", "/webhooks/new/jira"),
            ("webhooks/replay", "/webhooks"),
            ("tasks/edit", "/tasks/7"),
            ("tasks", "/"),
            ("system/dead-letters/discard", "/system"),
        ] {
            let address = format!("https://todo.example.com/api/{refused}");
            assert_eq!(page(&address), expected, "{refused}");
        }
        for foreign in [
            "https://evil.example.com/a",
            "not a url",
            "https://todo.example.com//evil",
        ] {
            assert_eq!(page(foreign), "/", "{foreign}");
        }
    }
}
