//! What administrators look after, on plain pages: dead letters, and whose events wait.

use super::api::{DiscardDeadLetters, RedriveDeadLetters};
use super::queries::{self, Filter};
use super::{DeadLetter, Parked, Status};
use crate::accounts::Me;
use crate::accounts::session::{self, Session};
use crate::error::Error;
use crate::shell::{Broken, NotFound, submitted};
use crate::ui::{Bar, Rail, time};
use http::request::Parts;
use leptos::either::EitherOf3;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// Dead letters on a page.
const PAGE: usize = 50;

/// `/system`: whose events wait, and dead letters to decide on.
/// Query: `status`, `topic`, `consumer`, `before`.
#[component]
pub fn System() -> impl IntoView {
    let filter = filter();
    Suspend::new(async move {
        let load = async |state: &crate::state::State| {
            let mut conn = state.db.pool().acquire().await?;
            let parked = queries::parked(&mut conn, PAGE as i64).await?;
            let limit = PAGE as i64 + 1;
            let letters = queries::dead_letters(&mut conn, &filter, limit).await?;
            Ok((parked, letters))
        };
        match admin(load).await {
            Ok(Some((me, (parked, letters)))) => EitherOf3::A(view! {
                <Title text="System"/>
                <Frame me>
                    <header class="head"><h1>"System"</h1></header>
                    <Refusal/>
                    <section aria-labelledby="waiting">
                        <h2 id="waiting">"Waiting"</h2>
                        {waiting(parked)}
                    </section>
                    <section aria-labelledby="letters">
                        <h2 id="letters">"Dead letters"</h2>
                        {choices(&filter)}
                        {letters_list(letters, &filter)}
                    </section>
                    <p><a href="/events">"Every kind of event, and who reads it"</a></p>
                </Frame>
            }),
            Ok(None) => EitherOf3::B(view! { <NotFound/> }),
            Err(error) => EitherOf3::C(view! { <Broken error/> }),
        }
    })
}

/// `/system/dead-letters/:id`: one of them, whole.
#[component]
pub fn DeadLetterPage() -> impl IntoView {
    let path = parts().map(|parts| parts.uri.path().to_owned());
    let id = path.and_then(|path| path.rsplit('/').next()?.parse().ok());
    Suspend::new(async move {
        let load = async |state: &crate::state::State| {
            let mut conn = state.db.pool().acquire().await?;
            queries::dead_letter(&mut conn, id.unwrap_or(0)).await
        };
        match admin(load).await {
            Ok(Some((me, Some(letter)))) => {
                let title = format!("Dead letter {}", letter.id);
                EitherOf3::A(view! {
                    <Title text=title.clone()/>
                    <Frame me>
                        <header class="head"><h1>{title}</h1></header>
                        {whole(letter)}
                        <p><a href="/system">"All dead letters"</a></p>
                    </Frame>
                })
            }
            Ok(_) => EitherOf3::B(view! { <NotFound/> }),
            Err(error) => EitherOf3::C(view! { <Broken error/> }),
        }
    })
}

/// What `load` reads, if who asks is an administrator.
async fn admin<T>(
    load: impl AsyncFnOnce(&crate::state::State) -> Result<T, sqlx::Error>,
) -> Result<Option<(Me, T)>, Error> {
    let (state, session) = session::current().await?;
    let Some(Session {
        user_id,
        name,
        is_admin: true,
        ..
    }) = session
    else {
        return Ok(None);
    };
    let loaded = load(&state).await?;
    Ok(Some((Me { user_id, name }, loaded)))
}

#[component]
fn Frame(me: Me, children: Children) -> impl IntoView {
    view! {
        <div class="frame shows-you">
            <a class="skip" href="#system">"Skip to the page"</a>
            <Rail me here="/system"/>
            <main class="list-column settings system" id="system" tabindex="-1">{children()}</main>
            <Bar here="/system"/>
        </div>
    }
}

/// Why the last decision was refused.
#[component]
fn Refusal() -> impl IntoView {
    submitted().map(|form| view! { <p class="notice" role="alert">{form.error.detail}</p> })
}

fn waiting(parked: Vec<Parked>) -> impl IntoView {
    if parked.is_empty() {
        return view! { <p class="hint">"Nobody waits: every consumer is served."</p> }.into_any();
    }
    let row = |parked: Parked| {
        let next = match parked.next_at {
            Some(at) => format!("again {}", time::utc_text(at)),
            None => "after an upgrade".into(),
        };
        view! {
            <li class="letter">
                <p>
                    <strong>{parked.consumer}</strong> " · event " {parked.seq.0} " of "
                    {parked.user_id.0}
                </p>
                <p class="since">
                    {parked.attempts} " attempts since " {time::utc_text(parked.first_at)} " · " {next}
                </p>
                <p class="refusal">{parked.error}</p>
            </li>
        }
    };
    view! { <ul class="letters">{parked.into_iter().map(row).collect_view()}</ul> }.into_any()
}

/// Links that narrow the list.
fn choices(filter: &Filter) -> impl IntoView + use<> {
    let statuses = [None].into_iter().chain(Status::ALL.map(Some));
    let links = statuses.map(|status| {
        let (href, words) = match status {
            None => ("/system?status=".to_owned(), "All"),
            Some(status) => (
                format!("/system?status={}", status.as_str()),
                status.as_str(),
            ),
        };
        let current = (filter.status == status).then_some("true");
        view! { <a class="choice" href=href aria-current=current>{words}</a> }
    });
    let narrowed = [&filter.topic, &filter.consumer];
    let narrowed: Vec<String> = narrowed.into_iter().flatten().cloned().collect();
    let narrowed = (!narrowed.is_empty()).then(|| {
        let words = format!("Only {}", narrowed.join(", "));
        view! { <p class="hint">{words} " · " <a href="/system">"Show all"</a></p> }
    });
    view! {
        <nav class="choices" aria-label="Which dead letters">{links.collect_view()}</nav>
        {narrowed}
    }
}

/// A list to choose from, and what to do with the chosen ones.
fn letters_list(mut letters: Vec<DeadLetter>, filter: &Filter) -> impl IntoView + use<> {
    if letters.is_empty() {
        return view! { <p class="hint">"None. What cannot be applied is kept here."</p> }
            .into_any();
    }
    let more = letters.len() > PAGE;
    letters.truncate(PAGE);
    let oldest = letters.last().map_or(0, |letter| letter.id);
    let status = filter.status.map(Status::as_str).unwrap_or_default();
    let older = more.then(|| {
        let href = format!("/system?status={status}&before={oldest}");
        view! { <p class="older"><a href=href>"Show older"</a></p> }
    });
    let some_open = letters.iter().any(|letter| letter.status == Status::Open);
    let decide = some_open.then(decision);
    view! {
        <form class="decide" method="post" action=RedriveDeadLetters::url()>
            <ul class="letters">{letters.into_iter().map(row).collect_view()}</ul>
            {decide}
        </form>
        {older}
    }
    .into_any()
}

/// The buttons, and the reason for discarding.
fn decision() -> impl IntoView {
    let note = submitted().and_then(|form| form.value("note").map(str::to_owned));
    view! {
        <div class="decision">
            <button class="button" type="submit">"Retry"</button>
            <label class="unseen" for="note">"Why it is discarded"</label>
            <input class="note-field" id="note" name="note" value=note placeholder="Why it is discarded" autocomplete="off"/>
            <button class="button quiet danger" type="submit" formaction=DiscardDeadLetters::url()>
                "Discard"
            </button>
        </div>
    }
}

fn row(letter: DeadLetter) -> impl IntoView {
    let label = format!("Dead letter {}, {}", letter.id, letter.topic);
    let consumer = letter.failed.as_ref().map(|failed| failed.consumer.clone());
    let open = (letter.status == Status::Open).then(|| {
        view! { <input type="checkbox" name="ids[]" value=letter.id.to_string() aria-label=label/> }
    });
    view! {
        <li class="letter">
            <p>
                {open}
                <a href=format!("/system/dead-letters/{}", letter.id)>{format!("No. {}", letter.id)}</a>
                " "
                <a href=format!("/system?topic={}", letter.topic)>{letter.topic.clone()}</a>
                {consumer.map(|name| view! {
                    " for " <a href=format!("/system?consumer={name}")>{name.clone()}</a>
                })}
                <span class="this">{letter.status.as_str()}</span>
            </p>
            <p class="since">{letter.attempts} " attempts, last " {time::utc_text(letter.last_at)}</p>
            <p class="refusal">{letter.error}</p>
            {(!letter.note.is_empty()).then(|| view! { <p class="since">"“" {letter.note} "”"</p> })}
        </li>
    }
}

/// Everything there is to know of one.
fn whole(letter: DeadLetter) -> impl IntoView {
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
    facts.extend(letter.traceparent.map(|trace| ("Trace", trace)));
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
    view! {
        <dl class="facts wide-facts">
            {facts.into_iter().map(|(name, value)| view! { <dt>{name}</dt> <dd>{value}</dd> }).collect_view()}
        </dl>
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

/// JSON with line breaks; anything else byte for byte.
fn pretty(bytes: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    json.and_then(|json| serde_json::to_string_pretty(&json).ok())
        .unwrap_or_else(|| bytes.escape_ascii().to_string())
}

fn parts() -> Option<Parts> {
    use_context::<Parts>()
}

/// What the address asks for; open ones if it does not say.
fn filter() -> Filter {
    let query = parts().and_then(|parts| parts.uri.query().map(str::to_owned));
    let query = query.unwrap_or_default();
    let value = |name: &str| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(name));
        pair.and_then(|pair| pair.strip_prefix('='))
            .map(str::to_owned)
    };
    let narrowed = value("topic").is_some() || value("consumer").is_some();
    Filter {
        status: match value("status") {
            Some(status) => Status::parse(&status),
            None if narrowed => None,
            None => Some(Status::Open),
        },
        topic: value("topic").filter(|topic| !topic.is_empty()),
        consumer: value("consumer").filter(|consumer| !consumer.is_empty()),
        before: value("before").and_then(|before| before.parse().ok()),
    }
}
