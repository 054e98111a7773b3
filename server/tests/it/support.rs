//! A server of one's own for every test, and people who use it.

use app::event::Event;
use app::live::Message;
use clap::Parser;
use futures::{SinkExt, StreamExt};
use reqwest::cookie::{CookieStore, Jar};
use reqwest::{Client, Response};
use serde_json::Value;
use server::Server;
use server::config::{Config, Role};
use server::scopes::Scopes;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

/// Nothing awaited in a test takes longer unless something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where state and events live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// SQLite and the embedded transport.
    Embedded,
    /// PostgreSQL and Apache Kafka, both real.
    Kafka,
}

/// Makes of each `async fn name(stack: Stack)` two tests: `embedded::name` and `kafka::name`.
#[macro_export]
macro_rules! on_both_stacks {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name($crate::support::Stack::Embedded).await })*
        }
        mod kafka {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name($crate::support::Stack::Kafka).await })*
        }
    };
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

/// What a server needs, of its own: a database and, on Kafka, topics.
pub struct Place {
    pub database_url: String,
    pub kafka: Option<(String, String)>,
    pub folder: TempDir,
    /// New people find sample tasks. Lists begin empty, but where a test says otherwise.
    pub onboarding: bool,
}

impl Place {
    /// A process of this role only.
    pub async fn part(&self, role: Role) -> Server {
        let mut config = self.config();
        config.role = role;
        server::start(config).await.expect("the part starts")
    }

    pub async fn new(stack: Stack) -> Place {
        log();
        let folder = tempfile::tempdir().unwrap();
        match stack {
            Stack::Embedded => Place {
                database_url: format!("sqlite://{}", folder.path().join("todo.db").display()),
                kafka: None,
                folder,
                onboarding: false,
            },
            Stack::Kafka => Place {
                database_url: new_postgres_database().await,
                kafka: Some((
                    env("TEST_KAFKA_BROKERS"),
                    format!("t{}.", Uuid::new_v4().simple()),
                )),
                folder,
                onboarding: false,
            },
        }
    }

    /// The command line of a process that lives here. `addr` with port 0: any free one.
    pub fn args(&self, addr: SocketAddr) -> Vec<String> {
        let mut args = vec![
            format!("--addr={addr}"),
            format!("--database-url={}", self.database_url),
            format!(
                "--search-dir={}",
                self.folder.path().join("search").display()
            ),
            "--log=warn".into(),
            format!("--onboarding={}", self.onboarding),
        ];
        if let Some((brokers, prefix)) = &self.kafka {
            args.push(format!("--kafka-brokers={brokers}"));
            args.push(format!("--kafka-prefix={prefix}"));
            args.push("--kafka-partitions=3".into());
        }
        args
    }

    pub fn config(&self) -> Config {
        let mut args = vec!["todo".to_owned()];
        args.extend(self.args(SocketAddr::from(([127, 0, 0, 1], 0))));
        args.push(format!("--scopes={}", self.scopes().display()));
        Cli::parse_from(args).config
    }

    /// What everybody may do, and the consumers of the tests too.
    fn scopes(&self) -> PathBuf {
        let file = self.folder.path().join("scopes");
        let ours = [
            "recorder",
            "weekdays",
            "faulty",
            "analytics-again",
            "points-again",
            "notifications-2",
            "webhooks-again",
        ];
        let mut table = Scopes::default().to_string();
        for name in ours {
            table += &format!("{name} read *\n");
        }
        std::fs::write(&file, table).unwrap();
        file
    }
}

/// The value of an environment variable that `make test` sets.
pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: this test needs real PostgreSQL and Kafka. Run it by `make test`."
        )
    })
}

async fn new_postgres_database() -> String {
    use sqlx::Connection;
    let server = env("TEST_POSTGRES_URL");
    sqlx::any::install_default_drivers();
    let name = format!("t{}", Uuid::new_v4().simple());
    let mut conn = sqlx::AnyConnection::connect(&server)
        .await
        .expect("PostgreSQL answers");
    let sql = format!("create database {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// A server in this process.
pub struct App {
    pub place: Place,
    pub addr: SocketAddr,
    pub server: Server,
}

impl App {
    pub async fn start(stack: Stack) -> App {
        Self::start_in(Place::new(stack).await).await
    }

    pub async fn start_in(place: Place) -> App {
        let config = place.config();
        Self::start_as(place, config).await
    }

    pub async fn start_as(place: Place, config: Config) -> App {
        let server = server::start(config).await.expect("the server starts");
        App {
            place,
            addr: server.addr.unwrap(),
            server,
        }
    }

    /// Someone new, logged in.
    pub async fn person(&self) -> Person {
        Person::register(self.addr).await
    }

    /// Stops it; its data stays.
    pub async fn stop(self) -> Place {
        self.server.stop().await;
        self.place
    }
}

/// A browser of a person who has an account.
pub struct Person {
    pub addr: SocketAddr,
    pub client: Client,
    jar: Arc<Jar>,
    pub email: String,
}

pub const PASSWORD: &str = "mornings are slow";

impl Person {
    /// A browser that is not logged in.
    pub fn new(addr: SocketAddr, email: String) -> Person {
        let jar = Arc::<Jar>::default();
        Person {
            addr,
            client: browser(&jar),
            jar,
            email,
        }
    }

    pub async fn register(addr: SocketAddr) -> Person {
        let person = Person::new(addr, format!("{}@example.com", Uuid::new_v4().simple()));
        let form = [
            ("email", person.email.as_str()),
            ("name", "Ada"),
            ("password", PASSWORD),
        ];
        let answer = person.post("/api/accounts/register", &form).await;
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        person
    }

    /// The same person in another browser.
    pub async fn elsewhere(&self) -> Person {
        let other = Person::new(self.addr, self.email.clone());
        let form = [("email", self.email.as_str()), ("password", PASSWORD)];
        assert_eq!(other.post("/api/accounts/login", &form).await.status(), 200);
        other
    }

    /// The same person in another browser, of a server that was started anew.
    pub async fn elsewhere_at(&self, addr: SocketAddr) -> Person {
        let moved = Person::new(addr, self.email.clone());
        moved.elsewhere().await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Sends a form as the site's own page does.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.try_post(path, form).await.expect("the server answers")
    }

    pub async fn try_post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Result<Response> {
        let origin = format!("http://{}", self.addr);
        self.client
            .post(self.url(path))
            .header("origin", origin)
            .form(form)
            .send()
            .await
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client
            .get(self.url(path))
            .header("accept", "text/html")
            .send()
            .await
            .unwrap()
    }

    /// Sends a form and reads the event it caused, if it caused one.
    pub async fn does(&self, path: &str, form: &[(&str, &str)]) -> Option<Event> {
        let answer = self.post(path, form).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn creates(&self, title: &str) -> Event {
        self.does("/api/tasks", &[("title", title)])
            .await
            .expect("an event")
    }

    /// A new task, by its number as a form sends it.
    pub async fn task(&self, title: &str) -> String {
        self.creates(title)
            .await
            .envelope
            .data
            .task_id()
            .unwrap()
            .to_string()
    }

    /// Opens a window's socket that has seen everything up to `after`.
    pub async fn socket(&self, after: i64) -> Socket {
        self.try_socket(after, &format!("http://{}", self.addr))
            .await
            .expect("the socket opens")
    }

    pub async fn try_socket(
        &self,
        after: i64,
        origin: &str,
    ) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
        let mut request = format!("ws://{}/live?after={after}", self.addr).into_client_request()?;
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        if let Some(cookie) = self.cookie() {
            request
                .headers_mut()
                .insert("cookie", cookie.parse().unwrap());
        }
        let (stream, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Socket { stream })
    }

    fn cookie(&self) -> Option<String> {
        let cookies = self.jar.cookies(&self.url("/").parse().unwrap())?;
        Some(cookies.to_str().unwrap().to_owned())
    }
}

fn browser(jar: &Arc<Jar>) -> Client {
    Client::builder()
        .user_agent("tests")
        .cookie_provider(jar.clone())
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// A window's socket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// The next message, or the code and reason it was closed with (`None`: just gone).
    pub async fn next(&mut self) -> Result<Message, Option<(u16, String)>> {
        loop {
            let frame = timeout(PATIENCE, self.stream.next())
                .await
                .expect("a message in time");
            match frame {
                Some(Ok(Frame::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Frame::Close(Some(c)))) => {
                    return Err(Some((c.code.into(), c.reason.to_string())));
                }
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => {}
                Some(Ok(other)) => panic!("unexpected frame {other:?}"),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The code and reason it is closed with, whatever comes before (`None`: just gone).
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            if let Err(end) = self.next().await {
                return end;
            }
        }
    }

    /// The next event, passing over what says that it is live.
    pub async fn event(&mut self) -> Event {
        loop {
            match self.next().await.expect("the socket is open") {
                Message::Event(event) => return event,
                Message::Live { .. } => {}
            }
        }
    }

    /// Reads until everything known has been sent.
    pub async fn live(&mut self) -> (Vec<Event>, i64) {
        let mut events = Vec::new();
        loop {
            match self.next().await.expect("the socket is open") {
                Message::Event(event) => events.push(event),
                Message::Live { seq } => return (events, seq.0),
            }
        }
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.send(Frame::text(text)).await.unwrap();
    }
}

/// A server in a process of its own, for killing.
pub struct Process {
    pub child: tokio::process::Child,
    pub addr: SocketAddr,
}

impl Process {
    /// Starts `todo` in `place` and waits until it is ready. `addr` with port 0: any free one.
    pub async fn start(place: &Place, addr: Option<SocketAddr>, envs: &[(&str, &str)]) -> Process {
        let addr = addr.unwrap_or_else(free_addr);
        let child = tokio::process::Command::new(env!("CARGO_BIN_EXE_todo"))
            .args(place.args(addr))
            .envs(envs.iter().copied())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let process = Process { child, addr };
        eventually("the server is ready", async || {
            let answer = reqwest::get(format!("http://{addr}/readyz")).await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        process
    }

    /// kill -9.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// A port that is free now. Below those the system gives to outgoing connections, which could take
/// it while a server is restarted, and above those of the scripts.
pub fn free_addr() -> SocketAddr {
    loop {
        let addr = SocketAddr::from(([127, 0, 0, 1], rand::random_range(30_000..32_768)));
        if std::net::TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

/// A way to a server, which may be cut, or lead elsewhere.
pub struct Proxy {
    pub address: SocketAddr,
    target: watch::Sender<Option<String>>,
    /// How many came while it was cut.
    pub refused: Arc<AtomicUsize>,
}

impl Proxy {
    /// `target`: HOST:PORT.
    pub async fn to(target: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy {
            address: listener.local_addr().unwrap(),
            target: watch::Sender::new(Some(target.to_owned())),
            refused: Arc::default(),
        };
        let (watched, refused) = (proxy.target.subscribe(), proxy.refused.clone());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut watched = watched.clone();
                let Some(target) = watched.borrow_and_update().clone() else {
                    refused.fetch_add(1, Ordering::SeqCst);
                    continue;
                };
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = watched.changed() => {}
                    }
                });
            }
        });
        proxy
    }

    /// Ends every connection; new ones lead there. `None`: nowhere.
    pub fn lead(&self, target: Option<&str>) {
        self.target.send_replace(target.map(str::to_owned));
    }
}

/// A test that fails shows what the parts of the application in its process logged.
fn log() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter("info")
        .with_ansi(false)
        .with_test_writer()
        .try_init();
}

/// Waits until `condition` holds; fails with `what` when patience ends.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < end, "not in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A refusal's body, after checking that it is one.
pub async fn problem(answer: reqwest::Response) -> Value {
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    problem
}
