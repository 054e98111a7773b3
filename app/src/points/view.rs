//! Level, goals and streak on the page of figures, and the page where a person sets them.

use super::rules::{self, DaysOff, MAX_DAILY, MAX_WEEKLY, Streak};
use super::{Goals as GoalsData, queries};
use crate::accounts::Zone;
use crate::accounts::{Me, session};
use crate::error::Error;
use crate::shell::{or_login, submitted};
use crate::stats::api::SetSettings;
use crate::ui::{Bar, Field, Rail, Submitted};
use chrono::Weekday;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

const WEEK: [(Weekday, &str); 7] = [
    (Weekday::Mon, "Monday"),
    (Weekday::Tue, "Tuesday"),
    (Weekday::Wed, "Wednesday"),
    (Weekday::Thu, "Thursday"),
    (Weekday::Fri, "Friday"),
    (Weekday::Sat, "Saturday"),
    (Weekday::Sun, "Sunday"),
];

/// How far one is today and this week, and what one has become.
#[component]
pub fn Goals(
    goals: GoalsData,
    points: i64,
    streak: Streak,
    /// Completed today, and since Monday.
    today: i64,
    week: i64,
    /// Today, counted from 1970.
    day: i64,
    zone: Zone,
) -> impl IntoView {
    let daily = match goals.off.is_off(day) {
        true => view! { <Goal name="Today" done=today goal=0 none="a day off"/> },
        false => view! { <Goal name="Today" done=today goal=goals.daily/> },
    };
    let level = rules::level(points);
    let (begins, ends) = (rules::begins(level), rules::begins(level + 1));
    view! {
        <section aria-labelledby="goals">
            <h2 id="goals">"Goals"</h2>
            <ul class="goals">
                {daily}
                <Goal name="This week" done=week goal=goals.weekly/>
                <li class="goal">
                    <span class="goal-name" id="level">{format!("Level {level}")}</span>
                    <progress max=(ends - begins).to_string() value=(points - begins).to_string() aria-labelledby="level"></progress>
                    <span class="count">{format!("{points} points, {} to level {}", ends - points, level + 1)}</span>
                </li>
            </ul>
            <p class="hint">
                {in_a_row(streak, goals.off)} {format!(" Days are those of {}. ", zone.name())}
                <a href="/stats/settings">"Set goals and days off"</a> " · "
                <a href="/you#zone">"Change the time zone"</a>
            </p>
        </section>
    }
}

/// So many of so many.
#[component]
fn Goal(
    name: &'static str,
    done: i64,
    /// 0: there is none.
    goal: i64,
    /// Why not.
    #[prop(default = "no goal")]
    none: &'static str,
) -> impl IntoView {
    let bar = (goal > 0).then(|| {
        view! {
            <progress max=goal.to_string() value=done.min(goal).to_string() aria-label=name></progress>
        }
    });
    let words = match goal {
        0 => format!("{done}, {none}"),
        _ if done >= goal => format!("{done} of {goal}, reached"),
        _ => format!("{done} of {goal}"),
    };
    view! {
        <li class="goal">
            <span class="goal-name">{name}</span>
            {bar}
            <span class="count">{words}</span>
        </li>
    }
}

/// The streak in a sentence, and what does not break it.
fn in_a_row(streak: Streak, off: DaysOff) -> String {
    let mut words = match streak.current {
        0 => "Complete a task to begin a streak.".to_owned(),
        1 => "You have completed something on 1 day in a row.".to_owned(),
        n => format!("You have completed something on {n} days in a row."),
    };
    let off: Vec<&str> = WEEK
        .iter()
        .filter(|(weekday, _)| off.has(*weekday))
        .map(|(_, name)| *name)
        .collect();
    match off.as_slice() {
        [] => {}
        [only] => words += &format!(" {only} does not count."),
        [others @ .., last] => {
            words += &format!(" {} and {last} do not count.", others.join(", "));
        }
    }
    words
}

/// `/stats/settings`.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let form = submitted();
    Suspend::new(async move {
        or_login(load().await, |(me, goals)| {
            view! {
                <Title text="Goals"/>
                <div class="frame shows-you">
                    <a class="skip" href="#settings">"Skip to the settings"</a>
                    <Rail me here="/stats"/>
                    <main class="list-column settings" id="settings" tabindex="-1">
                        <header class="head"><h1>"Goals"</h1></header>
                        <Settings goals form/>
                    </main>
                    <Bar here="/stats"/>
                </div>
            }
        })
    })
}

async fn load() -> Result<Option<(Me, GoalsData)>, Error> {
    let (state, session) = session::current().await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let mut tx = state.db.read().await?;
    let goals = queries::goals(&mut tx, &session.user_id).await?;
    let me = Me::from(session);
    Ok(Some((me, goals)))
}

#[component]
fn Settings(goals: GoalsData, form: Option<Submitted>) -> impl IntoView {
    let unnamed = form.as_ref().filter(|form| {
        let field = form.error.field.as_deref();
        !matches!(field, Some("daily" | "weekly"))
    });
    let refusal = unnamed.map(|form| form.error.detail.clone());
    let days = WEEK.iter().zip(0..).map(|((weekday, name), number)| {
        let off = match &form {
            Some(form) => {
                let number = number.to_string();
                let mut values = form.values.iter();
                values.any(|(name, value)| name == "off[]" && *value == number)
            }
            None => goals.off.has(*weekday),
        };
        view! {
            <label class="day-off">
                <input type="checkbox" name="off[]" value=number.to_string() checked=off/> {*name}
            </label>
        }
    });
    view! {
        <form class="fields goals-form" method="post" action=SetSettings::url()>
            {refusal.map(|detail| view! { <p class="notice" role="alert">{detail}</p> })}
            <Field
                name="daily" label="Tasks a day" kind="number" autocomplete="off"
                hint=format!("0 to {MAX_DAILY}; 0 is no goal.")
                value=goals.daily.to_string() submitted=form.clone()
            />
            <Field
                name="weekly" label="Tasks a week" kind="number" autocomplete="off"
                hint=format!("0 to {MAX_WEEKLY}; 0 is no goal. A week begins on Monday.")
                value=goals.weekly.to_string() submitted=form.clone()
            />
            <fieldset class="days-off">
                <legend>"Days off"</legend>
                <p class="hint">"A day off neither counts for a streak nor breaks it."</p>
                {days.collect_view()}
            </fieldset>
            <p class="decision">
                <button class="button" type="submit">"Save"</button>
                <a class="button quiet" href="/stats">"Cancel"</a>
            </p>
        </form>
    }
}
