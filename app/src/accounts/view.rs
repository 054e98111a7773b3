//! Signing up, logging in, and what one can set: plain pages, no script.

use super::session::Session;
use super::{Me, SessionInfo, Zone, queries, session};
use crate::accounts::api::{
    EndSession, GuessZone, Login as LoginForm, Logout, Register as RegisterForm, SetTheme, SetZone,
};
use crate::error::Error;
use crate::notifications::queries as notifications;
use crate::shell::{chosen_theme, or_login, submitted};
use crate::ui::{Bar, Field, Rail, Submitted, Wordmark, time};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// `/register`.
#[component]
pub fn Register() -> impl IntoView {
    let form = submitted();
    view! {
        <Title text="Sign up"/>
        <Guests>
            <h1>"Your tasks, and everything that happens to them, live in every window you have open."</h1>
            <form class="fields" method="post" action=RegisterForm::url()>
                <Refusal form=form.clone()/>
                <Field name="name" label="Name" autocomplete="name" submitted=form.clone() autofocus=form.is_none()/>
                <Field name="email" label="E-mail" kind="email" autocomplete="email" submitted=form.clone()/>
                <Field
                    name="password"
                    label="Password"
                    kind="password"
                    autocomplete="new-password"
                    hint="At least 8 characters. A sentence is best."
                    submitted=form
                />
                <button class="button wide" type="submit">"Sign up"</button>
            </form>
            <p class="else">"You have an account? " <a href="/login">"Log in"</a></p>
        </Guests>
    }
}

/// `/login`.
#[component]
pub fn Login() -> impl IntoView {
    let form = submitted();
    view! {
        <Title text="Log in"/>
        <Guests>
            <h1>"Welcome back."</h1>
            <form class="fields" method="post" action=LoginForm::url()>
                <Refusal form=form.clone()/>
                <Field name="email" label="E-mail" kind="email" autocomplete="username" submitted=form.clone() autofocus=form.is_none()/>
                <Field
                    name="password"
                    label="Password"
                    kind="password"
                    autocomplete="current-password"
                    submitted=form
                />
                <button class="button wide" type="submit">"Log in"</button>
            </form>
            <p class="else">"You are new here? " <a href="/register">"Sign up"</a></p>
        </Guests>
    }
}

/// The frame of the pages for those who are not logged in: a column, and beside it a picture of the
/// product. Who is logged in goes to their tasks.
#[component]
fn Guests(children: Children) -> impl IntoView {
    let page = view! {
        <main class="guests">
            <div class="door">
                <Wordmark/>
                {children()}
            </div>
            <Picture/>
        </main>
    };
    Suspend::new(async move {
        if let Ok((_, Some(_))) = session::current().await {
            leptos_axum::redirect("/");
        }
        page
    })
}

/// The product, in the colours the page has.
#[component]
fn Picture() -> impl IntoView {
    let (light, dark) = ("/welcome-light.png", "/welcome-dark.png");
    let (source, image) = match chosen_theme() {
        "dark" => (None, dark),
        "light" => (None, light),
        _ => (Some(dark), light),
    };
    view! {
        <picture class="picture">
            {source.map(|source| view! {
                <source srcset=source media="(prefers-color-scheme: dark)"/>
            })}
            <img
                src=image
                width="1280"
                height="800"
                alt="A list of tasks, and beside it the feed that tells what happened to them."
            />
        </picture>
    }
}

/// A refusal that is about no field in particular.
#[component]
fn Refusal(form: Option<Submitted>) -> impl IntoView {
    form.filter(|form| form.error.field.is_none())
        .map(|form| view! { <p class="notice" role="alert">{form.error.detail}</p> })
}

/// `/you`.
#[component]
pub fn You() -> impl IntoView {
    let form = submitted();
    Suspend::new(async move {
        or_login(load().await, |(me, session, sessions, unread, zone)| {
            view! { <Title text="You"/> <Settings me session sessions unread zone form/> }
        })
    })
}

type Loaded = (Me, Session, Vec<SessionInfo>, i64, Option<Zone>);

async fn load() -> Result<Option<Loaded>, Error> {
    let (state, session) = session::current().await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let sessions =
        queries::sessions(state.db.pool(), &session.user_id, &session.session_id).await?;
    let me = Me::from(session.clone());
    let unread = notifications::unread(state.db.pool(), &session.user_id).await?;
    let mut conn = state.db.pool().acquire().await?;
    let zone = queries::zone(&mut conn, &session.user_id).await?;
    Ok(Some((me, session, sessions, unread, zone)))
}

#[component]
fn Settings(
    me: Me,
    session: Session,
    sessions: Vec<SessionInfo>,
    unread: i64,
    zone: Option<Zone>,
    form: Option<Submitted>,
) -> impl IntoView {
    let unread = match unread {
        0 => "Nothing is unread".to_owned(),
        unread => format!("{unread} unread"),
    };
    let system = session.is_admin.then(|| {
        view! {
            <section aria-labelledby="system">
                <h2 id="system">"System"</h2>
                <p><a href="/system">"How it goes, whose events wait, and dead letters"</a></p>
                <p><a href="/system/deliveries">"Deliveries"</a></p>
                <p><a href="/audit">"Audit log"</a></p>
            </section>
        }
    });
    view! {
        <div class="frame shows-you">
            <a class="skip" href="#you">"Skip to the settings"</a>
            <Rail me=me.clone() here="/you"/>
            <main class="list-column settings" id="you" tabindex="-1">
                <header class="head"><h1>"You"</h1></header>
                {form.map(|form| view! { <p class="notice" role="alert">{form.error.detail}</p> })}
                <section aria-labelledby="account">
                    <h2 id="account">"Account"</h2>
                    <dl class="facts">
                        <dt>"Name"</dt> <dd>{me.name}</dd>
                        <dt>"E-mail"</dt> <dd>{session.email}</dd>
                    </dl>
                    <form method="post" action=Logout::url()>
                        <button class="button quiet">"Log out"</button>
                    </form>
                </section>
                <section aria-labelledby="stats">
                    <h2 id="stats">"Stats"</h2>
                    <p><a href="/stats">"What you have completed"</a></p>
                    <p><a href="/stats/settings">"Goals and days off"</a></p>
                </section>
                <section aria-labelledby="told">
                    <h2 id="told">"Notifications"</h2>
                    <p><a href="/notifications">"What happened, and what you want to hear of"</a></p>
                    <p class="since count">{unread}</p>
                </section>
                <section aria-labelledby="trash">
                    <h2 id="trash">"Trash"</h2>
                    <p><a href="/trash">"What you have deleted"</a></p>
                </section>
                <section aria-labelledby="sync">
                    <h2 id="sync">"External sync"</h2>
                    <p><a href="/webhooks">"Webhooks, Slack and Jira: where your events are sent to"</a></p>
                </section>
                <section aria-labelledby="zone">
                    <h2 id="zone">"Time zone"</h2>
                    <ZoneForm zone/>
                </section>
                <section aria-labelledby="colours">
                    <h2 id="colours">"Colours"</h2>
                    <Theme/>
                </section>
                <section aria-labelledby="sessions">
                    <h2 id="sessions">"Where you are logged in"</h2>
                    <ul class="sessions">
                        {sessions.into_iter().map(|session| view! { <OneSession session/> }).collect_view()}
                    </ul>
                </section>
                <section aria-labelledby="events">
                    <h2 id="events">"Events"</h2>
                    <p><a href="/events">"What every kind of event says, and who reads it"</a></p>
                </section>
                {system}
            </main>
            <Bar here="/you"/>
        </div>
    }
}

/// Where the person lives; at first, where their browser is.
#[component]
fn ZoneForm(zone: Option<Zone>) -> impl IntoView {
    let chosen = zone.unwrap_or(Zone::UTC).name();
    // A name kept for old programs, as some browsers give it.
    let own = (!Zone::places().any(|name| name == chosen)).then_some(chosen);
    let zones = own.into_iter().chain(Zone::places()).map(|name| {
        view! { <option value=name selected=name == chosen>{name.replace('_', " ")}</option> }
    });
    view! {
        <form class="fields zone-form" method="post" action=SetZone::url()>
            <div class="field">
                <label for="zone-name">"Where you live"</label>
                <select id="zone-name" name="zone" aria-describedby="zone-note">{zones.collect_view()}</select>
                <p class="hint" id="zone-note">
                    "Your days begin and end there: in your stats, in the filter of the feed, and for \
                     quiet hours."
                </p>
            </div>
            <button class="button quiet" type="submit">"Save"</button>
        </form>
        {zone.is_none().then(|| view! { <AskZone/> })}
    }
}

/// Has the browser say where it is: for whoever has no time zone yet.
#[component]
pub fn AskZone() -> impl IntoView {
    view! {
        <form method="post" action=GuessZone::url() data-zone="" hidden>
            <input type="hidden" name="zone"/>
        </form>
        <script src="/zone.js" defer></script>
    }
}

/// Light, dark, or as the system has it; remembered by this browser.
#[component]
fn Theme() -> impl IntoView {
    let chosen = chosen_theme();
    let choice = |theme: &'static str, words: &'static str| {
        view! {
            <button
                class="choice"
                name="theme"
                value=theme
                aria-pressed=if chosen == theme { "true" } else { "false" }
            >
                {words}
            </button>
        }
    };
    view! {
        <form class="choices" method="post" action=SetTheme::url()>
            {choice("system", "As the system")} {choice("light", "Light")} {choice("dark", "Dark")}
        </form>
    }
}

#[component]
fn OneSession(session: SessionInfo) -> impl IntoView {
    let browser = browser(&session.user_agent);
    let label = format!("End the session of {browser}");
    view! {
        <li class="session">
            <div>
                <p class="browser">{browser} {session.current.then(|| view! { <span class="this">"this one"</span> })}</p>
                <p class="since">
                    {(!session.address.is_empty()).then(|| format!("{} · ", session.address))}
                    "last used "
                    <time datetime=time::machine(session.last_seen_at)>{time::utc_text(session.last_seen_at)}</time>
                </p>
            </div>
            {(!session.current).then(|| view! {
                <form method="post" action=EndSession::url()>
                    <input type="hidden" name="session_id" value=session.session_id.0/>
                    <button class="button quiet" aria-label=label>"End"</button>
                </form>
            })}
        </li>
    }
}

/// "Firefox on Linux", as far as the browser says; else what it says.
pub(crate) fn browser(user_agent: &str) -> String {
    let named = |names: &[(&str, &'static str)]| {
        names
            .iter()
            .find(|(sign, _)| user_agent.contains(sign))
            .map(|(_, name)| *name)
    };
    // The more particular first: nearly all call themselves Safari too.
    let browser = named(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = named(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.into(),
        (None, _) if user_agent.is_empty() => "An unnamed browser".into(),
        (None, _) => user_agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_named_in_words() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser("curl/8.5.0"), "curl");
        assert_eq!(browser(""), "An unnamed browser");
        assert_eq!(browser("Lynx"), "Lynx");
    }
}
