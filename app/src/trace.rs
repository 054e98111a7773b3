//! Spans: how long each step took of a request, and of what it set in motion elsewhere.
//!
//! A [`Context`] is W3C's `traceparent`. It travels in the event, so that whoever handles the event,
//! whenever and wherever, adds to the trace of the request. The server says where spans go
//! ([`collect`]); as long as it has not, none is made.

use crate::event::Event;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// A place in a trace, written `00-<trace>-<span>-<flags>` in lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pub trace_id: u128,
    pub span_id: u64,
    /// Whether the trace is collected, which its beginning decides for all of it.
    pub sampled: bool,
}

impl Context {
    /// The beginning of a trace.
    pub fn new(sampled: bool) -> Self {
        Context {
            trace_id: rand::random::<u128>() | 1,
            span_id: rand::random::<u64>() | 1,
            sampled,
        }
    }

    /// The context a `traceparent` tells of, if it is a well-formed one.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let ["00", trace, span, flags] = parts[..] else {
            return None;
        };
        let hex = |part: &str, length: usize| {
            let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            let fits = part.len() == length && part.bytes().all(digit);
            fits.then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let context = Context {
            trace_id: hex(trace, 32)?,
            span_id: hex(span, 16)?.try_into().ok()?,
            sampled: hex(flags, 2)? & 1 == 1,
        };
        (context.trace_id != 0 && context.span_id != 0).then_some(context)
    }

    /// Whether it is among the part `sampling` (0 to 1) of all traces; a trace always is or never.
    fn is_among(self, sampling: f64) -> bool {
        // The digits that W3C wants to be random.
        let random = self.trace_id & ((1 << 56) - 1);
        (random as f64) < sampling * (1u64 << 56) as f64
    }

    fn child(self) -> Self {
        Context {
            span_id: rand::random::<u64>() | 1,
            ..self
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(
            f,
            "00-{:032x}-{:016x}-{flags:02x}",
            self.trace_id, self.span_id
        )
    }
}

/// Where people look at traces: an address with `{trace_id}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceUrl(String);

impl TraceUrl {
    /// The address of the trace a `traceparent` belongs to, if it is collected.
    pub fn of(&self, traceparent: &str) -> Option<String> {
        let context = Context::parse(traceparent).filter(|context| context.sampled)?;
        let trace_id = format!("{:032x}", context.trace_id);
        Some(self.0.replace("{trace_id}", &trace_id))
    }
}

impl FromStr for TraceUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_address = ["http://", "https://"].iter().any(|s| text.starts_with(s));
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        match is_address && is_plain && text.contains("{trace_id}") {
            true => Ok(TraceUrl(text.to_owned())),
            false => Err(
                "write an http address with {trace_id} in it, as in http://127.0.0.1:16686/trace/{trace_id}",
            ),
        }
    }
}

/// What a span is to others, as in OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// What is told of a span beside its times: ids and numbers, never what people wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(Cow<'static, str>),
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(number)
    }
}

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    pub context: Context,
    pub parent: Option<u64>,
    pub name: Cow<'static, str>,
    pub kind: Kind,
    pub began: SystemTime,
    pub took: Duration,
    pub attributes: Vec<(&'static str, Value)>,
    pub failed: bool,
}

/// A step under way, or nothing if its trace is not collected. It ends when it is dropped.
#[derive(Default)]
pub struct Span(Option<Box<Open>>);

struct Open {
    span: Finished,
    began: Instant,
}

struct Collector {
    sampling: f64,
    take: Box<dyn Fn(Finished) + Send + Sync>,
}

static COLLECTOR: OnceLock<Collector> = OnceLock::new();

tokio::task_local! {
    static CURRENT: Context;
}

/// Hands every span that ends from here on to `take`, which must not wait. Of the traces that begin
/// here, the part `sampling` (0 to 1) is collected. Once a process; `false`: it was called before.
pub fn collect(sampling: f64, take: impl Fn(Finished) + Send + Sync + 'static) -> bool {
    let take = Box::new(take);
    COLLECTOR.set(Collector { sampling, take }).is_ok()
}

/// A request came, perhaps from within a trace: the context of what follows from it, and the span.
/// Whether the trace is collected is the caller's to say, but for a page, which does not know what
/// part is to be. `None`: nothing is collected.
pub fn serve(caller: Option<Context>, is_page: bool) -> Option<(Context, Span)> {
    let collector = COLLECTOR.get()?;
    let context = match caller {
        Some(caller) => Context {
            sampled: match is_page {
                true => caller.is_among(collector.sampling),
                false => caller.sampled,
            },
            ..caller.child()
        },
        None => Context::new(rand::random::<f64>() < collector.sampling),
    };
    let parent = caller.map(|caller| caller.span_id);
    Some((
        context,
        Span::open(context, parent, "request".into(), Kind::Server),
    ))
}

/// Runs `work` with `context` as that of the spans that [`Span::here`] begins.
pub async fn within<F: Future>(context: Context, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

impl Span {
    fn open(context: Context, parent: Option<u64>, name: Cow<'static, str>, kind: Kind) -> Self {
        if !context.sampled || COLLECTOR.get().is_none() {
            return Span(None);
        }
        let span = Finished {
            context,
            parent,
            name,
            kind,
            began: SystemTime::now(),
            took: Duration::ZERO,
            attributes: Vec::new(),
            failed: false,
        };
        let began = Instant::now();
        Span(Some(Box::new(Open { span, began })))
    }

    /// A step of `parent`.
    pub fn child(parent: Context, name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        Span::open(parent.child(), Some(parent.span_id), name.into(), kind)
    }

    /// A step of the request that is being answered, if it is one.
    pub fn here(name: &'static str) -> Self {
        let current = CURRENT.try_with(|context| *context);
        current.map_or_else(
            |_| Span(None),
            |parent| Span::child(parent, name, Kind::Internal),
        )
    }

    /// A step of what becomes of an event.
    pub fn of(event: &Event, name: impl FnOnce() -> Cow<'static, str>, kind: Kind) -> Self {
        if COLLECTOR.get().is_none() {
            return Span(None);
        }
        let parent = event.traceparent.as_deref().and_then(Context::parse);
        let Some(parent) = parent.filter(|parent| parent.sampled) else {
            return Span(None);
        };
        let mut span = Span::child(parent, name(), kind);
        span.set(
            "messaging.destination.name",
            event.envelope.event_type.as_str(),
        );
        span.set("messaging.message.id", event.envelope.event_id.to_string());
        span.set("todo.seq", event.seq.0);
        span
    }

    /// Where it stands, if it is collected.
    pub fn context(&self) -> Option<Context> {
        self.0.as_ref().map(|open| open.span.context)
    }

    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.0 {
            open.span.name = name.into();
        }
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.span.attributes.push((key, value.into()));
        }
    }

    /// Whether it is known to have failed; the last word counts.
    pub fn failed(&mut self, failed: bool) {
        if let Some(open) = &mut self.0 {
            open.span.failed = failed;
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let (Some(mut open), Some(collector)) = (self.0.take(), COLLECTOR.get()) {
            open.span.took = open.began.elapsed();
            (collector.take)(open.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_trace_contexts_are_read() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = Context::parse(good).unwrap();
        assert!(context.sampled);
        assert_eq!(context.to_string(), good);
        assert!(!Context::parse(&good.replace("-01", "-02")).unwrap().sampled);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nx: y",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_trace_is_always_or_never_among_those_to_collect() {
        let contexts: Vec<Context> = (0..2000).map(|_| Context::new(true)).collect();
        let among = |sampling| contexts.iter().filter(|c| c.is_among(sampling)).count();
        assert_eq!((among(0.0), among(1.0)), (0, 2000));
        // Six standard deviations to either side.
        assert!((480..=720).contains(&among(0.3)), "{}", among(0.3));
        assert!(contexts.iter().all(|c| !c.is_among(0.3) || c.is_among(0.7)));
    }

    #[test]
    fn a_collected_trace_has_an_address() {
        let url: TraceUrl = "http://127.0.0.1:16686/trace/{trace_id}?uiEmbed=v0"
            .parse()
            .unwrap();
        let traceparent = "00-0bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            url.of(traceparent).unwrap(),
            "http://127.0.0.1:16686/trace/0bf92f3577b34da6a3ce929d0e0e4736?uiEmbed=v0"
        );
        assert_eq!(url.of(&traceparent.replace("-01", "-00")), None);
        assert_eq!(url.of("\"><script>"), None);
        for bad in [
            "",
            "http://127.0.0.1/",
            "data:{trace_id}",
            "http://a b/{trace_id}",
            "http://a/\n{trace_id}",
        ] {
            assert!(bad.parse::<TraceUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn without_a_collector_no_span_is_made() {
        assert!(serve(Some(Context::new(true)), false).is_none());
        assert!(
            Span::child(Context::new(true), "x", Kind::Internal)
                .0
                .is_none()
        );
    }
}
