//! `/webhooks/:id`: one endpoint, what is done with it, and what was sent to it.

use super::{Frame, Line, choices, log, state, who};
use crate::accounts::Me;
use crate::error::Error;
use crate::shell::{NotFound, before, last_of_path, or_login, submitted};
use crate::ui::{Submitted, time};
use crate::webhooks::api::{
    EditEndpoint, RemoveEndpoint, ReplayToEndpoint, RotateSecret, SetToken, SwitchEndpoint,
    TestEndpoint,
};
use crate::webhooks::queries::{self, Log};
use crate::webhooks::{Endpoint, Jira, Kind, commands};
use leptos::either::Either;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

struct Loaded {
    me: Me,
    endpoint: Endpoint,
    /// To be shown now, and never again.
    secret: Option<String>,
    log: Vec<Log>,
}

/// Query: `before`.
#[component]
pub fn EndpointPage() -> impl IntoView {
    let id: String = last_of_path().unwrap_or_default();
    let before = before().unwrap_or(i64::MAX);
    Suspend::new(async move {
        or_login(load(&id, before).await, |loaded| match loaded {
            Some(loaded) => Either::Left(page(loaded)),
            None => Either::Right(view! { <NotFound/> }),
        })
    })
}

/// For whom, if they are logged in, and what, if they have it.
async fn load(id: &str, before: i64) -> Result<Option<Option<Loaded>>, Error> {
    let Some((state, me)) = who().await? else {
        return Ok(None);
    };
    let mut conn = state.db.pool().acquire().await?;
    let Some(endpoint) = queries::endpoint(&mut conn, &me.user_id, id).await? else {
        return Ok(Some(None));
    };
    let log = queries::log(&mut conn, &endpoint, before, log::PAGE as i64 + 1).await?;
    drop(conn);
    let (user_id, id) = (me.user_id.clone(), endpoint.id.clone());
    let secret = state
        .db
        .write(move |tx| Box::pin(async move { commands::show_once(tx, &user_id, &id).await }))
        .await?;
    Ok(Some(Some(Loaded {
        me,
        endpoint,
        secret,
        log,
    })))
}

fn page(loaded: Loaded) -> impl IntoView {
    let Loaded {
        me,
        endpoint,
        secret,
        log,
    } = loaded;
    let title = endpoint.name().to_owned();
    let form = submitted();
    view! {
        <Title text=title.clone()/>
        <Frame me title>
            <p><a href="/webhooks">"All endpoints"</a></p>
            {secret.map(shown_once)}
            {facts(&endpoint)}
            {actions(&endpoint)}
            <section aria-labelledby="log">
                <h2 id="log">"What was sent"</h2>
                {log::view(&endpoint, log)}
            </section>
            {replay(&endpoint, form.clone())}
            {edit(&endpoint, form.clone())}
            {token(&endpoint, form)}
            <section aria-labelledby="remove">
                <h2 id="remove">"Remove it"</h2>
                <form method="post" action=RemoveEndpoint::url()>
                    {named(&endpoint)}
                    <button class="button quiet">"Remove this endpoint"</button>
                </form>
                <p class="hint">"What waits is not sent any more. This cannot be undone."</p>
            </section>
        </Frame>
    }
}

fn named(endpoint: &Endpoint) -> impl IntoView + use<> {
    view! { <input type="hidden" name="endpoint_id" value=endpoint.id.clone()/> }
}

fn shown_once(secret: String) -> impl IntoView {
    view! {
        <section class="secret" aria-labelledby="secret" role="status">
            <h2 id="secret">"The secret"</h2>
            <p>"Copy it now to where the receiver keeps its secrets: it is not shown again."</p>
            <pre class="raw" tabindex="0">{secret}</pre>
        </section>
    }
}

fn facts(endpoint: &Endpoint) -> impl IntoView + use<> {
    let address = match endpoint.kind {
        // Whoever reads it can write to the channel.
        Kind::Slack => format!("https://{}/…", endpoint.host()),
        _ => endpoint.url.clone(),
    };
    let off = endpoint.disabled_at.map(|at| {
        let text = format!(
            "Switched off since {}. {} Nothing is queued meanwhile; switch it on to go on from then, and replay what it has missed.",
            time::utc_text(at),
            endpoint.reason
        );
        view! { <p class="notice">{text}</p> }
    });
    let given_up = (endpoint.given_up > 0).then(|| {
        view! { <dt>"Given up"</dt> <dd>{format!("{} in a row", endpoint.given_up)}</dd> }
    });
    let overlap = (endpoint.old_until > crate::db::now()).then(|| {
        let until = time::utc_text(endpoint.old_until);
        view! { <dt>"Secrets"</dt> <dd>{format!("The one before signs too, until {until}")}</dd> }
    });
    let replay = endpoint.replay.map(|(done, to)| {
        view! { <dt>"Replay"</dt> <dd>{format!("History is being queued: {} events to look at", to - done)}</dd> }
    });
    view! {
        {off}
        <dl class="facts wide-facts">
            <dt>"Kind"</dt> <dd>{endpoint.kind.label()}</dd>
            <dt>"Address"</dt> <dd>{address}</dd>
            {endpoint.jira.as_ref().map(mapping)}
            <dt>"State"</dt> <dd>{state(endpoint)}</dd>
            {given_up}
            {overlap}
            {replay}
            <dt>"Added"</dt> <dd>{time::utc_text(endpoint.created_at)}</dd>
        </dl>
    }
}

fn mapping(jira: &Jira) -> impl IntoView + use<> {
    let deleted = match jira.comment_on_delete {
        true => "A comment",
        false => "Nothing",
    };
    view! {
        <dt>"Account"</dt> <dd>{jira.email.clone()}</dd>
        <dt>"Issues"</dt> <dd>{format!("{} in {}", jira.issue_type, jira.project)}</dd>
        <dt>"Completed"</dt> <dd>{jira.done.clone()}</dd>
        <dt>"Reopened"</dt> <dd>{jira.open.clone()}</dd>
        <dt>"Deleted"</dt> <dd>{deleted}</dd>
    }
}

fn actions(endpoint: &Endpoint) -> impl IntoView + use<> {
    let on = endpoint.disabled_at.is_none();
    let test = on.then(|| {
        let words = match endpoint.kind {
            Kind::Jira => "Try whether we are let in",
            _ => "Send a test event",
        };
        view! {
            <form method="post" action=TestEndpoint::url()>
                {named(endpoint)}
                <button class="button quiet">{words}</button>
            </form>
        }
    });
    let rotate = (endpoint.kind == Kind::Webhook).then(|| {
        view! {
            <form method="post" action=RotateSecret::url()>
                {named(endpoint)}
                <button class="button quiet" aria-describedby="rotate-note">"Rotate the secret"</button>
            </form>
        }
    });
    let note = rotate.is_some().then(|| {
        view! { <p class="hint" id="rotate-note">"Rotating makes a new secret, shown once. For 24 hours every event is signed with both."</p> }
    });
    view! {
        <div class="decision">
            {test}
            {rotate}
            <form method="post" action=SwitchEndpoint::url()>
                {named(endpoint)}
                <input type="hidden" name="on" value=(!on).to_string()/>
                <button class="button quiet">{if on { "Switch it off" } else { "Switch it on" }}</button>
            </form>
        </div>
        {note}
    }
}

fn replay(endpoint: &Endpoint, form: Option<Submitted>) -> Option<impl IntoView + use<>> {
    let form = form.filter(|form| form.action == ReplayToEndpoint::url());
    endpoint.disabled_at.is_none().then(|| {
        view! {
            <section aria-labelledby="replay">
                <h2 id="replay">"Replay"</h2>
                <p>"Queues everything again that has happened from a day on, of the kinds chosen below: also what it got already, under the same ids, by which a receiver knows what it has. What was from before this endpoint is sent too, after the rest."</p>
                <form class="wishes" method="post" action=ReplayToEndpoint::url()>
                    {named(endpoint)}
                    <Line name="from" label="From" kind="date" required=true form/>
                    <button class="button quiet" type="submit">"Send history again"</button>
                </form>
            </section>
        }
    })
}

/// API tokens expire.
fn token(endpoint: &Endpoint, form: Option<Submitted>) -> Option<impl IntoView + use<>> {
    let form = form.filter(|form| form.action == SetToken::url());
    (endpoint.kind == Kind::Jira).then(|| {
        view! {
            <section aria-labelledby="entry">
                <h2 id="entry">"API token"</h2>
                <form class="wishes" method="post" action=SetToken::url()>
                    {named(endpoint)}
                    <Line name="token" label="Another API token" kind="password" required=true form/>
                    <button class="button quiet" type="submit">"Replace the token"</button>
                </form>
            </section>
        }
    })
}

fn edit(endpoint: &Endpoint, form: Option<Submitted>) -> impl IntoView + use<> {
    let form = form.filter(|form| form.action == EditEndpoint::url());
    view! {
        <section aria-labelledby="edit">
            <h2 id="edit">"Change it"</h2>
            <form class="wishes" method="post" action=EditEndpoint::url()>
                {named(endpoint)}
                <Line
                    name="description"
                    label="What you call it"
                    value=endpoint.description.clone()
                    form=form.clone()
                />
                {choices(&endpoint.types, &form)}
                <button class="button" type="submit">"Save"</button>
            </form>
        </section>
    }
}
