//! Somebody else's machine, which answers well or badly as its paths say.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// What was received.
#[derive(Clone, Debug)]
struct Call {
    path: String,
    id: String,
    trace: String,
    body: String,
    headers: HeaderMap,
}

#[derive(Default)]
struct Log {
    calls: Vec<Call>,
    /// Under way now, and the most there were.
    under_way: HashMap<String, (usize, usize)>,
    opened: HashSet<String>,
}

pub struct Receiver {
    port: u16,
    /// Where nobody listens.
    closed: u16,
    log: Arc<Mutex<Log>>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::<Mutex<Log>>::default();
        let router = Router::new().fallback(answer).with_state(log.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Receiver {
            port,
            closed: crate::support::free_addr().port(),
            log,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, path: &str) -> String {
        let port = match path {
            "/refuses" => self.closed,
            _ => self.port,
        };
        format!("http://127.0.0.1:{port}{path}")
    }

    fn calls<T>(&self, path: &str, of: impl Fn(&Call) -> T) -> Vec<T> {
        let log = self.log.lock().unwrap();
        let calls = log.calls.iter().filter(|call| call.path == path);
        calls.map(of).collect()
    }

    pub fn count(&self, path: &str) -> usize {
        self.calls(path, |_| ()).len()
    }

    pub fn ids(&self, path: &str) -> Vec<String> {
        self.calls(path, |call| call.id.clone())
    }

    pub fn bodies(&self, path: &str) -> Vec<String> {
        self.calls(path, |call| call.body.clone())
    }

    pub fn traces(&self, path: &str) -> Vec<String> {
        self.calls(path, |call| call.trace.clone())
    }

    pub fn headers(&self, path: &str) -> Vec<HeaderMap> {
        self.calls(path, |call| call.headers.clone())
    }

    /// How many there were at the same time.
    pub fn most(&self, path: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.under_way.get(path).map_or(0, |(_, most)| *most)
    }

    /// What was closed answers well from now on.
    pub fn open(&self, path: &str) {
        self.log.lock().unwrap().opened.insert(path.into());
    }
}

/// Counts a call for as long as it is answered, and if its client goes away.
struct UnderWay(Arc<Mutex<Log>>, String);

impl UnderWay {
    fn new(log: &Arc<Mutex<Log>>, path: &str) -> Self {
        let mut held = log.lock().unwrap();
        let entry = held.under_way.entry(path.into()).or_default();
        entry.0 += 1;
        entry.1 = entry.1.max(entry.0);
        UnderWay(log.clone(), path.into())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(entry) = self.0.lock().unwrap().under_way.get_mut(&self.1) {
            entry.0 -= 1;
        }
    }
}

async fn answer(
    State(log): State<Arc<Mutex<Log>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let call = Call {
        path: path.clone(),
        id: header("webhook-id"),
        trace: header("traceparent"),
        body: String::from_utf8_lossy(&body).into_owned(),
        headers: headers.clone(),
    };
    let under_way = UnderWay::new(&log, &path);
    let (before, opened) = {
        let mut log = log.lock().unwrap();
        let before = log.calls.iter().filter(|call| call.path == path).count();
        log.calls.push(call);
        (before, log.opened.contains(&path))
    };
    match path.as_str() {
        "/gone" => StatusCode::GONE.into_response(),
        "/redirects" => (StatusCode::FOUND, [("location", "/ok/redirected")]).into_response(),
        "/closed" if !opened => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "/hangs" => std::future::pending().await,
        // A byte now and then, without end.
        "/drips" => {
            let drip = futures::stream::unfold(under_way, async |held| {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, std::io::Error>("."), held))
            });
            Body::from_stream(drip).into_response()
        }
        path => match path.strip_prefix("/fails/").map(str::parse::<usize>) {
            Some(Ok(times)) if before < times => {
                let body = Body::from("x".repeat(10 * 1024));
                (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
            }
            _ => StatusCode::OK.into_response(),
        },
    }
}
