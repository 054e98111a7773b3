//! The browser's end of the socket: connects, listens, and comes back whatever happens.

use super::{Message, PATH};
use crate::home::Page;
use crate::id::Seq;
use crate::ui::{after, listen};
use crate::wire::{FromJson, Json};
use leptos::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{CloseEvent, Event, MessageEvent, WebSocket};

/// The server says something every 25 s; silence of this many milliseconds is a dead connection.
const SILENCE: f64 = 40_000.0;
/// The longest and the shortest wait before the next attempt, in milliseconds.
const WAIT: (f64, f64) = (500.0, 30_000.0);
/// RFC 6455: the server will not have us. Ours says so when the session has ended.
const POLICY: u16 = 1008;

/// How the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// For the first time.
    Connecting,
    /// Connected; what was missed is being sent.
    CatchingUp,
    Live,
    /// Not connected; it tries by itself.
    Offline,
    /// The session has ended; only logging in helps.
    Ended,
}

/// Connects and stays connected until the session ends. Only in the browser.
pub fn connect(page: Page) {
    let line = Rc::new(Connection {
        page,
        socket: RefCell::new(None),
        failures: Cell::new(0),
        heard: Cell::new(0.0),
        retry: Cell::new(None),
    });
    for name in ["online", "visibilitychange"] {
        let wake = line.clone();
        listen(name, move |_| {
            if !document().hidden() {
                wake.wake();
            }
        });
    }
    let watch = line.clone();
    set_interval(move || watch.watch(), Duration::from_secs(5));
    line.open();
}

struct Connection {
    /// What listens.
    page: Page,
    socket: RefCell<Option<Socket>>,
    /// Attempts since it was live.
    failures: Cell<i32>,
    /// When it last said something, in milliseconds since 1970.
    heard: Cell<f64>,
    retry: Cell<Option<TimeoutHandle>>,
}

/// A socket and what listens to it; both go together.
struct Socket {
    socket: WebSocket,
    _listener: Closure<dyn FnMut(Event)>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        // It may be closed already.
        let _ = self.socket.close();
    }
}

impl Connection {
    fn open(self: &Rc<Self>) {
        if let Some(retry) = self.retry.take() {
            retry.clear();
        }
        self.heard.set(js_sys::Date::now());
        let socket = address(self.page.cursor()).and_then(|url| WebSocket::new(&url).ok());
        let Some(socket) = socket else {
            return self.lost();
        };
        let this = self.clone();
        let listener: Closure<dyn FnMut(Event)> = Closure::new(move |event| this.take(&event));
        let function = Some(listener.as_ref().unchecked_ref());
        socket.set_onmessage(function);
        socket.set_onopen(function);
        socket.set_onclose(function);
        self.keep(Some(Socket {
            socket,
            _listener: listener,
        }));
    }

    fn take(self: &Rc<Self>, event: &Event) {
        match event.type_().as_str() {
            "open" => {
                self.heard.set(js_sys::Date::now());
                self.page.set_status(Status::CatchingUp);
            }
            "message" => {
                self.heard.set(js_sys::Date::now());
                let event: &MessageEvent = event.unchecked_ref();
                if let Some(text) = event.data().as_string() {
                    self.hear(&text);
                }
            }
            _ if event.unchecked_ref::<CloseEvent>().code() == POLICY => {
                self.page.set_status(Status::Ended);
            }
            _ => self.lost(),
        }
    }

    /// Replaces the socket. The old one goes after the event it may be in the midst of.
    fn keep(&self, socket: Option<Socket>) {
        if let Some(old) = self.socket.replace(socket) {
            old.socket.set_onmessage(None);
            old.socket.set_onopen(None);
            old.socket.set_onclose(None);
            after(Duration::ZERO, Box::new(move || drop(old)));
        }
    }

    fn hear(self: &Rc<Self>, text: &str) {
        let Some(message) = Json::parse(text).and_then(Message::from_json) else {
            return self.page.is_outdated();
        };
        let is_live = matches!(message, Message::Live { .. });
        if !self.page.hear(message) {
            self.lost();
        } else if is_live {
            self.failures.set(0);
            self.page.set_status(Status::Live);
        }
    }

    /// Tries again after a while: half a second to half a minute, more with each failure, at random
    /// so that not everybody comes back at once.
    fn lost(self: &Rc<Self>) {
        self.keep(None);
        if self.status() == Status::Ended {
            return;
        }
        self.page.set_status(Status::Offline);
        self.page.check_session();
        let failures = self.failures.get();
        self.failures.set(failures.saturating_add(1));
        let longest = (WAIT.0 * 2_f64.powi(failures.min(10))).min(WAIT.1);
        let wait = WAIT.0 + js_sys::Math::random() * (longest - WAIT.0).max(0.0);
        let this = self.clone();
        let open = move || this.open();
        self.retry
            .set(set_timeout_with_handle(open, Duration::from_millis(wait as u64)).ok());
    }

    /// The network or the person is back.
    fn wake(self: &Rc<Self>) {
        let quiet = js_sys::Date::now() - self.heard.get();
        match self.status() {
            Status::Ended => {}
            Status::Offline if self.is_opening() => {}
            Status::Offline => self.open(),
            _ if quiet > SILENCE => self.lost(),
            _ => {}
        }
    }

    fn watch(self: &Rc<Self>) {
        let quiet = js_sys::Date::now() - self.heard.get();
        if self.socket.borrow().is_some() && quiet > SILENCE {
            self.lost();
        }
    }

    fn is_opening(&self) -> bool {
        let socket = self.socket.borrow();
        socket
            .as_ref()
            .is_some_and(|s| s.socket.ready_state() == WebSocket::CONNECTING)
    }

    fn status(&self) -> Status {
        self.page.peek(|state| state.status)
    }
}

fn address(after: Seq) -> Option<String> {
    let location = location();
    let scheme = if location.protocol().ok()? == "https:" {
        "wss"
    } else {
        "ws"
    };
    Some(format!(
        "{scheme}://{}{PATH}?after={after}",
        location.host().ok()?
    ))
}
