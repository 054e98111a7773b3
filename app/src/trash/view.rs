//! `/trash`: what was deleted, until when it can be brought back. Plain forms, no script.

use super::api::{EmptyTrash, PurgeTasks, RestoreTasks};
use super::{Trashed, queries};
use crate::accounts::{self, Me, Zone, session};
use crate::error::Error;
use crate::id::Seq;
use crate::shell::{before, or_login, submitted};
use crate::ui::{Bar, Rail, time};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// Tasks on a page.
const PAGE: usize = 50;

struct Loaded {
    me: Me,
    tasks: Vec<Trashed>,
    count: i64,
    days: u32,
    zone: Zone,
}

/// Query: `before`.
#[component]
pub fn Trash() -> impl IntoView {
    let before = Seq(before().unwrap_or(i64::MAX));
    Suspend::new(async move { or_login(load(before).await, page) })
}

async fn load(before: Seq) -> Result<Option<Loaded>, Error> {
    let (state, session) = session::current().await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let me = Me::from(session);
    let user_id = &me.user_id;
    let mut conn = state.db.pool().acquire().await?;
    let tasks = queries::page(&mut conn, user_id, before, PAGE as i64 + 1).await?;
    let count = queries::count(&mut conn, user_id).await?;
    let zone = accounts::queries::zone(&mut conn, user_id).await?;
    Ok(Some(Loaded {
        me,
        tasks,
        count,
        days: state.trash_days,
        zone: zone.unwrap_or(Zone::UTC),
    }))
}

fn page(loaded: Loaded) -> impl IntoView {
    let refused = submitted();
    let count = match loaded.count {
        0 => String::new(),
        1 => "1 task".to_owned(),
        count => format!("{count} tasks"),
    };
    let days = loaded.days;
    view! {
        <Title text="Trash"/>
        <div class="frame shows-you">
            <a class="skip" href="#trash">"Skip to the trash"</a>
            <Rail me=loaded.me here="/trash"/>
            <main class="list-column settings trash" id="trash" tabindex="-1">
                <header class="head">
                    <h1>"Trash"</h1>
                    <p class="count">{count}</p>
                </header>
                {refused.map(|form| view! { <p class="notice" role="alert">{form.error.detail}</p> })}
                {match loaded.count {
                    0 => view! {
                        <p class="empty">
                            {format!("Nothing here. What you delete can be brought back for {}.", told_days(days))}
                        </p>
                    }.into_any(),
                    count => list(loaded.tasks, count, days, loaded.zone).into_any(),
                }}
            </main>
            <Bar here="/trash"/>
        </div>
    }
}

fn list(mut tasks: Vec<Trashed>, count: i64, days: u32, zone: Zone) -> impl IntoView {
    let more = tasks.len() > PAGE;
    tasks.truncate(PAGE);
    let oldest = tasks.last().map_or(Seq(0), |trashed| trashed.seq);
    let older = more.then(|| {
        let href = format!("/trash?before={oldest}");
        view! { <p class="older"><a href=href>"Show older"</a></p> }
    });
    let empty = match count {
        1 => "The task in the trash goes for good. This cannot be undone.".to_owned(),
        count => format!("All {count} tasks in the trash go for good. This cannot be undone."),
    };
    let lines = tasks.into_iter().map(|trashed| one(trashed, days, zone));
    view! {
        <p>{format!("What you delete can be brought back for {}, as it was.", told_days(days))}</p>
        <ul class="trashed">{lines.collect_view()}</ul>
        {older}
        <form class="chosen" id="chosen" method="post" action=RestoreTasks::url()>
            <button class="button">"Restore the chosen"</button>
            <details class="for-good">
                <summary>"Delete the chosen for good"</summary>
                <p>"They cannot be brought back then."</p>
                <button class="button quiet danger" formaction=PurgeTasks::url()>
                    "Delete for good"
                </button>
            </details>
        </form>
        <details class="for-good">
            <summary>"Empty the trash"</summary>
            <form method="post" action=EmptyTrash::url()>
                <p>{empty}</p>
                <button class="button quiet danger">"Empty it"</button>
            </form>
        </details>
    }
}

fn one(trashed: Trashed, days: u32, zone: Zone) -> impl IntoView {
    let ends = trashed.ends(days);
    let gone = zone.told(trashed.deleted_at);
    let last = zone.told(ends);
    let id = trashed.task.task_id.to_string();
    let title = trashed.task.title;
    let choose = format!("Choose {title}");
    let restore = format!("Restore {title}");
    let done = trashed.task.completed_at.is_some();
    view! {
        <li class="trashed-line">
            <label class="tick">
                <input type="checkbox" form="chosen" name="task_ids[]" value=id.clone() aria-label=choose/>
            </label>
            <div class="what">
                <p class="name">{title} {done.then(|| view! { <span class="hint">" done"</span> })}</p>
                <p class="since">
                    "deleted " <time datetime=time::machine(trashed.deleted_at)>{gone}</time>
                    ", gone for good " <time datetime=time::machine(ends)>{last}</time>
                </p>
            </div>
            <form method="post" action=RestoreTasks::url()>
                <input type="hidden" name="task_ids[]" value=id/>
                <button class="button quiet" aria-label=restore>"Restore"</button>
            </form>
        </li>
    }
}

fn told_days(days: u32) -> String {
    match days {
        1 => "a day".into(),
        days => format!("{days} days"),
    }
}
