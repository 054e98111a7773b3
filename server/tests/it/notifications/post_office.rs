//! Those who take messages: a real SMTP server, and a gateway for SMS.

use crate::support::{eventually, free_addr};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

/// An SMTP server (aiosmtpd) in a process of its own.
pub struct Smtp {
    pub addr: SocketAddr,
    folder: TempDir,
    _child: Child,
}

pub const USER: &str = "todo@example.com";
pub const PASSWORD: &str = "letters are slow";

impl Smtp {
    pub async fn start() -> Smtp {
        Self::start_with(|_| Vec::new()).await
    }

    /// One that wants a login, and `tls`: "starttls" or "smtps".
    pub async fn start_secure(tls: &str) -> Smtp {
        Self::start_with(|folder| {
            let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
            let made = Command::new("openssl")
                .args([
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                ])
                .args(["-subj", "/CN=localhost"])
                .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate)
                .output()
                .unwrap();
            assert!(made.status.success(), "{made:?}");
            vec![
                tls.to_owned(),
                certificate.display().to_string(),
                key.display().to_string(),
                USER.into(),
                PASSWORD.into(),
            ]
        })
        .await
    }

    async fn start_with(more: impl FnOnce(&Path) -> Vec<String>) -> Smtp {
        let folder = tempfile::tempdir().unwrap();
        let addr = free_addr();
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/notifications/smtpd.py"
        );
        let child = tokio::process::Command::new(python())
            .arg(script)
            .arg(addr.port().to_string())
            .arg(folder.path().join("mail"))
            .args(more(folder.path()))
            .kill_on_drop(true)
            .spawn()
            .expect("aiosmtpd is installed: scripts/setup test does it");
        eventually("the SMTP server listens", async || {
            TcpStream::connect(addr).await.is_ok()
        })
        .await;
        Smtp {
            addr,
            folder,
            _child: child,
        }
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Every letter it took.
    pub fn letters(&self) -> Vec<Letter> {
        let Ok(files) = std::fs::read_dir(self.folder.path().join("mail/new")) else {
            return Vec::new();
        };
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            Letter::parse(&std::fs::read_to_string(file.unwrap().path()).unwrap())
        };
        files.map(read).collect()
    }

    pub fn letters_to(&self, email: &str) -> Vec<Letter> {
        let mut letters = self.letters();
        letters.retain(|letter| letter.header("To").contains(email));
        letters
    }
}

/// Where scripts/setup has put it.
fn python() -> PathBuf {
    let cache = std::env::var_os("TODO_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
        base.unwrap_or_else(home).join("todo-evolution")
    });
    cache.join("python/bin/python3")
}

#[derive(Clone, Debug)]
pub struct Letter {
    headers: Vec<(String, String)>,
    /// As it travelled, but for soft line breaks.
    pub body: String,
}

impl Letter {
    fn parse(text: &str) -> Letter {
        let text = text.replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            match (line.starts_with([' ', '\t']), headers.last_mut()) {
                (true, Some((_, value))) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                _ => {
                    let (name, value) = line.split_once(':').unwrap();
                    headers.push((name.to_lowercase(), value.trim().into()));
                }
            }
        }
        let body = body.replace("=\n", "").replace("=3D", "=");
        Letter { headers, body }
    }

    pub fn header(&self, name: &str) -> &str {
        let name = name.to_lowercase();
        let mut headers = self.headers.iter();
        headers
            .find(|(n, _)| *n == name)
            .map_or("", |(_, value)| value)
    }

    /// Where it can be unsubscribed from.
    pub fn unsubscribe(&self) -> &str {
        self.header("List-Unsubscribe").trim_matches(['<', '>'])
    }
}

/// A gateway that speaks as Twilio's does.
pub struct Gateway {
    pub url: String,
    messages: Arc<Mutex<Vec<HashMap<String, String>>>>,
    hangs: bool,
}

impl Gateway {
    pub async fn start() -> Gateway {
        Self::listen(false).await
    }

    /// One that takes calls and says nothing.
    pub async fn hanging() -> Gateway {
        Self::listen(true).await
    }

    async fn listen(hangs: bool) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Gateway {
            url: format!("http://{}", listener.local_addr().unwrap()),
            messages: Arc::default(),
            hangs,
        };
        let state = (gateway.messages.clone(), gateway.hangs);
        let router = Router::new().fallback(take).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        gateway
    }

    /// To, From, Body and the idempotency key of each.
    pub fn messages(&self) -> Vec<HashMap<String, String>> {
        self.messages.lock().unwrap().clone()
    }
}

type Taken = (Arc<Mutex<Vec<HashMap<String, String>>>>, bool);

async fn take(
    State((messages, hangs)): State<Taken>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    assert_eq!(uri.path(), "/2010-04-01/Accounts/AC1/Messages.json");
    // AC1:hush
    if headers["authorization"] != "Basic QUMxOmh1c2g=" {
        return (StatusCode::UNAUTHORIZED, "who?");
    }
    let form = form_urlencoded::parse(&body).into_owned();
    let mut message: HashMap<String, String> = form.collect();
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    message.insert("key".into(), key);
    messages.lock().unwrap().push(message);
    if hangs {
        std::future::pending::<()>().await;
    }
    (
        StatusCode::CREATED,
        "{\"sid\":\"SM1\",\"status\":\"queued\"}",
    )
}
