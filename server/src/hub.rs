//! The sockets: every open window of a person hears of each of their events, in order.
//!
//! A room a person; a message is serialised once and shared. A socket keeps its cursor: what it
//! missed, for whatever reason, it reads from the event store, so nothing is ever thinned out.

use crate::telemetry::metrics;
use crate::web::Web;
use app::accounts::session::{self, Session};
use app::error::{Error, Kind};
use app::event::Event;
use app::id::{Seq, UserId};
use app::live::Message;
use app::outbox;
use app::trace::{self, Context, Span};
use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, interval_at, sleep_until, timeout};

/// Messages a room keeps for a socket that is slow; beyond it, the socket reads the database.
const ROOM: usize = 256;
/// The longest message a room keeps, in bytes; what is longer, each socket reads from the database.
/// A room that is full of them is half a MiB.
const SHORT: usize = 2 * 1024;
/// Sockets one person may have open in one process.
const MAX_SOCKETS: usize = 50;
/// How often a socket is pinged, told that it is live, and its session looked at again.
const PING: Duration = Duration::from_secs(25);
/// How long the browser has to answer.
const PONG: Duration = Duration::from_secs(8);
/// How long one message may take to leave for a client that does not read.
const SEND: Duration = Duration::from_secs(30);
/// Events read at a time while catching up,
const PAGE: i64 = 500;
/// but not many more bytes than this: a client that does not read has the server keep them.
const PAGE_BYTES: i64 = 128 * 1024;

const AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const AGAIN: u16 = 1013;

/// The rooms of this process; cheap to clone.
#[derive(Clone, Default)]
pub struct Hub {
    rooms: Arc<Mutex<HashMap<UserId, Room>>>,
}

type Room = broadcast::Sender<Signal>;

#[derive(Clone)]
enum Signal {
    /// An event, serialised.
    Event {
        seq: Seq,
        text: Utf8Bytes,
        /// Of its handing out, for the spans of the sockets.
        trace: Option<Context>,
    },
    /// There are events that are not here, or there may be: look into the event store.
    Resync,
}

impl Hub {
    /// Tells every window of the event's owner. Costs nothing when there is none.
    pub fn publish(&self, event: &Event) {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(event.user_id()) {
            let span = Span::of(event, || "consume live".into(), trace::Kind::Consumer);
            let text = text(&Message::Event(event.clone()));
            // No receiver: the last socket is just leaving.
            let _ = room.send(match text.len() {
                ..=SHORT => Signal::Event {
                    seq: event.seq,
                    text,
                    trace: span.context(),
                },
                _ => Signal::Resync,
            });
        }
    }

    /// Makes every socket look into the event store: this process may have missed something.
    pub fn resync(&self) {
        for room in self
            .rooms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            let _ = room.send(Signal::Resync);
        }
    }

    /// Whether the person has a window open here.
    pub fn has(&self, user_id: &UserId) -> bool {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.contains_key(user_id)
    }

    /// How many sockets are open.
    pub fn sockets(&self) -> usize {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.values().map(broadcast::Sender::receiver_count).sum()
    }

    /// A place in the person's room. Errors: `TooMany`.
    fn join(&self, user_id: &UserId) -> Result<broadcast::Receiver<Signal>, Error> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms
            .entry(user_id.clone())
            .or_insert_with(|| broadcast::channel(ROOM).0);
        if room.receiver_count() >= MAX_SOCKETS {
            return Err(Error::new(
                Kind::TooMany,
                format!("{MAX_SOCKETS} windows are open already. Close one, then reload this one."),
            ));
        }
        Ok(room.subscribe())
    }

    fn leave(&self, user_id: &UserId, receiver: broadcast::Receiver<Signal>) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        drop(receiver);
        if rooms
            .get(user_id)
            .is_some_and(|room| room.receiver_count() == 0)
        {
            rooms.remove(user_id);
        }
    }
}

/// Query of `/live`.
#[derive(Deserialize)]
pub struct Cursor {
    /// The last event the window has.
    after: i64,
}

/// `GET /live?after=N`: who it is and from where is checked before anything else.
pub async fn upgrade(
    State(web): State<Web>,
    Query(cursor): Query<Cursor>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, crate::web::Refused> {
    web.same_origin(&headers)?;
    let session = session::find(&web.state, &headers)
        .await?
        .ok_or_else(Error::unauthenticated)?;
    let room = web.hub.join(&session.user_id)?;
    let socket = Socket {
        web,
        headers,
        session,
        cursor: Seq(cursor.after.max(0)),
    };
    Ok(upgrade
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(1024 * 1024)
        .max_message_size(64 * 1024)
        .max_frame_size(64 * 1024)
        .on_upgrade(move |ws| socket.run(ws, room))
        .into_response())
}

struct Socket {
    web: Web,
    /// For looking at the session again.
    headers: HeaderMap,
    session: Session,
    cursor: Seq,
}

/// Why a socket ends: the code and reason for the browser, or `None` if it has gone.
type End = Option<(u16, &'static str)>;

impl Socket {
    async fn run(mut self, mut ws: WebSocket, mut room: broadcast::Receiver<Signal>) {
        let _open = metrics::socket();
        let end = match self.follow(&mut ws, &mut room).await {
            Err(end) => end,
            Ok(never) => match never {},
        };
        self.web.hub.leave(&self.session.user_id, room);
        if let Some((code, reason)) = end {
            let close = Frame::Close(Some(CloseFrame {
                code,
                reason: reason.into(),
            }));
            let _ = timeout(Duration::from_secs(2), ws.send(close)).await;
        }
    }

    async fn follow(
        &mut self,
        ws: &mut WebSocket,
        room: &mut broadcast::Receiver<Signal>,
    ) -> Result<std::convert::Infallible, End> {
        let mut ended = self.web.state.ended.subscribe();
        let mut ping = interval_at(Instant::now() + PING, PING);
        let mut pong_by: Option<Instant> = None;
        self.check_session().await?;
        self.catch_up(ws).await?;
        loop {
            tokio::select! {
                () = self.web.stopping.cancelled() => return Err(Some((AWAY, "the server restarts"))),
                signal = room.recv() => match signal {
                    Ok(Signal::Event { seq, text, trace }) if seq == self.cursor.next() => {
                        let mut span = trace.map(sending).unwrap_or_default();
                        span.failed(true);
                        send(ws, Frame::Text(text)).await?;
                        span.failed(false);
                        self.cursor = seq;
                    }
                    Ok(Signal::Event { seq, .. }) if seq <= self.cursor => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => self.catch_up(ws).await?,
                    Err(RecvError::Closed) => return Err(Some((AGAIN, "come back"))),
                },
                session_id = ended.recv() => match session_id {
                    Ok(session_id) if session_id != self.session.session_id => {}
                    Ok(_) => return Err(Some((POLICY, "the session has ended"))),
                    Err(_) => self.check_session().await?,
                },
                frame = ws.recv() => match frame {
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => pong_by = None,
                    Some(Ok(Frame::Text(_) | Frame::Binary(_))) => {
                        return Err(Some((POLICY, "this socket only sends")));
                    }
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => return Err(None),
                },
                _ = ping.tick() => {
                    self.check_session().await?;
                    self.catch_up(ws).await?;
                    send(ws, Frame::Ping(Default::default())).await?;
                    pong_by = Some(Instant::now() + PONG);
                }
                () = sleep_until(pong_by.unwrap_or_else(Instant::now)), if pong_by.is_some() => {
                    return Err(None);
                }
            }
        }
    }

    /// Sends everything after the cursor from the event store, then says that it is live.
    async fn catch_up(&mut self, ws: &mut WebSocket) -> Result<(), End> {
        loop {
            let events = self.read_on().await.map_err(|error| {
                tracing::warn!(%error, "a socket could not read the event store");
                Some((AGAIN, "come back"))
            })?;
            let count = events.len();
            let mut bytes = 0;
            for event in events {
                let seq = event.seq;
                let text = text(&Message::Event(event));
                bytes += text.len();
                send(ws, Frame::Text(text)).await?;
                self.cursor = seq;
            }
            if count < PAGE as usize && bytes < PAGE_BYTES as usize {
                return send(ws, Frame::Text(text(&Message::Live { seq: self.cursor }))).await;
            }
        }
    }

    async fn read_on(&self) -> Result<Vec<Event>, sqlx::Error> {
        let mut conn = self.web.state.db.pool().acquire().await?;
        outbox::after_within(
            &mut conn,
            &self.session.user_id,
            self.cursor,
            PAGE,
            PAGE_BYTES,
        )
        .await
    }

    /// A session may have ended in another process, or expired. A database that is away ends none.
    async fn check_session(&self) -> Result<(), End> {
        match session::find(&self.web.state, &self.headers).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(Some((POLICY, "the session has ended"))),
            Err(_) => Err(Some((AGAIN, "come back"))),
        }
    }
}

fn sending(trace: Context) -> Span {
    Span::child(trace, "socket send", trace::Kind::Producer)
}

async fn send(ws: &mut WebSocket, frame: Frame) -> Result<(), End> {
    match timeout(SEND, ws.send(frame)).await {
        Ok(Ok(())) => {
            metrics::message_sent();
            Ok(())
        }
        // It has gone, or does not read: it resumes by its cursor when it comes back.
        Ok(Err(_)) | Err(_) => Err(None),
    }
}

fn text(message: &Message) -> Utf8Bytes {
    serde_json::to_string(message).unwrap_or_default().into()
}
