//! Dead letters on a page: which there are, one as a whole, and what is to become of them.

use super::api::{DiscardDeadLetters, RedriveDeadLetters};
use super::queries::{Filter, Kinds};
use super::{DeadLetter, Status};
use crate::shell::submitted;
use crate::state::State;
use crate::ui::time;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// Dead letters on a page.
pub const PAGE: usize = 50;

/// What was decided a moment ago: "retried" or "discarded", and of how many.
pub type Done = Option<(&'static str, usize)>;

/// The list, what narrows it, and what to do with the chosen ones. `letters` has one more than a
/// page if there are older ones.
pub fn letters(
    letters: Vec<DeadLetter>,
    filter: &Filter,
    kinds: Kinds,
    done: Done,
) -> impl IntoView + use<> {
    view! {
        <section class="dead-letters" id="letters" aria-labelledby="letters-title">
            <h2 id="letters-title">"Dead letters"</h2>
            {said(done)}
            {refusal()}
            {choices(filter, kinds)}
            {list(letters, filter)}
        </section>
    }
}

fn said(done: Done) -> impl IntoView {
    done.map(|(what, count)| {
        let (are, them) = match count {
            1 => ("dead letter is", "Its consumer applies it"),
            _ => ("dead letters are", "Their consumers apply them"),
        };
        let words = match what {
            "discarded" => format!("{count} {are} discarded."),
            _ => format!("{count} {are} tried again. {them} within seconds."),
        };
        view! { <p class="notice is-done" role="status">{words}</p> }
    })
}

/// Why the last decision was refused. The browser goes to it, for the page may be long.
fn refusal() -> impl IntoView {
    submitted().map(|form| {
        // Of the note it is said beside the note.
        let autofocus = form.error.field.as_deref() != Some("note");
        view! {
            <p class="notice" role="alert" id="refusal" tabindex="-1" autofocus=autofocus>
                {form.error.detail}
            </p>
        }
    })
}

/// Links that narrow the list, each keeping what the others say.
fn choices(filter: &Filter, kinds: Kinds) -> impl IntoView + use<> {
    let all = Filter {
        before: None,
        ..filter.clone()
    };
    let statuses = [None].into_iter().chain(Status::ALL.map(Some));
    let statuses = statuses.map(|status| Choice {
        words: status.map_or("all", Status::as_str).into(),
        is_current: filter.status == status,
        leads_to: Filter {
            status,
            ..all.clone()
        },
    });
    let statuses = statuses.collect();
    let topics = either(kinds.topics, &filter.topic, |topic| Filter {
        topic,
        ..all.clone()
    });
    let consumers = either(kinds.consumers, &filter.consumer, |consumer| Filter {
        consumer,
        ..all.clone()
    });
    view! {
        {row_of("Status", statuses)}
        {row_of("Topic", topics)}
        {row_of("Consumer", consumers)}
    }
}

struct Choice {
    words: String,
    is_current: bool,
    leads_to: Filter,
}

/// All, or one of `values`; nothing to choose if there is only one.
fn either(
    values: Vec<String>,
    current: &Option<String>,
    leads_to: impl Fn(Option<String>) -> Filter,
) -> Vec<Choice> {
    if values.len() < 2 && current.is_none() {
        return Vec::new();
    }
    let values = [None].into_iter().chain(values.into_iter().map(Some));
    let choice = |value: Option<String>| Choice {
        words: value.clone().unwrap_or_else(|| "all".into()),
        is_current: value == *current,
        leads_to: leads_to(value),
    };
    values.map(choice).collect()
}

fn row_of(name: &'static str, choices: Vec<Choice>) -> impl IntoView {
    let link = |choice: Choice| {
        let href = format!("/system?{}#letters", choice.leads_to.query());
        let current = choice.is_current.then_some("true");
        view! { <a class="choice" href=href aria-current=current>{choice.words}</a> }
    };
    (!choices.is_empty()).then(|| {
        view! {
            <nav class="choices" aria-label=name>
                <span class="of" aria-hidden="true">{name}</span>
                {choices.into_iter().map(link).collect_view()}
            </nav>
        }
    })
}

fn list(mut letters: Vec<DeadLetter>, filter: &Filter) -> impl IntoView + use<> {
    if letters.is_empty() {
        return view! { <p class="hint">"None. What cannot be applied is kept here."</p> }
            .into_any();
    }
    let more = letters.len() > PAGE;
    letters.truncate(PAGE);
    let older = more.then(|| {
        let older = Filter {
            before: letters.last().map(|letter| letter.id),
            ..filter.clone()
        };
        let href = format!("/system?{}#letters", older.query());
        view! { <p class="older"><a href=href>"Show older"</a></p> }
    });
    let some_open = letters.iter().any(|letter| letter.status == Status::Open);
    let rows = letters.into_iter().map(row).collect_view();
    let list = view! { <ul class="letters">{rows}</ul> };
    let list = match some_open {
        true => view! {
            <form class="decide" method="post" action=DiscardDeadLetters::url()>
                <input type="hidden" name="filter" value=filter.query()/>
                {list}
                {decision(true)}
            </form>
        }
        .into_any(),
        false => list.into_any(),
    };
    view! { {list} {older} }.into_any()
}

/// The buttons, and the reason for discarding. Enter in the field discards, as what stands beside
/// it says.
fn decision(has_many: bool) -> impl IntoView {
    let form = submitted();
    let note = form.as_ref().and_then(|form| form.value("note"));
    let note = note.map(str::to_owned);
    let refused = form.is_some_and(|form| form.error.field.as_deref() == Some("note"));
    let all = has_many.then(|| {
        // public/system.js shows it and makes it work.
        view! { <label class="choose-all" hidden><input type="checkbox"/> "All of these"</label> }
    });
    view! {
        <div class="decision">
            {all}
            <label class="unseen" for="note">"Why it is discarded"</label>
            <input
                class="note-field"
                id="note"
                name="note"
                value=note
                placeholder="Why it is discarded"
                autocomplete="off"
                required
                maxlength="500"
                autofocus=refused
                aria-invalid=refused.then_some("true")
                aria-describedby=refused.then_some("refusal")
            />
            <button class="button quiet danger" type="submit">"Discard"</button>
            <button class="button" type="submit" formaction=RedriveDeadLetters::url() formnovalidate>
                "Retry"
            </button>
        </div>
    }
}

fn row(letter: DeadLetter) -> impl IntoView {
    let label = format!("Dead letter {}, {}", letter.id, letter.topic);
    let consumer = letter.failed.as_ref().map(|failed| failed.consumer.clone());
    let open = (letter.status == Status::Open).then(|| {
        let id = letter.id.to_string();
        let chosen = submitted().is_some_and(|form| {
            let values = form.values.iter();
            values
                .filter(|(name, _)| name.starts_with("ids"))
                .any(|(_, value)| *value == id)
        });
        view! { <input type="checkbox" name="ids[]" value=id checked=chosen aria-label=label/> }
    });
    view! {
        <li class="letter">
            <p>
                {open}
                <a href=format!("/system/dead-letters/{}", letter.id)>{format!("No. {}", letter.id)}</a>
                " " {letter.topic.clone()} {consumer.map(|name| format!(" for {name}"))}
                <span class="this">{letter.status.as_str()}</span>
            </p>
            <p class="since">{attempts(letter.attempts)} ", last " {time::utc_text(letter.last_at)}</p>
            <p class="refusal">{letter.error}</p>
            {(!letter.note.is_empty()).then(|| view! { <p class="since">"“" {letter.note} "”"</p> })}
        </li>
    }
}

pub fn attempts(count: i64) -> String {
    match count {
        1 => "1 attempt".into(),
        count => format!("{count} attempts"),
    }
}

/// Everything there is to know of one, and what is to become of it.
pub fn whole(letter: DeadLetter) -> impl IntoView {
    let mut facts = vec![
        ("Status", letter.status.as_str().to_owned()),
        ("Topic", letter.topic.clone()),
    ];
    if let Some((partition, offset)) = letter.place {
        facts.push(("Place", format!("partition {partition}, offset {offset}")));
    }
    if let Some(failed) = &letter.failed {
        facts.push(("Consumer", failed.consumer.clone()));
        facts.push((
            "Stream",
            format!("{}, event {}", failed.user_id, failed.seq),
        ));
    }
    facts.push(("Attempts", letter.attempts.to_string()));
    facts.push(("First", time::utc_text(letter.first_at)));
    facts.push(("Last", time::utc_text(letter.last_at)));
    if !letter.note.is_empty() {
        facts.push(("Note", letter.note));
    }
    let headers = letter.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), value.escape_ascii().to_string()));
    let headers: Vec<_> = headers.collect();
    let value = letter
        .value
        .map_or("(no value)".to_owned(), |bytes| pretty(&bytes));
    let key = letter
        .key
        .map_or("(no key)".to_owned(), |key| key.escape_ascii().to_string());
    let decide = (letter.status == Status::Open).then(|| {
        let id = letter.id.to_string();
        view! {
            <form class="decide" method="post" action=DiscardDeadLetters::url()>
                <input type="hidden" name="ids[]" value=id.clone()/>
                <input type="hidden" name="letter" value=id/>
                {decision(false)}
            </form>
        }
    });
    view! {
        {refusal()}
        <dl class="facts wide-facts">
            {facts.into_iter().map(|(name, value)| view! { <dt>{name}</dt> <dd>{value}</dd> }).collect_view()}
            {letter.traceparent.map(trace)}
        </dl>
        {decide}
        <section><h2>"Error"</h2><pre class="raw" tabindex="0">{letter.error}</pre></section>
        <section><h2>"Value"</h2><pre class="raw" tabindex="0">{value}</pre></section>
        <section>
            <h2>"Key and headers"</h2>
            <dl class="facts wide-facts">
                <dt>"key"</dt> <dd>{key}</dd>
                {headers.into_iter().map(|(name, value)| view! { <dt>{name}</dt> <dd>{value}</dd> }).collect_view()}
            </dl>
        </section>
    }
}

/// A link to the trace, if it is known where traces are looked at.
fn trace(traceparent: String) -> impl IntoView {
    let url = expect_context::<State>().trace_url;
    let href = url.and_then(|url| url.of(&traceparent));
    let link = href.map(|href| {
        view! { " " <a href=href target="_blank" rel="noreferrer">"Look at the trace"</a> }
    });
    view! { <dt>"Trace"</dt> <dd>{traceparent} {link}</dd> }
}

/// JSON with line breaks; anything else byte for byte.
fn pretty(bytes: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    json.and_then(|json| serde_json::to_string_pretty(&json).ok())
        .unwrap_or_else(|| bytes.escape_ascii().to_string())
}
