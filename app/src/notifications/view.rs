//! What one was told, and what one wants to be told: plain pages, no script.

use super::api::{ConfirmPhone, ReadNotifications, SendCodeAgain, SetNotifications};
use super::browsers::Browsers;
use super::push::{self, Browser};
use super::{CHOICES, Notification, Person, Way, Ways, queries, token, words};
use crate::accounts::{Me, Zone, session};
use crate::error::Error;
use crate::event::EventType;
use crate::id::UserId;
use crate::shell::{before, last_of_path, or_login, or_not_found, submitted};
use crate::ui::{Bar, Rail, Submitted, Wordmark, time};
use http::request::Parts;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// Lines on a page.
const PAGE: usize = 30;

struct Loaded {
    me: Me,
    person: Person,
    ways: Ways,
    unread: i64,
    lines: Vec<Notification>,
    browsers: Vec<Browser>,
    /// Ours, for browsers.
    key: Option<String>,
}

/// `/notifications`. Query: `before`.
#[component]
pub fn Notifications() -> impl IntoView {
    let before = before().unwrap_or(i64::MAX);
    Suspend::new(async move { or_login(load(before).await, page) })
}

async fn load(before: i64) -> Result<Option<Loaded>, Error> {
    let (state, session) = session::current().await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let session_id = session.session_id.clone();
    let me = Me::from(session);
    let user_id = &me.user_id;
    let mut conn = state.db.pool().acquire().await?;
    let person = queries::person(&mut conn, user_id).await?;
    let limit = PAGE as i64 + 1;
    let lines = queries::notifications(&mut conn, user_id, before, limit).await?;
    let browsers = push::browsers(&mut conn, user_id, &session_id).await?;
    drop(conn);
    let key = state.push.map(|service| service.public_key().to_owned());
    let unread = queries::unread(state.db.pool(), user_id).await?;
    Ok(person.map(|person| Loaded {
        me,
        person,
        ways: state.ways,
        unread,
        lines,
        browsers,
        key,
    }))
}

fn page(loaded: Loaded) -> impl IntoView {
    let title = match loaded.unread {
        0 => "Notifications".to_owned(),
        unread => format!("Notifications ({unread})"),
    };
    let form = submitted();
    let refused = form.clone().filter(|form| form.error.field.is_none());
    let read_all = (loaded.unread > 0).then(|| {
        view! {
            <form method="post" action=ReadNotifications::url()>
                <button class="button quiet">"Mark all as read"</button>
            </form>
        }
    });
    let browsers = loaded.key.map(|key| {
        let zone = loaded.person.settings.zone;
        view! { <Browsers browsers=loaded.browsers key zone/> }
    });
    let unread = match loaded.unread {
        0 => "Nothing is unread.".to_owned(),
        1 => "1 is unread.".into(),
        unread => format!("{unread} are unread."),
    };
    view! {
        <Title text=title/>
        <div class="frame shows-you">
            <a class="skip" href="#notifications">"Skip to the notifications"</a>
            <Rail me=loaded.me here="/notifications"/>
            <main class="list-column settings notifications" id="notifications" tabindex="-1">
                <header class="head"><h1>"Notifications"</h1></header>
                {refused.map(|form| view! { <p class="notice" role="alert">{form.error.detail}</p> })}
                <section aria-labelledby="told">
                    <div class="told-head">
                        <h2 id="told">"What happened"</h2>
                        <p class="hint count">{unread}</p>
                        {read_all}
                    </div>
                    {lines(loaded.lines, loaded.person.settings.zone)}
                </section>
                <section aria-labelledby="wishes">
                    <h2 id="wishes">"What you want to hear of"</h2>
                    {confirmation(&loaded.person, form.clone())}
                    {wishes(&loaded.person, loaded.ways, form)}
                </section>
                {browsers}
            </main>
            <Bar here="/notifications"/>
        </div>
    }
}

fn lines(mut lines: Vec<Notification>, zone: Zone) -> impl IntoView {
    if lines.is_empty() {
        return view! { <p class="empty">"Nothing yet. What you add and complete is confirmed here."</p> }
            .into_any();
    }
    let more = lines.len() > PAGE;
    lines.truncate(PAGE);
    let oldest = lines.last().map_or(0, |line| line.id);
    let older = more.then(|| {
        let href = format!("/notifications?before={oldest}");
        view! { <p class="older"><a href=href>"Show older"</a></p> }
    });
    let lines = lines.into_iter().map(move |line| one(line, zone));
    view! {
        <ul class="told">{lines.collect_view()}</ul>
        {older}
    }
    .into_any()
}

fn one(line: Notification, zone: Zone) -> impl IntoView {
    let said = words::line(line.event_type, &line.title);
    let when = zone.told(line.occurred_at);
    let label = format!("Mark as read: {said}");
    let href = match (line.event_type, line.task_id) {
        (EventType::UserRegistered, _) => Some("/".to_owned()),
        (EventType::EndpointDisabled, _) => Some("/webhooks".to_owned()),
        (_, Some(task_id)) => Some(format!("/tasks/{task_id}")),
        (_, None) => None,
    };
    let said = match href {
        Some(href) => view! { <a href=href>{said}</a> }.into_any(),
        None => said.into_any(),
    };
    let unread = !line.is_read;
    let read = unread.then(|| {
        view! {
            <form method="post" action=ReadNotifications::url()>
                <input type="hidden" name="ids[]" value=line.id.to_string()/>
                <button class="button quiet" aria-label=label>"Read"</button>
            </form>
        }
    });
    view! {
        <li class="told-line" class:unread=unread>
            <div>
                <p class="said">{unread.then(|| view! { <span class="unseen">"Unread: "</span> })} {said}</p>
                <p class="since">
                    <time datetime=time::machine(line.occurred_at)>{when}</time>
                </p>
            </div>
            {read}
        </li>
    }
}

/// Asks for the code that was sent to a new number.
fn confirmation(person: &Person, form: Option<Submitted>) -> Option<impl IntoView + use<>> {
    let asked = person.settings.phone_asked.clone();
    (!asked.is_empty()).then(|| {
        view! {
            <form class="wishes" method="post" action=ConfirmPhone::url()>
                <p>{format!("A code is on its way to {asked}. No SMS is sent there until you type it here.")}</p>
                <Line name="code" label="Code" kind="text" value=String::new() form hint=""/>
                <button class="button" type="submit">"Confirm the number"</button>
            </form>
            <form class="another-code" method="post" action=SendCodeAgain::url()>
                <button class="button quiet" type="submit">"Send another code"</button>
            </form>
        }
    })
}

/// What a form sent back holds what was typed, else what is kept.
fn wishes(person: &Person, ways: Ways, form: Option<Submitted>) -> impl IntoView + use<> {
    let form = form.filter(|form| form.action == SetNotifications::url());
    let typed = |name: &str, kept: String| {
        let typed = form.as_ref().map(|form| form.value(name).unwrap_or(""));
        typed.map_or(kept, str::to_owned)
    };
    let settings = &person.settings;
    let (from, to) = match settings.quiet {
        Some((from, to)) => (clock(from), clock(to)),
        None => Default::default(),
    };
    let digest = match &form {
        Some(form) => form.value("digest").is_some(),
        None => settings.digest,
    };
    let wants = |event_type: EventType, way: Way| match &form {
        Some(form) => {
            let value = value(event_type, way);
            let mut values = form.values.iter();
            values.any(|(name, typed)| name.starts_with("wanted") && *typed == value)
        }
        None => person.wants(event_type, way),
    };
    let rows = CHOICES.iter().map(|event_type| {
        let cells = Way::ALL.map(|way| {
            let wanted = wants(*event_type, way);
            cell(*event_type, way, ways.has(way), wanted)
        });
        view! { <tr><th scope="row">{kind(*event_type)}</th> {cells.into_iter().collect_view()}</tr> }
    });
    let by = format!(
        "By the clock of {}. ",
        settings.zone.name().replace('_', " ")
    );
    let phone = ways.sms.then(|| {
        let kept = match settings.phone_asked.as_str() {
            "" => &settings.phone,
            asked => asked,
        };
        let value = typed("phone", kept.to_owned());
        view! { <Line name="phone" label="Telephone for SMS" kind="tel" value form=form.clone() hint="With its country, such as +351 210 000 000."/> }
    });
    let digest = ways.email.then(|| {
        view! {
            <label class="once-a-day">
                <input type="checkbox" name="digest" value="on" checked=digest/>
                "All e-mail of a day in one, at eight in the morning"
            </label>
        }
    });
    let off = match (ways.email, ways.sms) {
        (true, true) => None,
        (false, false) => Some("E-mail and SMS are not set up on this server."),
        (false, true) => Some("E-mail is not set up on this server."),
        (true, false) => Some("SMS is not set up on this server."),
    };
    view! {
        <form class="wishes" method="post" action=SetNotifications::url()>
            <table class="choices-table">
                <thead>
                    <tr>
                        <td></td>
                        <th scope="col">"Here"</th> <th scope="col">"E-mail"</th> <th scope="col">"SMS"</th>
                        <th scope="col">"Browser"</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
            {off.map(|off| view! { <p class="hint">{off}</p> })}
            {digest}
            {phone}
            <fieldset class="quiet-hours">
                <legend>"Quiet hours: no e-mail, no SMS, nothing in the browser"</legend>
                <Line name="quiet_from" label="From" kind="time" value=typed("quiet_from", from) form=form.clone() hint=""/>
                <Line name="quiet_to" label="Until" kind="time" value=typed("quiet_to", to) form=form.clone() hint=""/>
                <p class="hint">{by} <a href="/you#zone">"Change the time zone"</a></p>
            </fieldset>
            <button class="button" type="submit">"Save"</button>
        </form>
    }
}

fn cell(event_type: EventType, way: Way, is_on: bool, wanted: bool) -> impl IntoView {
    let label = format!("{}, {}", kind(event_type), place(way));
    let (checked, disabled) = (wanted && is_on, !is_on);
    view! {
        <td>
            <label class="tick">
                <input
                    type="checkbox"
                    name="wanted[]"
                    value=value(event_type, way)
                    checked=checked
                    disabled=disabled
                    aria-label=label
                />
            </label>
        </td>
    }
}

/// A field with its refusal.
#[component]
fn Line(
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: String,
    form: Option<Submitted>,
    hint: &'static str,
) -> impl IntoView {
    let refusal = form
        .filter(|form| form.error.field.as_deref() == Some(name))
        .map(|form| form.error.detail);
    let is_refused = refusal.is_some();
    let note = refusal.unwrap_or_else(|| hint.into());
    let note_id = format!("{name}-note");
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <input
                id=name
                name=name
                type=kind
                value=value
                autocomplete=(kind == "tel").then_some("tel")
                aria-invalid=is_refused.then_some("true")
                aria-describedby=(!note.is_empty()).then(|| note_id.clone())
            />
            {(!note.is_empty()).then(|| view! {
                <p id=note_id class=if is_refused { "refusal" } else { "hint" }>{note}</p>
            })}
        </div>
    }
}

fn kind(event_type: EventType) -> &'static str {
    match event_type {
        EventType::TaskCreated => "A task is added",
        EventType::TaskCompleted => "A task is completed",
        EventType::EndpointDisabled => "An endpoint is switched off",
        _ => "",
    }
}

fn place(way: Way) -> &'static str {
    match way {
        Way::Page => "here",
        Way::Email => "by e-mail",
        Way::Sms => "by SMS",
        Way::Push => "in the browser",
    }
}

fn value(event_type: EventType, way: Way) -> String {
    format!("{}/{}", event_type.as_str(), way.as_str())
}

/// "22:00".
fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// `/unsubscribe/:token`, for who reads a letter and need not be logged in. Only the button does it:
/// programs that look at mail follow links.
#[component]
pub fn Unsubscribe() -> impl IntoView {
    let path = use_context::<Parts>().map(|parts| parts.uri.path().to_owned());
    let path = path.unwrap_or_default();
    let token: String = last_of_path().unwrap_or_default();
    Suspend::new(async move { or_not_found(reader(&token).await, |person| door(&person, path)) })
}

async fn reader(token: &str) -> Result<Option<Person>, Error> {
    let state: crate::state::State = expect_context();
    let mut conn = state.db.pool().acquire().await?;
    let user_id: Option<UserId> = token::verify(&mut conn, token).await?;
    match user_id {
        Some(user_id) => Ok(queries::person(&mut conn, &user_id).await?),
        None => Ok(None),
    }
}

fn door(person: &Person, action: String) -> impl IntoView + use<> {
    let gets_mail = super::KINDS
        .iter()
        .any(|event_type| person.wants(*event_type, Way::Email));
    let (title, text) = match gets_mail {
        true => (
            "No more e-mail?",
            format!("{} gets e-mail from Todo Evolution.", person.email),
        ),
        false => (
            "No more e-mail.",
            format!(
                "{} gets no e-mail from Todo Evolution any more.",
                person.email
            ),
        ),
    };
    let button = gets_mail.then(|| {
        view! {
            <form method="post" action=action>
                <input type="hidden" name="List-Unsubscribe" value="One-Click"/>
                <button class="button">"Unsubscribe"</button>
            </form>
        }
    });
    view! {
        <Title text="Unsubscribe"/>
        <main class="plain">
            <Wordmark/>
            <h1>{title}</h1>
            <p>{text}</p>
            {button}
            <p><a href="/notifications">"Choose what you are told of"</a></p>
        </main>
    }
}
