//! What stands above the feed and needs no WebAssembly: what happened while one was away, and the
//! filter, a plain form. The server writes it as HTML, and the island takes it as it is.

use super::api::SeeFeed;
use super::group::word;
use super::queries::{Away, Return};
use super::{Asked, Filter};
use crate::accounts::Zone;
use crate::error::Error;
use crate::event::EventType;
use crate::ui::time;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

#[derive(Clone, Debug, Default)]
pub struct Tools {
    pub html: String,
    /// The filter was refused.
    pub refused: bool,
    /// Nobody has said where the person lives: their browser is to.
    pub asks_zone: bool,
}

impl Tools {
    pub fn of(
        asked: &Asked,
        filter: &Filter,
        refusal: Option<Error>,
        back: &Return,
        zone: Zone,
    ) -> Tools {
        let refused = refusal.is_some();
        let away = match back {
            Return::Away(away) => Some(told(away, zone)),
            Return::Note | Return::Noted => None,
        };
        let html = view! { {away} {form(asked, filter, refusal, zone)} }.to_html();
        Tools {
            html,
            refused,
            asks_zone: false,
        }
    }
}

/// What happened meanwhile, in two sentences.
fn told(away: &Away, zone: Zone) -> impl IntoView + use<> {
    let since = zone.told(away.since);
    let seq = away.seq.to_string();
    let sentence = |whose: &'static str, changes: &[(EventType, i64)]| {
        let changes: Vec<String> = changes
            .iter()
            .map(|(event_type, count)| format!("{count} {}", word(*event_type)))
            .collect();
        (!changes.is_empty()).then(|| {
            let changes = changes.join(", ");
            view! { <p><strong>{whose}</strong> ": " {changes} "."</p> }
        })
    };
    view! {
        <section class="away" aria-labelledby="away" data-seq=seq.clone()>
            <h3 id="away">"While you were away"</h3>
            <p class="since">
                "Since " <time datetime=time::machine(away.since)>{since}</time>
            </p>
            {sentence("In your name, from elsewhere", &away.mine)}
            {sentence("By others", &away.others)}
            <form method="post" action=SeeFeed::url()>
                <input type="hidden" name="seq" value=seq.clone()/>
                <button class="button quiet">"Dismiss"</button>
            </form>
        </section>
    }
}

/// By person, kind and day.
fn form(
    asked: &Asked,
    filter: &Filter,
    refusal: Option<Error>,
    zone: Zone,
) -> impl IntoView + use<> {
    let option = |value: &'static str, words: String, chosen: &str| {
        view! { <option value=value selected=value == chosen>{words}</option> }
    };
    let people = [("", "anybody"), ("you", "you"), ("others", "others")];
    let people = people.map(|(value, words)| option(value, words.into(), &asked.by));
    let kinds = EventType::ALL
        .iter()
        .filter(|kind| kind.is_told())
        .map(|kind| option(kind.as_str(), capital(word(*kind)), &asked.kind));
    let kinds: Vec<_> = std::iter::once(option("", "Anything".into(), &asked.kind))
        .chain(kinds)
        .collect();
    let field = refusal.as_ref().and_then(|refusal| refusal.field.clone());
    let invalid = |name: &str| (field.as_deref() == Some(name)).then_some("true");
    let note = format!("Days are those of {}.", zone.name().replace('_', " "));
    let is_open = filter.is_on() || refusal.is_some();
    let everything = is_open.then(|| view! { <a href="/feed">"Show everything"</a> });
    let refusal = refusal.map(|refusal| {
        let words = format!("{} Everything is shown.", refusal.detail);
        view! { <p class="refusal" role="alert" id="filter-refusal">{words}</p> }
    });
    view! {
        <details class="filter" open=is_open>
            <summary>{if filter.is_on() { "Filtered" } else { "Filter" }}</summary>
            <form method="get" action="/feed" aria-label="Filter the feed">
                <label>
                    <span>"Done by"</span>
                    <select name="by" aria-invalid=invalid("by")>{people.into_iter().collect_view()}</select>
                </label>
                <label>
                    <span>"Kind"</span>
                    <select name="kind" aria-invalid=invalid("kind")>{kinds}</select>
                </label>
                <label>
                    <span>"Day"</span>
                    <input
                        type="date"
                        name="day"
                        value=asked.day.clone()
                        aria-invalid=invalid("day")
                        aria-describedby="filter-days"
                    />
                </label>
                <p class="hint" id="filter-days">{note}</p>
                {refusal}
                <p class="decision">
                    <button class="button quiet" type="submit">"Show"</button>
                    {everything}
                </p>
            </form>
        </details>
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
