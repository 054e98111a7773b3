//! HTTP for channels: to public addresses only, no redirect followed, a short piece of the answer
//! kept.

use super::guard::is_public;
use super::outcome::{Answer, Outcome};
use anyhow::Context;
use app::db::now;
use chrono::DateTime;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What is kept of an answer's body.
const EXCERPT: usize = 4 * 1024;
/// How long the body may dawdle: the status has told all that matters.
const BODY: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(5);

/// Finds the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// A client that goes where it may.
#[derive(Clone)]
pub struct Outbound {
    client: Client,
    allow_private: bool,
    lookup: Lookup,
}

/// Why an address is not called, in a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// It is none that may be called.
    Never(String),
    /// Its name cannot be found just now.
    Unknown(String),
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Never(text) => Outcome::Permanent(Answer::text(text)),
            Refusal::Unknown(text) => Outcome::Passing(Answer::text(text).blaming()),
        }
    }
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
        Self::looking_up(allow_private, Arc::new(|name| Box::pin(system(name))))
    }

    /// The same, with names looked up otherwise than the system does.
    pub fn looking_up(allow_private: bool, lookup: Lookup) -> anyhow::Result<Self> {
        let builder = Client::builder()
            .user_agent(concat!("todo-evolution/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            // A proxy would look names up itself, where nobody watches.
            .no_proxy()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(30))
            .dns_resolver(Arc::new(Resolver {
                allow_private,
                lookup: lookup.clone(),
            }));
        let client = builder.build().context("The HTTP client cannot be made")?;
        Ok(Outbound {
            client,
            allow_private,
            lookup,
        })
    }

    /// The address that a person has given, if it may be called: https to the public internet; and
    /// if this machine and its network may be called, these by http too. The name is looked up, and
    /// once more when it is called: it may lead elsewhere by then.
    pub async fn target(&self, url: &str) -> Result<Url, Refusal> {
        let never = |text: String| Err(Refusal::Never(text));
        let url = match self.check(url) {
            Ok(url) => url,
            Err(error) => return never(format!("{error:#}")),
        };
        let plain = url.scheme() == "http";
        if plain && !self.allow_private {
            return never("the address must begin with https://".into());
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_matches(['[', ']']);
        let found = match host.parse() {
            Ok(ip) => vec![ip],
            Err(_) => match (self.lookup)(host.into()).await {
                Ok(found) if !found.is_empty() => found,
                _ => return Err(Refusal::Unknown(format!("{host} cannot be found"))),
            },
        };
        if !self.allow_private && !found.iter().copied().any(is_public) {
            return never(Private.to_string());
        }
        if plain && found.iter().copied().any(is_public) {
            return never("only https:// goes over the internet".into());
        }
        Ok(url)
    }

    /// A request to an address that a person has given. Errors: see [`Outbound::target`].
    pub async fn open(&self, method: Method, url: &str) -> Result<RequestBuilder, Outcome> {
        let url = self.target(url).await?;
        Ok(self.client.request(method, url))
    }

    pub fn allows_private(&self) -> bool {
        self.allow_private
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
        self.call_for(request, EXCERPT).await
    }

    /// The same, keeping more of the body: so many bytes.
    pub async fn call_for(&self, request: RequestBuilder, most: usize) -> Result<Reply, Outcome> {
        match request.send().await {
            Ok(response) => Ok(read(response, most).await),
            // An address may be a secret: Slack's is.
            Err(error) => Err(failed(&error.without_url())),
        }
    }
}

impl Reply {
    pub fn answer(self) -> Answer {
        Answer {
            status: Some(i64::from(self.status.as_u16())),
            text: self.text,
            retry_after: self.retry_after,
            ..Answer::default()
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

async fn read(mut response: Response, most: usize) -> Reply {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| wait(value.to_str().ok()?.trim()));
    let mut body = Vec::new();
    let reading = async {
        while body.len() < most {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
    };
    // What came until then is kept.
    let _ = timeout(BODY, reading).await;
    body.truncate(most);
    Reply {
        status,
        retry_after,
        text: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// What `Retry-After` asks for: seconds, or a date, of which one gone by is now.
fn wait(asked: &str) -> Option<Duration> {
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(asked).ok()?;
    Some((date.to_utc() - now()).to_std().unwrap_or_default())
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

/// Looks names up, and unless it may, knows nothing but public addresses. Whoever answers something
/// else the next time gains nothing: what was looked at is what is called.
struct Resolver {
    allow_private: bool,
    lookup: Lookup,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.lookup)(name.as_str().into());
        let allow_private = self.allow_private;
        Box::pin(async move {
            let mut found = found.await?;
            if !allow_private {
                found.retain(|ip| is_public(*ip));
                if found.is_empty() {
                    return Err(Private.into());
                }
            }
            let found = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}

async fn system(name: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((name, 0)).await?;
    Ok(found.map(|addr| addr.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn how_long_to_wait_is_told_in_seconds_or_by_a_date() {
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let later = now() + TimeDelta::minutes(5);
        let asked = wait(&later.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        let asked = asked.unwrap().as_secs();
        assert!((295..=300).contains(&asked), "{asked}");
        assert_eq!(wait("soon"), None);
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads() {
        let outbound = Outbound::new(false).unwrap();
        let resolver = Resolver {
            allow_private: false,
            lookup: outbound.lookup,
        };
        let name = "localhost".parse().unwrap();
        let refused = resolver.resolve(name).await.err().unwrap();
        assert!(refused.is::<Private>(), "{refused}");
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_by_now_is_judged_again() {
        let moved = Arc::new(AtomicBool::new(false));
        let seen = moved.clone();
        let lookup: Lookup = Arc::new(move |name| {
            let inside = seen.load(Ordering::SeqCst) || name == "inside.test";
            let ip: &str = if inside { "127.0.0.1" } else { "1.1.1.1" };
            let found = vec![ip.parse().unwrap()];
            Box::pin(async move { Ok(found) })
        });
        let guarded = Outbound::looking_up(false, lookup.clone()).unwrap();
        assert!(guarded.target("https://outside.test/x").await.is_ok());
        for (url, words) in [
            ("https://inside.test/", "not on the public internet"),
            ("https://127.0.0.1/", "not on the public internet"),
            ("https://[::1]/", "not on the public internet"),
            ("http://outside.test/", "must begin with https://"),
            ("gopher://outside.test/", "must begin with https://"),
        ] {
            match guarded.target(url).await {
                Err(Refusal::Never(text)) => assert!(text.contains(words), "{url}: {text}"),
                other => panic!("{url}: {other:?}"),
            }
        }
        let request = guarded
            .open(Method::POST, "https://outside.test:1/")
            .await
            .unwrap();
        moved.store(true, Ordering::SeqCst);
        // Looked at before it moved, and called after.
        let refused = guarded.call(request).await.unwrap_err();
        assert!(
            matches!(&refused, Outcome::Permanent(answer) if answer.text.contains("not on the public")),
            "{refused:?}"
        );
        assert!(guarded.target("https://outside.test/x").await.is_err());
        let open = Outbound::looking_up(true, lookup).unwrap();
        assert!(open.target("http://inside.test/").await.is_ok());
        moved.store(false, Ordering::SeqCst);
        assert!(matches!(
            open.target("http://outside.test/").await,
            Err(Refusal::Never(_))
        ));
    }

    #[tokio::test]
    async fn a_name_that_is_not_found_may_be_found_later() {
        let lookup: Lookup = Arc::new(|_| Box::pin(async { Err(io::ErrorKind::NotFound.into()) }));
        let outbound = Outbound::looking_up(false, lookup).unwrap();
        let refused = outbound.open(Method::POST, "https://nowhere.test/").await;
        assert!(matches!(refused, Err(Outcome::Passing(_))));
    }
}
