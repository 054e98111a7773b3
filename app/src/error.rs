//! The one error that crosses the wire: problem details (RFC 9457), readable by people and programs.

use serde::{Deserialize, Serialize};
use server_fn::codec::JsonEncoding;
use server_fn::error::{FromServerFnError, ServerFnErrorErr};
use std::fmt;

/// What kind of answer a refusal is. Each has its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// 400: the request itself cannot be read.
    Malformed,
    /// 401: log in first.
    Unauthenticated,
    /// 403: refused whoever asks, such as a request from another site.
    Forbidden,
    /// 404: not there, or not yours, which looks the same.
    NotFound,
    /// 405: this address takes another method.
    WrongMethod,
    /// 409: taken.
    Conflict,
    /// 413: larger than allowed.
    TooLarge,
    /// 422: a field's value is refused.
    Invalid,
    /// 429: slow down.
    TooMany,
    /// 500: our fault; the log knows more.
    Internal,
    /// 503: the database or the server is not reachable just now.
    Unavailable,
}

impl Kind {
    pub fn status(self) -> u16 {
        match self {
            Kind::Malformed => 400,
            Kind::Unauthenticated => 401,
            Kind::Forbidden => 403,
            Kind::NotFound => 404,
            Kind::WrongMethod => 405,
            Kind::Conflict => 409,
            Kind::TooLarge => 413,
            Kind::Invalid => 422,
            Kind::TooMany => 429,
            Kind::Internal => 500,
            Kind::Unavailable => 503,
        }
    }
}

/// A refusal: nothing was changed, and `detail` says what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Error {
    /// Why, for programs.
    pub code: Kind,
    /// HTTP status, the same as the response's.
    pub status: u16,
    /// One or two sentences for the person: what happened, what to do.
    pub detail: String,
    /// The form's field it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Error {
    pub fn new(code: Kind, detail: impl Into<String>) -> Self {
        Error {
            code,
            status: code.status(),
            detail: detail.into(),
            field: None,
        }
    }

    pub fn on(mut self, field: &str) -> Self {
        self.field = Some(field.into());
        self
    }

    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Error::new(Kind::Invalid, detail).on(field)
    }

    pub fn too_large(field: &str, detail: impl Into<String>) -> Self {
        Error::new(Kind::TooLarge, detail).on(field)
    }

    pub fn task_not_found() -> Self {
        Error::new(
            Kind::NotFound,
            "This task does not exist. It may have been deleted meanwhile.",
        )
    }

    pub fn unauthenticated() -> Self {
        Error::new(
            Kind::Unauthenticated,
            "Your session has ended. Log in again.",
        )
    }

    pub fn internal() -> Self {
        Error::new(
            Kind::Internal,
            "Something went wrong on our side and nothing was changed. Try again.",
        )
    }

    pub fn unavailable() -> Self {
        Error::new(
            Kind::Unavailable,
            "The server cannot be reached just now, so nothing is certain to have changed. Try again.",
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Error {}

impl FromServerFnError for Error {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::MissingArg(_)
            | ServerFnErrorErr::Deserialization(_) => Error::new(
                Kind::Malformed,
                "The request could not be read. Check its fields and send it again.",
            ),
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => Error::unavailable(),
            _ => Error::internal(),
        }
    }
}
