//! The page's frame: the document, the routes, and what each needs from the database.

use crate::accounts::{
    session,
    view::{AskZone, Login, Register, You},
};
use crate::activity::Asked;
use crate::activity::tools::NewerLines;
use crate::audit::view::Audit;
use crate::catalogue::view::Events;
use crate::deliveries::view::Deliveries;
use crate::error::Error;
use crate::home::view::Home;
use crate::home::{Place, queries, source};
use crate::id::Seq;
use crate::notifications::view::{Notifications, Unsubscribe};
use crate::points::view::SettingsPage;
use crate::search::view::Search;
use crate::stats::view::StatsPage;
use crate::system::view::{DeadLetterPage, Figures, System, Trace};
use crate::trash::view::Trash;
use crate::ui::{Submitted, Wordmark};
use crate::webhooks::view::{EndpointPage, Endpoints, NewEndpoint};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use leptos::either::Either;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::{SsrMode, path};

mod address;
pub use address::{before, last_of_path, parameter, query};

/// The whole document.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    // No part of the page is alive but the island.
    if let Some(context) = Owner::current_shared_context() {
        context.set_is_hydrating(false);
    }
    let parts = use_context::<Parts>();
    let theme = parts.as_ref().and_then(theme);
    let is_alive = parts.is_some_and(|parts| Place::at(parts.uri.path()).is_some());
    let scripts =
        is_alive.then(|| view! { <HydrationScripts options=options.clone() islands=true/> });
    // The address bar of a phone: the colour of the paper.
    let colors = match theme {
        Some("dark") => [("#0f1115", ""), ("#0f1115", "not all")],
        Some(_) => [("#fbfaf8", ""), ("#fbfaf8", "not all")],
        None => [
            ("#fbfaf8", "(prefers-color-scheme: light)"),
            ("#0f1115", "(prefers-color-scheme: dark)"),
        ],
    };
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta
                    name="viewport"
                    content="width=device-width, initial-scale=1, interactive-widget=resizes-content"
                />
                {colors.map(|(color, media)| {
                    leptos::html::meta().name("theme-color").content(color).attr("media", media)
                }).collect_view()}
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="manifest" href="/site.webmanifest"/>
                <link rel="stylesheet" id="leptos" href="/pkg/todo.css"/>
                <AutoReload options/>
                {scripts}
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Every page there is.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    protect();
    view! {
        <Title formatter=|text: String| match text.as_str() {
            "" => "Todo Evolution".to_owned(),
            text => format!("{text} · Todo Evolution"),
        }/>
        <Router>
            <FlatRoutes fallback=NotFound>
                <Route path=path!("/") view=Tasks ssr=SsrMode::Async/>
                <Route path=path!("/feed") view=Feed ssr=SsrMode::Async/>
                <Route path=path!("/feed/newer") view=NewerLines ssr=SsrMode::Async/>
                <Route path=path!("/tasks/:id") view=Task ssr=SsrMode::Async/>
                <Route path=path!("/login") view=Login ssr=SsrMode::Async/>
                <Route path=path!("/register") view=Register ssr=SsrMode::Async/>
                <Route path=path!("/you") view=You ssr=SsrMode::Async/>
                <Route path=path!("/events") view=Events ssr=SsrMode::Async/>
                <Route path=path!("/search") view=Search ssr=SsrMode::Async/>
                <Route path=path!("/stats") view=StatsPage ssr=SsrMode::Async/>
                <Route path=path!("/stats/settings") view=SettingsPage ssr=SsrMode::Async/>
                <Route path=path!("/trash") view=Trash ssr=SsrMode::Async/>
                <Route path=path!("/system") view=System ssr=SsrMode::Async/>
                <Route path=path!("/system/figures") view=Figures ssr=SsrMode::Async/>
                <Route path=path!("/audit") view=Audit ssr=SsrMode::Async/>
                <Route path=path!("/trace/:seq") view=Trace ssr=SsrMode::Async/>
                <Route path=path!("/notifications") view=Notifications ssr=SsrMode::Async/>
                <Route path=path!("/webhooks") view=Endpoints ssr=SsrMode::Async/>
                <Route path=path!("/webhooks/new/:kind") view=NewEndpoint ssr=SsrMode::Async/>
                <Route path=path!("/webhooks/:id") view=EndpointPage ssr=SsrMode::Async/>
                <Route path=path!("/unsubscribe/:token") view=Unsubscribe ssr=SsrMode::Async/>
                <Route path=path!("/system/deliveries") view=Deliveries ssr=SsrMode::Async/>
                <Route path=path!("/system/dead-letters/:id") view=DeadLetterPage ssr=SsrMode::Async/>
            </FlatRoutes>
        </Router>
    }
}

/// Lets the browser run what is ours and nothing else.
fn protect() {
    let nonce = use_nonce()
        .map(|nonce| format!(" 'nonce-{nonce}'"))
        .unwrap_or_default();
    // `cargo leptos watch` tells the page over this socket to load again.
    let reload = match std::env::var_os("LEPTOS_WATCH") {
        Some(_) => " ws://127.0.0.1:3001/ ws://localhost:3001/",
        None => "",
    };
    let policy = format!(
        "default-src 'self'; script-src 'self'{nonce} 'wasm-unsafe-eval'; style-src 'self'; \
         worker-src 'self'; img-src 'self' data:; connect-src 'self'{reload}; object-src 'none'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    );
    if let (Some(response), Ok(policy)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::from_str(&policy),
    ) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// The colours this browser was told to use.
fn theme(parts: &Parts) -> Option<&'static str> {
    let cookies = parts.headers.get_all(header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs.find_map(|pair| match pair.trim() {
        "theme=light" => Some("light"),
        "theme=dark" => Some("dark"),
        _ => None,
    })
}

/// The theme of this request: "light", "dark", or "system".
pub fn chosen_theme() -> &'static str {
    use_context::<Parts>()
        .as_ref()
        .and_then(theme)
        .unwrap_or("system")
}

/// A page for those who are logged in. `loaded`: what it shows, and nothing for others, whom it sends
/// to log in.
pub fn or_login<T, V: IntoView>(
    loaded: Result<Option<T>, Error>,
    page: impl FnOnce(T) -> V,
) -> Either<V, AnyView> {
    or_else(loaded, page, || {
        leptos_axum::redirect("/login");
        ().into_any()
    })
}

/// A page that is not there for those for whom nothing was loaded.
pub fn or_not_found<T, V: IntoView>(
    loaded: Result<Option<T>, Error>,
    page: impl FnOnce(T) -> V,
) -> Either<V, AnyView> {
    or_else(loaded, page, || view! { <NotFound/> }.into_any())
}

fn or_else<T, V: IntoView>(
    loaded: Result<Option<T>, Error>,
    page: impl FnOnce(T) -> V,
    nothing: impl FnOnce() -> AnyView,
) -> Either<V, AnyView> {
    match loaded {
        Ok(Some(loaded)) => Either::Left(page(loaded)),
        Ok(None) => Either::Right(nothing()),
        Err(error) => Either::Right(view! { <Broken error/> }.into_any()),
    }
}

/// The form that was refused, if this page answers one.
pub fn submitted() -> Option<Submitted> {
    use_context::<Parts>()?
        .extensions
        .get::<Submitted>()
        .cloned()
}

/// Sets the response's status.
pub fn status(code: StatusCode) {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(code);
    }
}

#[component]
fn Tasks() -> impl IntoView {
    view! { <Title text="Tasks"/> <Snapshot place=Place::Tasks/> }
}

#[component]
fn Feed() -> impl IntoView {
    view! { <Title text="Feed"/> <Snapshot place=Place::Feed/> }
}

#[component]
fn Task() -> impl IntoView {
    let path = use_context::<Parts>().map(|parts| parts.uri.path().to_owned());
    match path.and_then(|path| Place::at(&path)) {
        Some(place) => Either::Left(view! { <Snapshot place/> }),
        None => Either::Right(view! { <NoSuchTask/> }),
    }
}

/// The island, with what the database says at this moment.
#[component]
fn Snapshot(place: Place) -> impl IntoView {
    Suspend::new(async move {
        let loaded = async {
            let (state, session) = session::current().await?;
            let Some(session) = session else {
                return Ok(None);
            };
            let traces = session.is_admin && state.trace_url.is_some();
            let (me, before) = (session.into(), before().map(Seq));
            let read = queries::snapshot(&state.db, me, place, before, &asked()).await;
            read.map(|(mut snapshot, tools)| {
                snapshot.traces = traces;
                Some((snapshot, tools))
            })
        };
        or_login(loaded.await, |(mut snapshot, tools)| {
            let task = match place {
                Place::Task(id) => snapshot.tasks.iter().find(|task| task.task_id == id),
                Place::Tasks | Place::Feed => None,
            };
            let title = task.map(|task| task.title.clone());
            if matches!(place, Place::Task(_)) && title.is_none() {
                return Either::Left(view! { <NoSuchTask/> });
            }
            snapshot.submitted = submitted();
            let data = source::carry(&snapshot);
            if tools.refused {
                status(StatusCode::UNPROCESSABLE_ENTITY);
            }
            let follow = tools
                .follows
                .then(|| view! { <script src="/live.js" defer></script> });
            let ask_zone = tools.asks_zone.then(|| view! { <AskZone/> });
            provide_context(snapshot);
            provide_context(tools);
            Either::Right(view! {
                {title.map(|text| view! { <Title text/> })}
                {data}
                <Home/>
                <script src="/feed.js" defer></script>
                {follow}
                {ask_zone}
                <p class="without-script">"Times are in UTC. Reload to see what is new: without JavaScript nothing arrives by itself."</p>
            })
        })
    })
}

/// Which lines of the feed are wanted.
fn asked() -> Asked {
    query().as_deref().map(Asked::of).unwrap_or_default()
}

#[component]
fn NoSuchTask() -> impl IntoView {
    status(StatusCode::NOT_FOUND);
    let error = Error::task_not_found();
    view! { <Plain title="No such task" text=error.detail way=("/", "To your tasks")/> }
}

#[component]
pub fn NotFound() -> impl IntoView {
    status(StatusCode::NOT_FOUND);
    view! {
        <Plain
            title="Nothing here"
            text="There is no page at this address. It may have been mistyped, or the link is an old one."
            way=("/", "To your tasks")
        />
    }
}

/// The database could not be asked.
#[component]
fn Broken(error: Error) -> impl IntoView {
    if let Ok(code) = StatusCode::from_u16(error.status) {
        status(code);
    }
    view! { <Plain title="Not now" text=error.detail way=("", "Try again")/> }
}

/// A page that says one thing.
#[component]
fn Plain(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    /// Where to go from here, and what the link says.
    way: (&'static str, &'static str),
) -> impl IntoView {
    view! {
        <Title text=title.clone()/>
        <main class="plain">
            <Wordmark/>
            <h1>{title}</h1>
            <p>{text}</p>
            <p><a class="button" href=way.0>{way.1}</a></p>
        </main>
    }
}
