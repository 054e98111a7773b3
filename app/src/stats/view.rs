//! `/stats`: a person's figures, on a plain page that a small script keeps up to date.

use super::plot::{Plot, table};
use super::words::{TOOK, count, of_days, of_open, of_took, share, span};
use super::{Counted, DAYS, Stats, Zone, queries};
use crate::accounts::view::AskZone;
use crate::accounts::{self, Me, session};
use crate::db::now;
use crate::error::Error;
use crate::event::Timestamp;
use crate::points::rules::{self, Streak};
use crate::points::view::Goals as GoalsSection;
use crate::points::{self, Goals};
use crate::shell::or_login;
use crate::ui::time::short_date;
use crate::ui::{Bar, Rail};
use leptos::prelude::*;
use leptos_meta::Title;

/// What the page shows, all of one moment.
struct Figures {
    stats: Stats,
    points: i64,
    goals: Goals,
    counted: Counted,
    /// Nobody has said where the person lives.
    zone_is_unknown: bool,
    /// For administrators: people who signed up, by day.
    sign_ups: Option<Vec<(i64, i64)>>,
}

/// `/stats`.
#[component]
pub fn StatsPage() -> impl IntoView {
    Suspend::new(async move {
        or_login(load().await, |(me, figures)| {
            view! { <Title text="Stats"/> <Page me figures/> }
        })
    })
}

async fn load() -> Result<Option<(Me, Figures)>, Error> {
    let (state, session) = session::current().await?;
    let Some(session) = session else {
        return Ok(None);
    };
    let (is_admin, now) = (session.is_admin, now());
    let me = Me::from(session);
    let user_id = &me.user_id;
    let mut tx = state.db.read().await?;
    let known = accounts::queries::zone(&mut tx, user_id).await?;
    let zone = known.unwrap_or(Zone::UTC);
    let sign_ups = match is_admin {
        true => Some(queries::sign_ups(&mut tx, zone, now).await?),
        false => None,
    };
    let figures = Figures {
        stats: queries::stats(&mut tx, user_id, zone, now).await?,
        points: points::queries::points(&mut tx, user_id).await?,
        goals: points::queries::goals(&mut tx, user_id).await?,
        counted: queries::counted(&mut tx, user_id).await?,
        zone_is_unknown: known.is_none(),
        sign_ups,
    };
    Ok(Some((me, figures)))
}

#[component]
fn Page(me: Me, figures: Figures) -> impl IntoView {
    let ask_zone = figures.zone_is_unknown.then(|| view! { <AskZone/> });
    view! {
        <div class="frame shows-you">
            <a class="skip" href="#stats">"Skip to the figures"</a>
            <Rail me here="/stats"/>
            <main class="list-column settings stats" id="stats" tabindex="-1">
                <header class="head">
                    <h1>"Stats"</h1>
                    <span class="count">"The last " {DAYS} " days"</span>
                </header>
                {live(figures)}
            </main>
            <Bar here="/stats"/>
        </div>
        {ask_zone}
        <script src="/live.js" defer></script>
    }
}

/// What is brought up to date when something happens.
fn live(figures: Figures) -> impl IntoView {
    let Figures {
        stats,
        points,
        goals,
        counted,
        sign_ups,
        ..
    } = figures;
    let streak = rules::streak(stats.active.iter().copied(), stats.today, goals.off);
    let waiting = (counted.waiting > 0).then(|| {
        let words = format!("{} still to be counted.", count(counted.waiting, "change"));
        view! { <p class="hint waiting">{words}</p> }
    });
    let today = stats.today;
    let sign_ups = sign_ups.map(|days| view! { <SignUps days today/> });
    view! {
        <section class="figures-live" aria-label="Figures" data-live="/stats" data-seq=counted.seq.0.to_string()>
            <div>{key_figures(&stats, streak)} <div role="status">{waiting}</div></div>
            {by_day(&stats)}
            {open_work(&stats, now())}
            {time_to_complete(&stats)}
            <GoalsSection goals points streak
                today=stats.completed(today, today)
                week=stats.completed(rules::monday(today), today)
                day=today
                zone=stats.zone
            />
            {sign_ups}
        </section>
    }
}

/// Four numbers that say most of it.
fn key_figures(stats: &Stats, streak: Streak) -> impl IntoView + use<> {
    let completed: i64 = stats.days.iter().map(|day| day.completed).sum();
    let per_day = completed as f64 / DAYS as f64;
    let (done, added) = (stats.added_and_done, stats.added);
    let typical = stats.took.median.map_or("–".into(), span);
    view! {
        <dl class="key-figures">
            {figure("Completed", completed.to_string(), format!("{per_day:.1} a day"))}
            {figure("Completion rate", share(done, added), format!("{done} of {added} added"))}
            {figure("Typical time", typical, "half took no longer".into())}
            {figure("Streak", count(streak.current, "day"), format!("longest: {}", streak.longest))}
        </dl>
    }
}

/// A number, what it is of, and what else there is to say of it.
fn figure(name: &'static str, value: String, note: String) -> impl IntoView {
    view! {
        <div class="figure">
            <dt>{name}</dt>
            <dd><strong>{value}</strong> <span class="hint">{note}</span></dd>
        </div>
    }
}

fn by_day(stats: &Stats) -> impl IntoView + use<> {
    let (days, today) = (&stats.days, stats.today);
    let date = |day: i64| short_date(day, today);
    let numbers = days.iter().rev();
    let numbers = numbers.map(|day| (date(day.day), vec![day.completed, day.added]));
    let rows = numbers.collect();
    let middle = today - DAYS / 2;
    view! {
        <section aria-labelledby="by-day">
            <h2 id="by-day">"Day by day"</h2>
            <p class="legend">
                <span class="key-columns">"Completed"</span> <span class="key-outline">"Added"</span>
            </p>
            <Plot
                summary=of_days(days, today)
                values=days.iter().map(|day| day.completed).collect()
                outline=days.iter().map(|day| day.added).collect()
                labels=vec![date(today - DAYS + 1), date(middle), "Today".into()]
            >
                {table(&["Day", "Completed", "Added"], rows)}
            </Plot>
        </section>
    }
}

/// What is open, and for how long something has been.
fn open_work(stats: &Stats, now: Timestamp) -> impl IntoView + use<> {
    let (open, today) = (&stats.open, stats.today);
    let date = |day: i64| short_date(day, today);
    let yesterday = open.days.iter().rev().nth(1).copied().unwrap_or(0);
    let (age, since) = match open.oldest {
        Some(oldest) => (
            span((now - oldest).num_minutes()),
            format!("since {}", date(stats.zone.day(oldest))),
        ),
        None => ("–".into(), "nothing is open".into()),
    };
    let rows = (0..).zip(open.days.iter().rev());
    let rows = rows.map(|(ago, open)| (date(today - ago), vec![*open]));
    let rows = rows.collect();
    view! {
        <section aria-labelledby="open-work">
            <h2 id="open-work">"Open work"</h2>
            <dl class="key-figures of-three">
                {figure("Open now", open.now().to_string(), format!("yesterday ended with {yesterday}"))}
                {figure("Oldest", age, since)}
                {figure("Days with open work", count(open.streak, "day"), format!("in a row; longest: {}", open.longest))}
            </dl>
            <p class="legend">"Tasks that were open at the end of each day"</p>
            <Plot
                summary=of_open(&open.days, today)
                values=open.days.clone()
                labels=vec![date(today - DAYS + 1), date(today - DAYS / 2), "Today".into()]
            >
                {table(&["Day", "Open"], rows)}
            </Plot>
        </section>
    }
}

fn time_to_complete(stats: &Stats) -> impl IntoView + use<> {
    let took = stats.took;
    let rows = TOOK.iter().zip(took.classes);
    let rows = rows.map(|((name, _), count)| (name.to_string(), vec![count]));
    let rows = rows.collect();
    view! {
        <section aria-labelledby="took">
            <h2 id="took">"Time to complete"</h2>
            <p class="legend">"Tasks by how long they took, up to"</p>
            <Plot
                summary=of_took(&took)
                values=took.classes.to_vec()
                labels=TOOK.iter().map(|(_, label)| label.to_string()).collect()
                labelled=true
            >
                {table(&["Time", "Tasks"], rows)}
            </Plot>
        </section>
    }
}

#[component]
fn SignUps(days: Vec<(i64, i64)>, today: i64) -> impl IntoView {
    let date = |day: i64| short_date(day, today);
    let people: i64 = days.iter().map(|(_, people)| people).sum();
    let people = match people {
        1 => "1 person".to_owned(),
        n => format!("{n} people"),
    };
    let summary = format!(
        "{people} signed up from {} to {}.",
        date(today - DAYS + 1),
        date(today)
    );
    let rows = days.iter().rev().map(|(day, n)| (date(*day), vec![*n]));
    let rows = rows.collect();
    view! {
        <section aria-labelledby="sign-ups">
            <h2 id="sign-ups">"Sign-ups"</h2>
            <p class="legend">{summary.clone()} " Only administrators see this."</p>
            <Plot
                summary
                values=days.iter().map(|(_, people)| *people).collect()
                labels=vec![date(today - DAYS + 1), date(today - DAYS / 2), "Today".into()]
            >
                {table(&["Day", "People"], rows)}
            </Plot>
        </section>
    }
}
