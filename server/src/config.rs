//! Every setting, in one place, parsed once. Each is a flag and an environment variable.

mod cleanup;
mod delivery;
mod kafka;
mod mail;
mod push;
mod secret;
mod sms;

pub use cleanup::CleanupArgs;
pub use delivery::DeliveryArgs;
pub use kafka::{KafkaArgs, Security};
pub use mail::MailArgs;
pub use push::PushArgs;
pub use secret::Secret;
pub use sms::SmsArgs;

use crate::consumer::policy::{self, Policies};
use crate::consumers;
use crate::scopes::Scopes;
use crate::telemetry::export::address;
use anyhow::{Context, anyhow, bail};
use app::notifications::{House, Ways};
use app::trace::TraceUrl;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Which parts of the application a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything, in one process.
    All,
    /// Pages, server functions and sockets.
    Web,
    /// Publishes events. Any number may run; one at a time is active.
    Relay,
    /// Turns events into read models. Any number may run; they share the work.
    Consumers,
}

impl Role {
    pub fn web(self) -> bool {
        matches!(self, Role::All | Role::Web)
    }
    pub fn relay(self) -> bool {
        matches!(self, Role::All | Role::Relay)
    }
    pub fn consumers(self) -> bool {
        matches!(self, Role::All | Role::Consumers)
    }

    /// As it is written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Role::All => "all",
            Role::Web => "web",
            Role::Relay => "relay",
            Role::Consumers => "consumers",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// The settings of a process.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// Which parts this process runs
    #[arg(
        long,
        env = "TODO_ROLE",
        value_enum,
        default_value = "all",
        global = true
    )]
    pub role: Role,

    /// Where to listen, as address:port
    #[arg(
        long,
        env = "LEPTOS_SITE_ADDR",
        default_value = "127.0.0.1:3000",
        global = true
    )]
    pub addr: SocketAddr,

    /// How people reach the site, such as https://todo.example.com. Needed when it listens beyond
    /// this machine; with https, cookies are Secure
    #[arg(long, env = "TODO_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,

    /// The addresses of reverse proxies before it, with commas: who asks is whom the last of them names
    /// in X-Forwarded-For. Without it all of a proxy's people share one limit of attempts to log in
    #[arg(long, env = "TODO_PROXIES", value_delimiter = ',', global = true)]
    pub proxies: Vec<IpAddr>,

    /// sqlite://PATH (made if missing) or postgres://USER:PASSWORD@HOST:PORT/NAME
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://data/todo.db",
        global = true,
        hide_env_values = true
    )]
    pub database_url: Secret,

    /// How often and when a consumer tries again: RETRIES,FIRST,LONGEST, doubled each time. For some
    /// their own, as in 5,1s,60s;search=8,500ms,30s
    #[arg(long, env = "TODO_RETRY", default_value = policy::DEFAULT, value_parser = policies, global = true)]
    pub retry: Policies,

    /// A file that says who may publish and read which topic; what it does not name is denied.
    /// Unset: each part of the application what it needs, as `todo kafka scopes` prints it
    #[arg(long, env = "TODO_SCOPES", value_name = "FILE", global = true)]
    pub scopes: Option<PathBuf>,

    /// The folder with the WebAssembly, styles and images that `cargo leptos build` made
    #[arg(
        long,
        env = "LEPTOS_SITE_ROOT",
        default_value = "target/site",
        global = true
    )]
    pub site_root: PathBuf,

    /// Where the search index is kept. It can be removed at any time: it is built again from the
    /// database. Several processes may be given the same folder
    #[arg(
        long,
        env = "TODO_SEARCH_DIR",
        default_value = "data/search",
        global = true
    )]
    pub search_dir: PathBuf,

    /// What to log: error, warn, info, debug, trace, or by module as in info,server::relay=debug
    #[arg(long, env = "TODO_LOG", default_value = "info", global = true)]
    pub log: String,

    /// How to log
    #[arg(
        long,
        env = "TODO_LOG_FORMAT",
        value_enum,
        default_value = "text",
        global = true
    )]
    pub log_format: LogFormat,

    /// What a scraper of /metrics sends as its bearer token. Unset: only clients on this machine
    /// may read it
    #[arg(
        long,
        env = "TODO_METRICS_TOKEN",
        global = true,
        hide_env_values = true
    )]
    pub metrics_token: Option<Secret>,

    /// Where else to listen, for /metrics and /healthz only: for a process without pages, or to
    /// keep /metrics off the site's address
    #[arg(long, env = "TODO_METRICS_ADDR", global = true)]
    pub metrics_addr: Option<SocketAddr>,

    /// Send traces by OTLP over HTTP to this address, such as http://127.0.0.1:4318. Unset, and no
    /// TODO_ZIPKIN_ENDPOINT: none are collected
    #[arg(long, env = "TODO_OTLP_ENDPOINT", global = true)]
    pub otlp_endpoint: Option<String>,

    /// Send traces to Zipkin, such as http://127.0.0.1:9411/api/v2/spans
    #[arg(long, env = "TODO_ZIPKIN_ENDPOINT", global = true)]
    pub zipkin_endpoint: Option<String>,

    /// The part of the traces that begin here to collect, from 0 to 1. A request that belongs to a
    /// trace already is collected if its caller says so
    #[arg(
        long,
        env = "TODO_TRACE_SAMPLING",
        default_value_t = 1.0,
        global = true
    )]
    pub trace_sampling: f64,

    /// Where a trace is looked at, with {trace_id} in it, such as
    /// http://127.0.0.1:16686/trace/{trace_id}. Administrators get a link to it beside what happened
    #[arg(long, env = "TODO_TRACE_URL", global = true)]
    pub trace_url: Option<TraceUrl>,

    /// Whether new people find a few sample tasks that show how it works: on or off
    #[arg(
        long,
        env = "TODO_ONBOARDING",
        default_value = "on",
        value_parser = BoolishValueParser::new(),
        action = ArgAction::Set,
        global = true
    )]
    pub onboarding: bool,

    /// How many days what is deleted can be brought back; then it goes for good
    #[arg(long, env = "TODO_TRASH_DAYS", default_value_t = app::trash::DAYS, value_parser = clap::value_parser!(u32).range(1..=3650), global = true)]
    pub trash_days: u32,

    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub cleanup: CleanupArgs,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
    #[command(flatten)]
    pub mail: MailArgs,
    #[command(flatten)]
    pub sms: SmsArgs,
    #[command(flatten)]
    pub push: PushArgs,
}

impl Config {
    /// Checks what one setting means for another. Errors: a sentence that says what to set.
    pub fn check(&self) -> anyhow::Result<()> {
        if !self.database_url.starts_with("sqlite:")
            && !self.database_url.starts_with("postgres://")
            && !self.database_url.starts_with("postgresql://")
        {
            bail!(
                "DATABASE_URL must begin with sqlite:// or postgres://. Unset it to use sqlite://data/todo.db."
            );
        }
        if self.database_url.contains(":memory:") {
            bail!(
                "DATABASE_URL cannot be an in-memory database: nothing would survive a restart. Name a file, such as sqlite://data/todo.db."
            );
        }
        self.origin()?;
        if self.role.web() && !self.addr.ip().is_loopback() && self.public_url.is_none() {
            bail!(
                "It would listen on {}, beyond this machine, without knowing the site's address. Set TODO_PUBLIC_URL, such as https://todo.example.com.",
                self.addr
            );
        }
        if self.role != Role::All && self.database_url.starts_with("sqlite:") {
            bail!(
                "--role {} needs a database that several processes can share. Set DATABASE_URL to a postgres:// address.",
                self.role.name()
            );
        }
        self.kafka.resolve()?;
        self.scopes()?;
        self.mail.resolve()?;
        self.sms.resolve()?;
        self.push.resolve(self.origin()?)?;
        if self.metrics_token.as_deref() == Some("") {
            bail!("TODO_METRICS_TOKEN is empty. Unset it, or give it a long random value.");
        }
        if let Some(addr) = self.metrics_addr
            && !addr.ip().is_loopback()
            && self.metrics_token.is_none()
        {
            bail!(
                "TODO_METRICS_ADDR is {addr}, beyond this machine. Set TODO_METRICS_TOKEN too, or choose 127.0.0.1."
            );
        }
        for (name, endpoint) in [
            ("TODO_OTLP_ENDPOINT", &self.otlp_endpoint),
            ("TODO_ZIPKIN_ENDPOINT", &self.zipkin_endpoint),
        ] {
            if let Some(endpoint) = endpoint {
                address(endpoint).with_context(|| {
                    format!("{name} cannot be used. To send by https, run a collector on this machine and name its http address")
                })?;
            }
        }
        if !(0.0..=1.0).contains(&self.trace_sampling) {
            bail!(
                "TODO_TRACE_SAMPLING is {}. Give it a number from 0 to 1.",
                self.trace_sampling
            );
        }
        self.log
            .parse::<tracing_subscriber::EnvFilter>()
            .map_err(|e| {
                anyhow!("TODO_LOG cannot be read: {e}. Try info, or info,server=debug.")
            })?;
        Ok(())
    }

    /// Who may publish and read what. Errors: the file cannot be read, or what is wrong in which line.
    pub fn scopes(&self) -> anyhow::Result<Scopes> {
        let Some(path) = &self.scopes else {
            return Ok(Scopes::default());
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("TODO_SCOPES ({}) cannot be read", path.display()))?;
        text.parse()
            .map_err(|error| anyhow!("TODO_SCOPES ({}), {error}.", path.display()))
    }

    /// The site's origin, such as https://todo.example.com, if TODO_PUBLIC_URL says it.
    pub fn origin(&self) -> anyhow::Result<Option<String>> {
        let Some(url) = &self.public_url else {
            return Ok(None);
        };
        let uri: http::Uri = url.parse().unwrap_or_default();
        match (uri.scheme_str(), uri.authority(), uri.path()) {
            (Some(scheme @ ("http" | "https")), Some(host), "/" | "") => {
                Ok(Some(format!("{scheme}://{host}").to_lowercase()))
            }
            _ => bail!(
                "TODO_PUBLIC_URL is {url:?}. Write it as https://HOST or https://HOST:PORT, without a path."
            ),
        }
    }

    /// What messages say of this installation.
    pub fn house(&self) -> anyhow::Result<House> {
        let here = || format!("http://{}", self.addr);
        Ok(House {
            site: self.origin()?.unwrap_or_else(here),
            ways: Ways {
                email: self.mail.smtp_url.is_some(),
                sms: self.sms.sms_url.is_some(),
                push: true,
            },
            onboarding: self.onboarding,
        })
    }

    /// Whether people reach the site over https.
    pub fn https(&self) -> bool {
        self.public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"))
    }
}

/// Errors: it is not well-formed, or says something of a consumer that there is not.
fn policies(text: &str) -> Result<Policies, String> {
    let policies: Policies = text.parse()?;
    let names: Vec<&str> = consumers::all().iter().map(|(name, _)| *name).collect();
    if let Some(name) = policies.names().find(|name| !names.contains(name)) {
        return Err(format!(
            "{name:?} is no consumer. There are: {}",
            names.join(", ")
        ));
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    fn check(args: &[&str]) -> Result<(), String> {
        let cli = Cli::try_parse_from([&["todo"], args].concat()).map_err(|e| e.to_string())?;
        cli.config.check().map_err(|e| e.to_string())
    }

    #[test]
    fn the_defaults_start() {
        check(&[]).unwrap();
        check(&[
            "--addr",
            "0.0.0.0:80",
            "--public-url",
            "https://todo.example.com",
        ])
        .unwrap();
    }

    #[test]
    fn secrets_are_not_shown() {
        let url = "postgres://todo:hunter2@localhost/todo";
        let token = "--metrics-token=hunter2";
        let mut config = Cli::parse_from(["todo", "--database-url", url, token]).config;
        config.kafka.password = Some("hunter2".to_owned().into());
        assert_eq!(&*config.database_url, url);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_wrong_value_stops_the_start_and_says_what_to_do() {
        for (args, expected) in [
            (
                &["--role", "boss"][..],
                "possible values: all, web, relay, consumers",
            ),
            (&["--addr", "nowhere"], "--addr"),
            (&["--proxies", "10.0.0.0/8"], "--proxies"),
            (&["--addr", "0.0.0.0:80"], "Set TODO_PUBLIC_URL"),
            (&["--public-url", "todo.example.com"], "https://HOST"),
            (
                &["--public-url", "https://todo.example.com/app"],
                "without a path",
            ),
            (&["--database-url", "mysql://x"], "sqlite:// or postgres://"),
            (&["--database-url", "sqlite::memory:"], "Name a file"),
            (&["--role", "web"], "postgres://"),
            (&["--log", "info,=="], "TODO_LOG"),
            (&["--retry", "serch=8,500ms,30s"], "There are: "),
            (
                &["--scopes", "/nowhere"],
                "TODO_SCOPES (/nowhere) cannot be read",
            ),
            (
                &["--scopes", "Cargo.toml"],
                "TODO_SCOPES (Cargo.toml), line 1",
            ),
            (
                &["--otlp-endpoint", "https://example.com"],
                "TODO_OTLP_ENDPOINT",
            ),
            (
                &["--zipkin-endpoint", "localhost:9411"],
                "TODO_ZIPKIN_ENDPOINT",
            ),
            (&["--onboarding", "perhaps"], "--onboarding"),
            (&["--trace-sampling", "1.5"], "TODO_TRACE_SAMPLING"),
            (&["--trace-url", "http://127.0.0.1:16686"], "{trace_id}"),
            (&["--trace-url", "javascript:{trace_id}"], "http"),
            (&["--trash-days", "0"], "--trash-days"),
            (&["--metrics-token", ""], "TODO_METRICS_TOKEN"),
            (
                &["--metrics-addr", "0.0.0.0:9464"],
                "Set TODO_METRICS_TOKEN",
            ),
        ] {
            let error = check(args).expect_err(&format!("{args:?} must not start"));
            assert!(error.contains(expected), "{args:?}: {error}");
        }
    }
}
