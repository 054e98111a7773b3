//! Transports that are watched, or made up.

use app::event::{Event, EventType};
use app::system::DeadLetter;
use async_trait::async_trait;
use server::transport::{Batch, Delivered, Handed, Start, Subscription, Transport};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

/// A transport whose every step is seen, and some of them not taken.
pub struct Spy {
    inner: Arc<dyn Transport>,
    /// Publishing waits until this is true.
    pub open: watch::Sender<bool>,
    pub publishing: AtomicUsize,
    pub marked: watch::Sender<usize>,
    pub handed_out: Arc<AtomicUsize>,
    pub stored: Arc<AtomicUsize>,
    /// As if the process died each time before it could store.
    pub forgetful: bool,
}

impl Spy {
    pub fn on(inner: Arc<dyn Transport>, forgetful: bool) -> Arc<Spy> {
        Arc::new(Spy {
            inner,
            open: watch::Sender::new(true),
            publishing: AtomicUsize::new(0),
            marked: watch::Sender::new(0),
            handed_out: Arc::default(),
            stored: Arc::default(),
            forgetful,
        })
    }
}

#[async_trait]
impl Transport for Spy {
    async fn prepare(&self) {
        self.inner.prepare().await;
    }

    async fn publish(&self, events: &[Event]) -> anyhow::Result<Vec<Handed>> {
        self.publishing.fetch_add(1, Ordering::SeqCst);
        self.open.subscribe().wait_for(|open| *open).await?;
        self.inner.publish(events).await
    }

    async fn publish_dead(&self, letters: &[DeadLetter]) -> anyhow::Result<Vec<bool>> {
        self.inner.publish_dead(letters).await
    }

    fn marked(&self) {
        self.marked.send_modify(|times| *times += 1);
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
        Ok(Box::new(SpiedOn {
            inner: self.inner.subscribe(group, types, start).await?,
            handed_out: self.handed_out.clone(),
            stored: self.stored.clone(),
            forgetful: self.forgetful,
        }))
    }

    async fn ready(&self) -> anyhow::Result<()> {
        self.inner.ready().await
    }
}

struct SpiedOn {
    inner: Box<dyn Subscription>,
    handed_out: Arc<AtomicUsize>,
    stored: Arc<AtomicUsize>,
    forgetful: bool,
}

#[async_trait]
impl Subscription for SpiedOn {
    async fn next_batch(&mut self) -> anyhow::Result<Batch> {
        let batch = self.inner.next_batch().await?;
        self.handed_out
            .fetch_add(batch.events.len(), Ordering::SeqCst);
        Ok(batch)
    }

    async fn store(&mut self) -> anyhow::Result<()> {
        self.stored.fetch_add(1, Ordering::SeqCst);
        if self.forgetful {
            Ok(())
        } else {
            self.inner.store().await
        }
    }

    async fn close(self: Box<Self>) {
        self.inner.close().await;
    }
}

/// A transport that hands out what the test says, however absurd.
pub struct Script(Mutex<Option<mpsc::UnboundedReceiver<Vec<Event>>>>);

impl Script {
    pub fn write() -> (Arc<dyn Transport>, mpsc::UnboundedSender<Vec<Event>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Arc::new(Script(Mutex::new(Some(receiver)))), sender)
    }
}

#[async_trait]
impl Transport for Script {
    async fn prepare(&self) {}

    async fn publish(&self, events: &[Event]) -> anyhow::Result<Vec<Handed>> {
        Ok(vec![Handed::Durable(None); events.len()])
    }

    async fn publish_dead(&self, letters: &[DeadLetter]) -> anyhow::Result<Vec<bool>> {
        Ok(vec![true; letters.len()])
    }

    async fn subscribe(
        &self,
        _: &str,
        _: &[EventType],
        _: Start,
    ) -> anyhow::Result<Box<dyn Subscription>> {
        Ok(Box::new(Scripted(
            self.0.lock().unwrap().take().expect("one subscription"),
        )))
    }

    async fn ready(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

struct Scripted(mpsc::UnboundedReceiver<Vec<Event>>);

#[async_trait]
impl Subscription for Scripted {
    async fn next_batch(&mut self) -> anyhow::Result<Batch> {
        match self.0.recv().await {
            Some(events) => Ok(Batch {
                events: events.into_iter().map(delivered).collect(),
                poison: Vec::new(),
            }),
            None => std::future::pending().await,
        }
    }

    async fn store(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    async fn close(self: Box<Self>) {}
}

fn delivered(event: Event) -> Delivered {
    Delivered {
        user_id: event.user_id().clone(),
        seq: event.seq,
        event: Some(event),
        place: (0, 0),
        record: None,
    }
}
