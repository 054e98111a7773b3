//! Either transport, within the scopes: what they do not allow is refused before anything is asked.

use super::{Handed, Start, Subscription, Transport};
use crate::scopes::{Action, Scopes};
use crate::telemetry::metrics;
use anyhow::bail;
use app::event::{Event, EventType};
use app::system::DeadLetter;
use async_trait::async_trait;
use std::sync::{Arc, OnceLock};

pub struct Scoped {
    inner: Arc<dyn Transport>,
    scopes: Scopes,
    /// As whom this process publishes, if it tries.
    publisher: &'static str,
    /// The first thing that was refused: a part of this process does not work.
    refusal: OnceLock<String>,
}

impl Scoped {
    pub fn new(inner: Arc<dyn Transport>, scopes: Scopes, publisher: &'static str) -> Self {
        Scoped {
            inner,
            scopes,
            publisher,
            refusal: OnceLock::new(),
        }
    }

    fn check(&self, app: &str, action: Action, topic: &str) -> anyhow::Result<()> {
        self.scopes
            .check(app, action, topic)
            .inspect_err(|refusal| {
                metrics::refused(app, action.as_str());
                self.refusal.get_or_init(|| refusal.to_string());
            })
    }
}

#[async_trait]
impl Transport for Scoped {
    async fn prepare(&self) {
        self.inner.prepare().await;
    }

    async fn publish(&self, events: &[Event]) -> anyhow::Result<Vec<Handed>> {
        for event in events {
            let topic = event.envelope.event_type.as_str();
            self.check(self.publisher, Action::Publish, topic)?;
        }
        self.inner.publish(events).await
    }

    async fn publish_dead(&self, letters: &[DeadLetter]) -> anyhow::Result<Vec<bool>> {
        for letter in letters {
            let topic = format!("{}.dlq", letter.topic);
            self.check(self.publisher, Action::Publish, &topic)?;
        }
        self.inner.publish_dead(letters).await
    }

    fn marked(&self) {
        self.inner.marked();
    }

    fn reads_marks(&self) -> bool {
        self.inner.reads_marks()
    }

    async fn subscribe(
        &self,
        group: &str,
        types: &[EventType],
        start: Start,
    ) -> anyhow::Result<Box<dyn Subscription>> {
        for event_type in types {
            self.check(metrics::consumer(group), Action::Read, event_type.as_str())?;
        }
        self.inner.subscribe(group, types, start).await
    }

    async fn lag(&self) -> anyhow::Result<Vec<(String, i64)>> {
        self.inner.lag().await
    }

    async fn ready(&self) -> anyhow::Result<()> {
        match self.refusal.get() {
            Some(refusal) => bail!("{refusal}"),
            None => self.inner.ready().await,
        }
    }
}
