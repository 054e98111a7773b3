//! The log for administrators, on a plain page: newest first, narrowed by who, what and when.

use super::api::VerifyAudit;
use super::queries::{self, Check, Filter};
use super::{GENESIS, Row};
use crate::accounts::session::Session;
use crate::event::{EventType, Timestamp};
use crate::shell::or_not_found;
use crate::state::State;
use crate::stats::Zone;
use crate::system::view::{Frame, Refusal, admin};
use crate::ui::time;
use axum::extract::Query;
use chrono::NaiveDate;
use http::Uri;
use http::request::Parts;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use serde::Deserialize;
use sqlx::AnyConnection;
use std::collections::HashMap;

/// Where the page is, and where its rows are downloaded.
pub const PATH: &str = "/audit";
pub const DOWNLOAD: &str = "/audit/export.jsonl";

/// Rows on a page.
const PAGE: usize = 50;

/// What the address asks for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Asked {
    /// An e-mail address, or an id such as "operator".
    #[serde(default)]
    person: String,
    #[serde(default)]
    kind: String,
    /// In UTC.
    #[serde(default)]
    day: String,
    /// Only rows before that number, for the next page.
    #[serde(default)]
    before: String,
}

impl Asked {
    /// Nothing in particular if it cannot be read.
    pub fn of(uri: &Uri) -> Asked {
        let asked = Query::try_from_uri(uri);
        asked.map(|Query(asked)| asked).unwrap_or_default()
    }

    /// What it comes to. What is no type of event, or no day, narrows nothing.
    pub async fn filter(&self, conn: &mut AnyConnection) -> Result<Filter, sqlx::Error> {
        let person = match self.person.trim() {
            "" => None,
            given => Some(queries::person(conn, given).await?),
        };
        let day = self.day();
        Ok(Filter {
            person,
            kind: EventType::parse(&self.kind).map(|kind| kind.as_str().to_owned()),
            from: day.map(|day| Zone::UTC.begins(day)),
            to: day.map(|day| Zone::UTC.begins(day + 1)),
        })
    }

    /// Days since 1970.
    fn day(&self) -> Option<i64> {
        let day: NaiveDate = self.day.parse().ok()?;
        // Beyond these there is no moment for its beginning.
        let day = day.signed_duration_since(NaiveDate::default()).num_days();
        (0..100_000).contains(&day).then_some(day)
    }

    fn before(&self) -> i64 {
        self.before.parse().unwrap_or(i64::MAX)
    }
}

/// What the page tells.
struct Log {
    /// One more than a page if there are older ones.
    rows: Vec<Row>,
    /// By id, the e-mail addresses of the people in them.
    names: HashMap<String, String>,
    head: (i64, String),
    check: Option<Check>,
}

/// `/audit`. Query: `person`, `kind`, `day`, `before`.
#[component]
pub fn Audit() -> impl IntoView {
    let asked = use_context::<Parts>().map(|parts| Asked::of(&parts.uri));
    let asked = asked.unwrap_or_default();
    Suspend::new(async move {
        let load = async |state: &State, _: &Session| {
            let mut conn = state.db.pool().acquire().await?;
            let filter = asked.filter(&mut conn).await?;
            let limit = PAGE as i64 + 1;
            let rows = queries::before(&mut conn, &filter, asked.before(), limit).await?;
            let mut ids: Vec<&str> = rows
                .iter()
                .flat_map(|row| [row.entry.user_id.as_str(), row.entry.actor_id.as_str()])
                .collect();
            ids.sort_unstable();
            ids.dedup();
            let names = queries::names(&mut conn, &ids).await?;
            let head = queries::head(&mut conn).await?;
            Ok(Log {
                names: names.into_iter().collect(),
                rows,
                head: head.unwrap_or_else(|| (0, GENESIS.into())),
                check: queries::last_check(&mut conn).await?,
            })
        };
        or_not_found(admin(load).await, |(me, log)| {
            view! {
                <Title text="Audit log"/>
                <Frame me>
                    <header class="head"><h1>"Audit log"</h1></header>
                    <Refusal/>
                    {chain(&log)}
                    <section class="audit" aria-labelledby="rows-title">
                        <h2 id="rows-title">"What happened"</h2>
                        {narrow(&asked)}
                        {rows(log, &asked)}
                    </section>
                    <p><a href="/system">"System"</a></p>
                </Frame>
            }
        })
    })
}

/// Whether the log is as it was written, as far as anybody has looked.
fn chain(log: &Log) -> impl IntoView + use<> {
    let (number, hash) = log.head.clone();
    let found = match &log.check {
        None => view! { <p class="hint">"Nobody has verified it here yet."</p> }.into_any(),
        Some(check) => {
            let when = at(check.at);
            match check.problem.is_empty() {
                true => {
                    let words = format!(": all {} rows are as they were written.", check.number);
                    view! { <p class="well">"Verified " {when} {words}</p> }.into_any()
                }
                false => {
                    let words = format!(
                        " The {} rows before are as they were written.",
                        check.number
                    );
                    view! {
                        <p class="refusal" role="alert">
                            "Verified " {when} ": " {check.problem.clone()} {words}
                        </p>
                    }
                    .into_any()
                }
            }
        }
    };
    view! {
        <section aria-labelledby="chain-title">
            <h2 id="chain-title">"Chain"</h2>
            {found}
            <dl class="facts wide-facts">
                <dt>"Rows"</dt> <dd>{number}</dd>
                <dt>"Head"</dt> <dd class="hash">{hash}</dd>
            </dl>
            <p class="hint">
                "Keep the head elsewhere: with it " <code>"todo audit verify --head"</code>
                " finds out even if the whole log was written anew."
            </p>
            <form method="post" action=VerifyAudit::url()>
                <button class="button" type="submit">"Verify now"</button>
            </form>
        </section>
    }
}

/// The form that narrows the list, and downloads what is left.
fn narrow(asked: &Asked) -> impl IntoView + use<> {
    let kinds = EventType::ALL.iter().map(|kind| {
        let name = kind.as_str();
        view! { <option value=name selected={asked.kind == name}>{name}</option> }
    });
    let kinds = kinds.collect_view();
    let asked = asked.clone();
    view! {
        <form class="narrow" method="get" action=PATH>
            <div class="field">
                <label for="person">"Person"</label>
                <input
                    id="person"
                    name="person"
                    value=asked.person
                    placeholder="ada@example.com"
                    autocomplete="off"
                    maxlength="254"
                />
            </div>
            <div class="field">
                <label for="kind">"Kind"</label>
                <select id="kind" name="kind">
                    <option value="">"Every kind"</option>
                    {kinds}
                </select>
            </div>
            <div class="field">
                <label for="day">"Day, in UTC"</label>
                <input id="day" name="day" type="date" value=asked.day/>
            </div>
            <button class="button" type="submit">"Show"</button>
            <button class="button quiet" type="submit" formaction=DOWNLOAD>"Download"</button>
        </form>
    }
}

fn rows(log: Log, asked: &Asked) -> impl IntoView + use<> {
    let Log {
        mut rows, names, ..
    } = log;
    if rows.is_empty() {
        return view! { <p class="hint">"There is nothing like this in the log."</p> }.into_any();
    }
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let oldest = rows.last().map(|row| row.number.to_string());
    let older = oldest.filter(|_| more).map(|before| {
        view! {
            <form class="older" method="get" action=PATH>
                <input type="hidden" name="person" value=asked.person.clone()/>
                <input type="hidden" name="kind" value=asked.kind.clone()/>
                <input type="hidden" name="day" value=asked.day.clone()/>
                <input type="hidden" name="before" value=before/>
                <button class="button quiet" type="submit">"Show older"</button>
            </form>
        }
    });
    let lines = rows.into_iter().map(|row| one(row, &names)).collect_view();
    view! { <ol class="letters" reversed>{lines}</ol> {older} }.into_any()
}

fn one(row: Row, names: &HashMap<String, String>) -> impl IntoView + use<> {
    let Row {
        number,
        entry,
        hash,
        ..
    } = row;
    let name = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let whose =
        (entry.actor_id != entry.user_id).then(|| format!(", stream of {}", name(&entry.user_id)));
    let task = entry.task_id.map(|id| format!(" · task {id}"));
    let said = [entry.address, entry.user_agent, entry.detail];
    let said: Vec<String> = said.into_iter().filter(|text| !text.is_empty()).collect();
    let said = (!said.is_empty()).then(|| view! { <p class="since">{said.join(" · ")}</p> });
    let url = expect_context::<State>().trace_url;
    let trace = entry.traceparent.zip(url);
    let trace = trace.and_then(|(traceparent, url)| url.of(&traceparent));
    let trace = trace.map(|href| {
        view! { " · " <a class="trace" href=href target="_blank" rel="noreferrer">"Trace"</a> }
    });
    view! {
        <li class="letter">
            <p>
                {format!("No. {number} ")} <strong>{entry.event_type}</strong> " by "
                {name(&entry.actor_id)} {whose} {task}
            </p>
            <p class="since">{at(entry.at)} " · event " {entry.seq} {trace}</p>
            {said}
            <p class="since hash">{hash}</p>
        </li>
    }
}

/// To the second: of two things that happened in the same minute one was first.
fn at(at: Timestamp) -> impl IntoView {
    let words = format!("{} {}", at.format("%Y-%m-%d %H:%M:%S"), "UTC");
    view! { <time datetime=time::machine(at)>{words}</time> }
}

#[cfg(test)]
mod tests {
    use super::Asked;

    fn day(text: &str) -> Option<i64> {
        let asked = Asked {
            day: text.into(),
            ..Asked::default()
        };
        asked.day()
    }

    #[test]
    fn an_address_is_read_as_far_as_it_can_be() {
        let asked = Asked::of(
            &"/audit?person=ada%2B1%40example.com&kind=x"
                .parse()
                .unwrap(),
        );
        assert_eq!(asked.person, "ada+1@example.com");
        assert_eq!(asked.before(), i64::MAX);
        let nothing = Asked::of(&"/audit?person=%FF&person=a".parse().unwrap());
        assert_eq!(nothing, Asked::default());
        assert_eq!(day("1970-01-02"), Some(1));
        for bad in ["", "today", "1969-12-31", "+262142-12-31"] {
            assert_eq!(day(bad), None, "{bad}");
        }
    }
}
