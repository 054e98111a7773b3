//! HTTP for channels: to public addresses only, no redirect followed, a short piece of the answer
//! kept.

use super::guard::is_public;
use super::outcome::{Answer, Outcome};
use anyhow::Context;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What is kept of an answer's body.
const EXCERPT: usize = 4 * 1024;
/// How long the body may dawdle: the status has told all that matters.
const BODY: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(5);

/// A client that goes where it may.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: Client,
    allow_private: bool,
}

/// The address is none that may be called.
#[derive(Debug)]
struct Private;

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this address is not on the public internet, so it is not called")
    }
}

impl Error for Private {}

/// An answer, whatever it says.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    /// The beginning of the body.
    pub text: String,
}

impl Outbound {
    /// `allow_private`: it may also call this machine and its network.
    pub fn new(allow_private: bool) -> anyhow::Result<Self> {
        let mut builder = Client::builder()
            .user_agent(concat!("todo-evolution/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            // A proxy would look names up itself, where nobody watches.
            .no_proxy()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(30));
        if !allow_private {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        let client = builder.build().context("The HTTP client cannot be made")?;
        Ok(Outbound {
            client,
            allow_private,
        })
    }

    /// A request to `url`. Errors: it is no address that may be called.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, Outcome> {
        let url = self.check(url).map_err(|error| {
            let text = format!("{error:#}");
            Outcome::Permanent(Answer::text(text))
        })?;
        Ok(self.client.request(method, url))
    }

    /// The address, if it may be called as far as can be seen without looking its name up; for
    /// settings that people give. Errors: why not, in a sentence.
    pub fn check(&self, url: &str) -> anyhow::Result<Url> {
        let url: Url = url.parse().context("this is no address")?;
        anyhow::ensure!(
            ["http", "https"].contains(&url.scheme()) && url.has_host(),
            "the address must begin with https:// or http://"
        );
        anyhow::ensure!(
            url.username().is_empty() && url.password().is_none(),
            "the address must not hold a password"
        );
        let host = url.host_str().unwrap_or_default();
        // A number is not looked up, so the resolver never sees it.
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let closed = ip.is_some_and(|ip| !is_public(ip)) || host == "localhost";
        anyhow::ensure!(self.allow_private || !closed, Private);
        Ok(url)
    }

    /// Sends it and reads what is kept of the answer. Errors: there was none.
    pub async fn call(&self, request: RequestBuilder) -> Result<Reply, Outcome> {
        match request.send().await {
            Ok(response) => Ok(read(response).await),
            Err(error) => Err(failed(&error)),
        }
    }
}

impl Reply {
    pub fn answer(self) -> Answer {
        Answer {
            status: Some(i64::from(self.status.as_u16())),
            text: self.text,
            retry_after: self.retry_after,
            blames_lane: false,
        }
    }

    /// As Standard Webhooks has it: a success is taken, 410 ends the subscription, and everything
    /// else may have been an accident.
    pub fn outcome(self) -> Outcome {
        let status = self.status;
        let asked_to_wait = status == StatusCode::TOO_MANY_REQUESTS;
        match status {
            _ if status.is_success() => Outcome::Sent(self.answer()),
            StatusCode::GONE => Outcome::Gone(self.answer()),
            _ if asked_to_wait => Outcome::Passing(self.answer()),
            _ => Outcome::Passing(self.answer().blaming()),
        }
    }
}

async fn read(mut response: Response) -> Reply {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    let reading = async {
        while body.len() < EXCERPT {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
    };
    // What came until then is kept.
    let _ = timeout(BODY, reading).await;
    body.truncate(EXCERPT);
    Reply {
        status,
        retry_after,
        text: String::from_utf8_lossy(&body).into_owned(),
    }
}

fn failed(error: &reqwest::Error) -> Outcome {
    let mut text = String::new();
    let mut next: Option<&dyn Error> = error.source();
    while let Some(cause) = next {
        if cause.is::<Private>() {
            return Outcome::Permanent(Answer::text(Private.to_string()));
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    if text.is_empty() {
        text = error.to_string();
    }
    Outcome::Passing(Answer::text(text).blaming())
}

/// Looks names up, and knows nothing but public addresses. Whoever answers something else the next
/// time gains nothing: what was looked at is what is called.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|addr| is_public(addr.ip())).collect();
            if public.is_empty() {
                return Err(Private.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads() {
        let name = "localhost".parse().unwrap();
        let refused = PublicOnly.resolve(name).await.err().unwrap();
        assert!(refused.is::<Private>(), "{refused}");
    }
}
