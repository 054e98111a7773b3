//! Logging, metrics and traces. No payloads, tokens or session ids: ids, numbers and durations only.

pub mod export;
pub mod http;
pub mod metrics;
pub mod scrape;

mod counted;
pub mod history;
mod lag;

use crate::config::{Config, LogFormat};
use tracing_subscriber::EnvFilter;

/// Logs to standard error from here on.
pub fn start(config: &Config) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(config.log.parse::<EnvFilter>()?)
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
