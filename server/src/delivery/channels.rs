//! The registry: a channel is one file and one line here.

use super::Channel;
use super::email::Email;
use super::endpoint::{Endpoints, Protocol, Reach};
use super::jira::Jira;
use super::onboarding::Onboarding;
use super::push::Push;
use super::slack::Slack;
use super::sms::Sms;
use super::webhook::Webhook;
use crate::config::Config;
use app::db::Db;
use std::sync::Arc;

/// Those that the configuration has what they need for; `push` needs nothing. Errors: a sentence
/// that says what to set.
pub fn all(config: &Config, db: &Db, push: Arc<Push>) -> anyhow::Result<Vec<Arc<dyn Channel>>> {
    let mut channels: Vec<Arc<dyn Channel>> = vec![push];
    if let Some(settings) = config.mail.resolve()? {
        channels.push(Arc::new(Email::new(settings)?));
    }
    if let Some(settings) = config.sms.resolve()? {
        channels.push(Arc::new(Sms::new(settings)?));
    }
    let reach = Reach::new(config, db)?;
    channels.push(endpoints(&reach, Webhook));
    channels.push(endpoints(&reach, Slack));
    channels.push(endpoints(&reach, Jira));
    if config.onboarding {
        channels.push(Arc::new(Onboarding { db: db.clone() }));
    }
    Ok(channels)
}

fn endpoints(reach: &Reach, protocol: impl Protocol) -> Arc<dyn Channel> {
    let reach = reach.clone();
    Arc::new(Endpoints { reach, protocol })
}
