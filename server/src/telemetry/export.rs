//! Sends spans to where they are looked at: by OTLP over HTTP, and to Zipkin.
//!
//! Over plain HTTP, in JSON, by the client that the HTTP server's own library has: a collector beside
//! the process does the rest. Nothing ever waits for it: what it does not take in time is dropped,
//! and counted.

mod otlp;
mod zipkin;

use super::metrics;
use crate::config::Config;
use anyhow::{Context, bail, ensure};
use app::trace::{self, Finished};
use axum::body::Body;
use http::{Request, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// What the process calls itself to collectors.
const SERVICE: &str = "todo-evolution";

/// Spans that may wait for a collector; a span takes about half a KiB.
const QUEUE: usize = 8192;
/// Spans sent at a time.
const BATCH: usize = 512;
/// How long to gather them.
const GATHER: Duration = Duration::from_millis(200);
/// How long a collector may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What sends the spans of this process; running.
#[derive(Default)]
pub struct Exporters {
    tasks: JoinSet<()>,
    stopping: CancellationToken,
}

/// The body of a request that tells of spans.
type Format = fn(&[Arc<Finished>]) -> serde_json::Value;

impl Exporters {
    /// Starts what the configuration asks for, by default nothing.
    /// Errors: an endpoint is no address; or another server of this process collects already.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        let mut exporters = Exporters::default();
        let mut queues = Vec::new();
        if let Some(endpoint) = &config.otlp_endpoint {
            let uri = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
            queues.push(exporters.spawn("otlp", &uri, otlp::body)?);
        }
        if let Some(endpoint) = &config.zipkin_endpoint {
            queues.push(exporters.spawn("zipkin", endpoint, zipkin::body)?);
        }
        if queues.is_empty() {
            return Ok(exporters);
        }
        let take = move |span: Finished| {
            let span = Arc::new(span);
            for (name, queue) in &queues {
                if queue.try_send(span.clone()).is_err() {
                    metrics::spans(name, "dropped", 1);
                }
            }
        };
        if !trace::collect(config.trace_sampling, take) {
            bail!("Spans of this process are collected already.");
        }
        Ok(exporters)
    }

    fn spawn(
        &mut self,
        name: &'static str,
        uri: &str,
        format: Format,
    ) -> anyhow::Result<(&'static str, mpsc::Sender<Arc<Finished>>)> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let exporter = Exporter {
            name,
            uri: address(uri)?,
            format,
            client: Client::builder(TokioExecutor::new()).build_http(),
        };
        metrics::spans(name, "dropped", 0);
        self.tasks.spawn(exporter.run(queue, self.stopping.clone()));
        Ok((name, sender))
    }

    /// Sends what is left, until `end`.
    pub async fn flush(mut self, end: Instant) {
        self.stopping.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout_at(end, all).await.is_err() {
            tracing::warn!("not every span was sent");
        }
    }
}

/// The address of a collector. Errors: it is none that can be used, in a sentence.
pub fn address(text: &str) -> anyhow::Result<Uri> {
    let uri: Uri = text
        .parse()
        .with_context(|| format!("{text:?} is no address"))?;
    ensure!(
        uri.scheme_str() == Some("http") && uri.host().is_some(),
        "{text:?} is not of the form http://HOST:PORT"
    );
    Ok(uri)
}

struct Exporter {
    name: &'static str,
    uri: Uri,
    format: Format,
    client: Client<HttpConnector, Body>,
}

impl Exporter {
    /// Until it is asked to stop; then it sends what is left.
    async fn run(self, mut queue: mpsc::Receiver<Arc<Finished>>, stopping: CancellationToken) {
        let mut batch = Vec::new();
        let mut failing = false;
        loop {
            tokio::select! {
                taken = queue.recv_many(&mut batch, BATCH) => if taken == 0 {
                    return;
                },
                () = stopping.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            }
            if batch.len() < BATCH {
                tokio::select! {
                    () = sleep(GATHER) => {}
                    () = stopping.cancelled() => {}
                }
                while batch.len() < BATCH
                    && let Ok(span) = queue.try_recv()
                {
                    batch.push(span);
                }
            }
            let result = match timeout(ANSWER, self.send(&batch)).await {
                Ok(result) => result,
                Err(_) => Err(anyhow::anyhow!("it does not answer")),
            };
            let outcome = if result.is_ok() { "sent" } else { "dropped" };
            metrics::spans(self.name, outcome, batch.len() as u64);
            match result {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    let error = format!("{error:#}");
                    tracing::warn!(exporter = self.name, error, "spans are dropped");
                    failing = true;
                }
                Err(_) => {}
            }
            batch.clear();
        }
    }

    async fn send(&self, batch: &[Arc<Finished>]) -> anyhow::Result<()> {
        let request = Request::post(self.uri.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from((self.format)(batch).to_string()))?;
        let status = self.client.request(request).await?.status();
        ensure!(status.is_success(), "it answers {status}");
        Ok(())
    }
}
