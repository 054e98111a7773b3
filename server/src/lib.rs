//! Todo Evolution's server: HTTP and WebSocket, relay and consumers in one process or in several.

// A view is one nested type.
#![recursion_limit = "512"]

pub mod acls;
pub mod audit;
pub mod config;
pub mod deliveries;
pub mod dlq;
pub mod events;
pub mod rebuild;
pub mod republish;
pub mod scopes;
pub mod telemetry;
pub mod verify;

pub mod cleanup;
pub mod consumer;
pub mod consumers;
pub mod delivery;
pub mod relay;
pub mod transport;
pub mod wake;

mod forms;
pub mod hub;
mod proxies;
pub mod search;
pub mod web;

use anyhow::Context;
use app::crash;
use app::db::{Backend, Db};
use app::state::State;
use app::system::history::History;
use axum::serve::ListenerExt;
use config::Config;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::export::Exporters;
use telemetry::metrics;
use telemetry::scrape::Scrape;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// What is asked to stop has so long to finish.
const GRACE: Duration = Duration::from_secs(9);

/// A process of the application, running.
pub struct Server {
    /// Where it listens, if its role has pages.
    pub addr: Option<SocketAddr>,
    pub db: Db,
    /// What its pages look into.
    pub search: search::Search,
    stopping: CancellationToken,
    tasks: JoinSet<()>,
    exporters: Exporters,
}

/// Runs until SIGTERM or Ctrl-C, then finishes what is under way. Errors: what hinders the start.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let mut stop = Stop::listen()?;
    let server = tokio::select! {
        server = start(config) => server?,
        () = stop.asked() => return Ok(()),
    };
    if let Some(addr) = server.addr {
        tracing::info!("listening on http://{addr}");
    }
    stop.asked().await;
    tracing::info!("stopping");
    server.stop().await;
    Ok(())
}

/// The database of the configuration, its tables up to date.
pub async fn open(config: &Config) -> anyhow::Result<Db> {
    Db::connect(&config.database_url)
        .await
        .context("The database cannot be opened. Check DATABASE_URL and that it is running")
}

/// Starts the parts that `config.role` asks for; they run until [`Server::stop`].
pub async fn start(config: Config) -> anyhow::Result<Server> {
    // Leptos spawns on the runtime it is told of, once a process.
    let _ = any_spawner::Executor::init_tokio();
    let db = open(&config).await?;
    app::db::on_write(metrics::wrote);
    let exporters = Exporters::start(&config)?;
    let stopping = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let transport = transport::connect(&config, &db).await?;
    let scrape = Scrape::new(&config, &db, &transport);
    if let Some(addr) = config.metrics_addr {
        tasks.spawn(scrape.clone().listen(addr, stopping.clone()).await?);
    }
    let search = search::Search::default();
    let wake = Arc::new(wake::Wake::default());
    if db.backend() == Backend::Postgres {
        tasks.spawn(wake::run(
            config.database_url.clone(),
            db.clone(),
            transport.clone(),
            wake.clone(),
            stopping.clone(),
        ));
    }
    let push = Arc::new(delivery::push::Push::new(&config, &db).await?);
    if config.role.relay() {
        tasks.spawn(relay::run(
            db.clone(),
            transport.clone(),
            wake,
            stopping.clone(),
        ));
    }
    if config.role.consumers() {
        let house = config.house()?;
        consumers::spawn_all(
            &mut tasks,
            &db,
            &transport,
            &config.retry,
            &search,
            &house,
            &stopping,
        );
        if house.ways.email {
            tasks.spawn(delivery::digest::run(db.clone(), house, stopping.clone()));
        }
        tasks.spawn(cleanup::run(
            db.clone(),
            config.cleanup.settings(config.trash_days),
            stopping.clone(),
        ));
        tasks.spawn(delivery::replay::run(db.clone(), stopping.clone()));
        let channels = delivery::channels::all(&config, &db, push.clone())?;
        let settings = config.delivery.settings();
        tasks.spawn(delivery::run(
            db.clone(),
            channels,
            settings,
            stopping.clone(),
        ));
    }
    let history = Arc::new(History::default());
    tasks.spawn(telemetry::history::run(
        history.clone(),
        telemetry::history::process(&config),
        db.clone(),
        transport.clone(),
        stopping.clone(),
    ));
    let mut addr = None;
    if config.role.web() {
        let hub = hub::Hub::default();
        tasks.spawn(consumers::live::run(
            hub.clone(),
            search.clone(),
            db.clone(),
            transport.clone(),
            stopping.clone(),
        ));
        tasks.spawn(search::run(
            search.clone(),
            db.clone(),
            config.search_dir.clone(),
            stopping.clone(),
        ));
        let listener = TcpListener::bind(config.addr).await.with_context(|| {
            format!(
                "{} is not free. Stop what listens there, or choose another with --addr",
                config.addr
            )
        })?;
        addr = Some(listener.local_addr()?);
        let web = web::Web {
            state: State {
                history,
                trace_url: config.trace_url.clone(),
                trash_days: config.trash_days,
                push: Some(push),
                gate: Arc::new(delivery::http::Outbound::new(
                    config.delivery.allow_private,
                )?),
                ..State::new(
                    db.clone(),
                    Arc::new(search.clone()),
                    config.https(),
                    config.house()?.ways,
                )
            },
            hub,
            transport: transport.clone(),
            origin: config.origin()?,
            proxies: config.proxies.clone().into(),
            options: leptos_options(&config),
            scrape: config.metrics_addr.is_none().then_some(scrape),
            stopping: stopping.clone(),
        };
        tasks.spawn(listen(listener, web));
    }
    Ok(Server {
        addr,
        db,
        search,
        stopping,
        tasks,
        exporters,
    })
}

impl Server {
    /// Asks every part to finish and waits for it, 9 seconds at most.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        let end = Instant::now() + GRACE;
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout_at(end, all).await.is_err() {
            tracing::warn!(
                "not everything had finished; what is left is taken up at the next start"
            );
        }
        self.tasks.abort_all();
        // Last, so that it sends the spans of what was just finished.
        let flushed = end.max(Instant::now() + Duration::from_millis(500));
        self.exporters.flush(flushed).await;
        self.db.close().await;
    }
}

async fn listen(listener: TcpListener, web: web::Web) {
    let stopping = web.stopping.clone();
    let service = web::router(web).into_make_service_with_connect_info::<SocketAddr>();
    // A message must not wait for the next one to fill a packet.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "nodelay");
        }
    });
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopping.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "HTTP ended");
    }
}

/// What Leptos has to know; everything else it would read from Cargo.toml is fixed there.
fn leptos_options(config: &Config) -> leptos::config::LeptosOptions {
    let watching = std::env::var_os("LEPTOS_WATCH").is_some();
    leptos::config::LeptosOptions::builder()
        .output_name("todo")
        .site_root(config.site_root.to_string_lossy().into_owned())
        .site_addr(config.addr)
        .reload_port(3001u32)
        .env(if watching {
            leptos::config::Env::DEV
        } else {
            leptos::config::Env::PROD
        })
        .build()
}

/// SIGTERM or Ctrl-C.
struct Stop {
    term: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Stop {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
