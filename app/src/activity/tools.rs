//! What stands above the feed and needs no WebAssembly: what happened while one was away, and the
//! filter, a plain form. The server writes it as HTML, and the island takes it as it is.

use super::api::SeeFeed;
use super::group::word;
use super::queries::{self, Away, Newer, Return};
use super::{Asked, Filter};
use crate::accounts::{self, Zone, session};
use crate::error::Error;
use crate::event::EventType;
use crate::id::Seq;
use crate::shell::{or_login, parameter, query};
use crate::tasks::marks::Name;
use crate::ui::{Icon, time};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

#[derive(Clone, Debug, Default)]
pub struct Tools {
    pub html: String,
    /// The filter was refused.
    pub refused: bool,
    /// Nobody has said where the person lives: their browser is to.
    pub asks_zone: bool,
    /// public/live.js is to say when there is something new.
    pub follows: bool,
}

/// What the form of the filter shows.
pub struct Choices<'a> {
    pub asked: &'a Asked,
    /// As it is in force.
    pub filter: &'a Filter,
    pub refusal: Option<Error>,
    /// The person's lists.
    pub lists: Vec<Name>,
    pub zone: Zone,
}

impl Tools {
    /// `new`: what came to a feed that the browser cannot filter.
    pub fn of(choices: Choices, back: &Return, new: Option<Newer>) -> Tools {
        let refused = choices.refusal.is_some();
        let away = match back {
            Return::Away(away) => Some(told(away, choices.zone)),
            Return::Note | Return::Noted => None,
        };
        let new = new.map(|new| newer(new, choices.filter));
        let follows = new.is_some();
        let html = view! { {away} {form(choices)} {new} }.to_html();
        Tools {
            html,
            refused,
            asks_zone: false,
            follows,
        }
    }
}

/// `/feed/newer`: how much has come to a filtered feed, for public/live.js.
#[component]
pub fn NewerLines() -> impl IntoView {
    let asked = query().as_deref().map(Asked::of).unwrap_or_default();
    let since = parameter("since").and_then(|since| since.parse().ok());
    let since = Seq(since.unwrap_or(i64::MAX));
    Suspend::new(async move {
        let loaded = async {
            let (state, session) = session::current().await?;
            let Some(session) = session else {
                return Ok(None);
            };
            let user_id = &session.user_id;
            let mut conn = state.db.pool().acquire().await?;
            let zone = accounts::queries::zone(&mut conn, user_id).await?;
            let filter = asked.read(zone.unwrap_or(Zone::UTC))?;
            let list = asked.list();
            let new = queries::newer(&mut conn, user_id, since, &filter, list.as_deref()).await?;
            Ok::<_, Error>(Some((new, filter)))
        };
        or_login(loaded.await, |(new, filter)| {
            view! { <Title text="Feed"/> <main>{newer(new, &filter)}</main> }
        })
    })
}

/// The way to what is newer, once there is something.
fn newer(new: Newer, filter: &Filter) -> impl IntoView + use<> {
    let path = format!("/feed/newer?since={}&{}", new.since, filter.query);
    let pill = (new.lines > 0).then(|| {
        let words = format!("{} new", new.lines);
        view! { <a class="pill" href=filter.path(None)>{Icon::Up.view()} {words}</a> }
    });
    view! {
        <div id="feed-newer" data-live=path data-seq=new.seq.to_string()>{pill}</div>
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

/// By person, kind, list and day.
fn form(choices: Choices) -> impl IntoView + use<> {
    let Choices {
        asked,
        filter,
        refusal,
        lists,
        zone,
    } = choices;
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
    let lists = list_field(asked, lists, invalid("list"));
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
                {lists}
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

/// Nothing for whom no task says a list.
fn list_field(
    asked: &Asked,
    lists: Vec<Name>,
    invalid: Option<&'static str>,
) -> Option<impl IntoView + use<>> {
    let chosen = asked.list().unwrap_or_default();
    let mut lists = lists;
    // Kept in an address, and no task is in it any more.
    if !asked.list.is_empty() && lists.iter().all(|list| list.key != chosen) {
        lists.push(Name {
            key: chosen.clone(),
            said: asked.list.clone(),
        });
    }
    if lists.is_empty() {
        return None;
    }
    let options = lists.into_iter().map(|list| {
        let selected = list.key == chosen;
        view! { <option value=list.key selected=selected>{list.said}</option> }
    });
    Some(view! {
        <label>
            <span>"List"</span>
            <select name="list" aria-invalid=invalid>
                <option value="" selected=asked.list.is_empty()>"Any or none"</option>
                {options.collect_view()}
            </select>
        </label>
    })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
