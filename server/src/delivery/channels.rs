//! The registry: a channel is one file and one line here.

use super::Channel;
use super::email::Email;
use super::sms::Sms;
use crate::config::Config;
use std::sync::Arc;

/// Those that the configuration has what they need for. Errors: a sentence that says what to set.
pub fn all(config: &Config) -> anyhow::Result<Vec<Arc<dyn Channel>>> {
    let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
    if let Some(settings) = config.mail.resolve()? {
        channels.push(Arc::new(Email::new(settings)?));
    }
    if let Some(settings) = config.sms.resolve()? {
        channels.push(Arc::new(Sms::new(settings)?));
    }
    Ok(channels)
}
