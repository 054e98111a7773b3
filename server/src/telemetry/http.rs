//! What is measured of every request, and the span of those that call a function.

use super::metrics;
use app::trace::{self, Context};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Method, header};
use leptos::server_fn::axum::server_fn_paths;
use std::time::Instant;

/// Middleware around everything else.
pub async fn watch(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = known(request.method());
    let class = class(request.uri().path());
    let response = match class {
        Some("api") => traced(method, request, next).await,
        _ => next.run(request).await,
    };
    let route = class.unwrap_or_else(|| {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let html = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/html");
        if kind.is_some_and(html) {
            "page"
        } else {
            "file"
        }
    });
    metrics::answered(method, route, response.status().as_u16(), began.elapsed());
    response
}

/// Answers within a span. The request's trace context becomes that of the span, so that whatever
/// event follows from it belongs to it.
async fn traced(method: &'static str, mut request: Request, next: Next) -> Response {
    let caller = request.headers().get("traceparent");
    let caller = caller.and_then(|value| Context::parse(value.to_str().ok()?));
    // Only browsers say this, and a page cannot.
    let is_page = request.headers().contains_key("sec-fetch-site");
    let Some((context, mut span)) = trace::serve(caller, is_page) else {
        return next.run(request).await;
    };
    if let Ok(value) = HeaderValue::from_str(&context.to_string()) {
        request.headers_mut().insert("traceparent", value);
    }
    // A path that is none of ours may hold anything.
    let path = request.uri().path();
    let ours = server_fn_paths().find(|(ours, _)| *ours == path);
    let route = ours.map_or("/api/", |(path, _)| path);
    span.rename(format!("{method} {route}"));
    span.set("http.request.method", method);
    span.set("http.route", route);
    span.failed(true);
    let response = trace::within(context, next.run(request)).await;
    let status = response.status();
    span.set("http.response.status_code", i64::from(status.as_u16()));
    span.failed(status.is_server_error());
    response
}

/// Clients may make methods up, which must not make measures.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// What a path is for, if that is to be seen in it.
fn class(path: &str) -> Option<&'static str> {
    match path {
        "/healthz" | "/readyz" => Some("health"),
        "/metrics" => Some("metrics"),
        app::live::PATH => Some("live"),
        _ if path.starts_with("/api/") => Some("api"),
        _ if path.starts_with("/pkg/") => Some("file"),
        _ => None,
    }
}
