//! `GET /metrics`, in Prometheus' text format: what was counted, and what stands in the database.

use super::metrics::{consumer, gather};
use crate::config::{Config, Secret};
use crate::transport::Transport;
use crate::web::Refused;
use anyhow::Context;
use app::db::Db;
use app::deliveries::queries;
use app::error::{Error, Kind};
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, header};
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Events that wait for the relay.
pub(super) const OUTBOX: &str = "select count(*) from events where published_at is null";
pub(super) const DEAD_LETTERS: &str =
    "select count(*) from dead_letters where status in ('open', 'redriving')";
pub(super) const PARKED: &str = "select count(*) from parked";

/// Counted in the database at each scrape: a name, what it says, and the SQL that counts it.
const STANDING: &[(&str, &str, &str)] = &[
    (
        "todo_outbox_events",
        "Events that are committed and not published yet.",
        OUTBOX,
    ),
    (
        "todo_dead_letters_open",
        "Dead letters nobody has decided on, or that are about to be tried again.",
        DEAD_LETTERS,
    ),
    (
        "todo_parked_people",
        "People, by consumer, whose events wait because one could not be applied.",
        PARKED,
    ),
    (
        "todo_delivery_lanes_failing",
        "Targets and gateways whose last delivery failed.",
        "select count(*) from delivery_lanes where failures > 0",
    ),
];

/// How long the database may take; without its answer the rest is told all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who is asked, and by whom.
#[derive(Clone)]
pub struct Scrape {
    db: Db,
    transport: Arc<dyn Transport>,
    /// What a scraper has to say. `None`: it has to be on this machine.
    token: Option<Secret>,
}

impl Scrape {
    pub fn new(config: &Config, db: &Db, transport: &Arc<dyn Transport>) -> Self {
        Scrape {
            db: db.clone(),
            transport: transport.clone(),
            token: config.metrics_token.clone(),
        }
    }

    /// The route, for the router of the pages or for one of its own.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new()
            .route("/metrics", get(answer))
            .with_state(self)
    }

    /// Listens at `addr` for scrapers only, until `stopping`. Errors: the address is taken.
    pub async fn listen(
        self,
        addr: SocketAddr,
        stopping: CancellationToken,
    ) -> anyhow::Result<impl Future<Output = ()>> {
        let listener = TcpListener::bind(addr).await.with_context(|| {
            format!("{addr} is not free. Choose another with TODO_METRICS_ADDR")
        })?;
        let router: Router = self.router().route("/healthz", get(async || "ok\n"));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving =
            axum::serve(listener, service).with_graceful_shutdown(stopping.cancelled_owned());
        Ok(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the listener for metrics ended");
            }
        })
    }

    /// Errors: `Unauthenticated` without the token, `Forbidden` from elsewhere if there is none.
    fn check(&self, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Error> {
        let Some(token) = &self.token else {
            return if is_local(peer, headers) {
                Ok(())
            } else {
                Err(Error::new(
                    Kind::Forbidden,
                    "Metrics are for this machine only. Set TODO_METRICS_TOKEN to read them from elsewhere.",
                ))
            };
        };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if given.is_some_and(|given| same(given, token.as_bytes())) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Unauthenticated,
            "Send TODO_METRICS_TOKEN as a bearer token.",
        ))
    }

    /// What stands in the database, and how far the consumers are behind.
    async fn standing(&self) -> anyhow::Result<Registry> {
        let registry = Registry::new();
        for (name, help, sql) in STANDING {
            let count = sqlx::query_scalar(*sql).fetch_one(self.db.pool()).await?;
            let gauge = IntGauge::new(*name, *help)?;
            gauge.set(count);
            registry.register(Box::new(gauge))?;
        }
        let waiting = IntGaugeVec::new(
            Opts::new(
                "todo_deliveries_waiting",
                "Deliveries that wait to be sent.",
            ),
            &["channel"],
        )?;
        for (channel, count) in queries::waiting(self.db.pool()).await? {
            waiting.with_label_values(&[&channel]).set(count);
        }
        registry.register(Box::new(waiting))?;
        self.cleanup(&registry).await?;
        let lag = IntGaugeVec::new(
            Opts::new(
                "todo_consumer_lag",
                "Events a consumer has not dealt with yet. On Kafka, of this process' partitions, \
                 and as of up to 5 s ago.",
            ),
            &["consumer"],
        )?;
        for (group, events) in self.transport.lag().await? {
            lag.with_label_values(&[consumer(&group)]).set(events);
        }
        registry.register(Box::new(lag))?;
        Ok(registry)
    }
}

impl Scrape {
    /// What the janitor has done, whichever process it was.
    async fn cleanup(&self, registry: &Registry) -> anyhow::Result<()> {
        let kind = &["kind"];
        let removed = IntCounterVec::new(
            Opts::new(
                "todo_cleanup_rows_total",
                "Rows that were old and have been removed or emptied.",
            ),
            kind,
        )?;
        let failed = IntCounterVec::new(
            Opts::new(
                "todo_cleanup_failures_total",
                "Rounds of cleaning up that an error has ended.",
            ),
            kind,
        )?;
        let ran = IntGaugeVec::new(
            Opts::new(
                "todo_cleanup_last_run_timestamp_seconds",
                "When it was last cleaned up, in seconds since 1970.",
            ),
            kind,
        )?;
        for swept in app::system::queries::cleanup(self.db.pool()).await? {
            let name = [swept.name.as_str()];
            removed
                .with_label_values(&name)
                .inc_by(swept.removed.max(0) as u64);
            failed
                .with_label_values(&name)
                .inc_by(swept.failed.max(0) as u64);
            ran.with_label_values(&name).set(swept.at.timestamp());
        }
        registry.register(Box::new(removed))?;
        registry.register(Box::new(failed))?;
        registry.register(Box::new(ran))?;
        Ok(())
    }
}

async fn answer(
    State(scrape): State<Scrape>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = scrape.check(peer, &headers) {
        let ask = (refused.code == Kind::Unauthenticated)
            .then_some([(header::WWW_AUTHENTICATE, "Bearer")]);
        return (ask, Refused(refused)).into_response();
    }
    let mut families = gather();
    match timeout(PATIENCE, scrape.standing()).await {
        Ok(Ok(registry)) => families.extend(registry.gather()),
        Ok(Err(error)) => tracing::warn!(error = format!("{error:#}"), "metrics of the database"),
        Err(_) => tracing::warn!("metrics of the database take too long"),
    }
    match TextEncoder::new().encode_to_string(&families) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics");
            Refused(Error::internal()).into_response()
        }
    }
}

/// Whether the client itself is on this machine: not one for whom a proxy on it asks, and not a
/// page whose host name was made to point here.
fn is_local(peer: SocketAddr, headers: &HeaderMap) -> bool {
    let proxied = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok()?.parse::<http::uri::Authority>().ok());
    let host = host
        .as_ref()
        .map(|host| host.host().trim_matches(['[', ']']));
    peer.ip().to_canonical().is_loopback()
        && !proxied.iter().any(|name| headers.contains_key(*name))
        && host.is_none_or(|host| {
            host == "localhost"
                || host
                    .parse()
                    .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        })
}

/// In a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::{is_local, same};
    use http::HeaderMap;

    fn local(peer: &str, headers: &[(&'static str, &str)]) -> bool {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        is_local(peer.parse().unwrap(), &headers)
    }

    #[test]
    fn only_clients_on_this_machine_are_local() {
        for peer in ["127.0.0.1:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
            assert!(local(peer, &[("host", "127.0.0.1:3000")]));
        }
        assert!(local("127.0.0.1:9", &[("host", "localhost:3000")]));
        assert!(local("127.0.0.1:9", &[("host", "[::1]:3000")]));
        assert!(!local("10.0.0.1:9", &[("host", "localhost")]));
        assert!(!local("127.0.0.1:9", &[("host", "todo.example.com")]));
        for proxied in ["forwarded", "x-forwarded-for", "x-real-ip", "via"] {
            assert!(!local("127.0.0.1:9", &[(proxied, "10.0.0.1")]));
        }
    }

    #[test]
    fn a_token_is_the_same_or_not() {
        assert!(same(b"secret", b"secret"));
        for other in ["", "secreT", "secret2", "Secret"] {
            assert!(!same(other.as_bytes(), b"secret"), "{other}");
        }
    }
}
