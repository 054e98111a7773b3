//! How it goes, in figures and lines: for those who look after the system and have no Grafana.
//!
//! Each figure is there three times: now, as a number; over the last quarter of an hour, as a line;
//! and by the minute, as a table for those who cannot see lines.

use super::history::{Consumed, History, Sample};
use super::plot::{Series, most, plot};
use leptos::either::Either;
use leptos::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Where the figures stand alone; public/live.js fetches them from there.
pub const PATH: &str = "/system/figures";

/// How often, in ms, while they are in sight.
pub const EVERY: &str = "2000";

/// The database did not answer.
const UNKNOWN: &str = "not known";

/// Says how the connection is; for those with JavaScript.
pub fn mark() -> impl IntoView {
    view! {
        <p class="mark" id="live-mark">
            <span class="dot"></span> <span class="words">"Connecting"</span>
        </p>
    }
}

/// All of them.
pub fn figures(history: &History) -> impl IntoView + use<> {
    let samples = history.samples();
    let all = match samples.last() {
        Some(last) => {
            let as_of = format!(
                "As of {} UTC. The lines show the quarter of an hour before, the newest at the right.",
                last.at.format("%H:%M:%S")
            );
            Either::Left(view! {
                <p class="hint">{as_of}</p>
                <p class="hint only-without-script">
                    "Reload for newer figures: without JavaScript they do not move by themselves."
                </p>
                {everywhere(&samples)}
                {everybody(&samples, &last.processes)}
                {consumers(&samples)}
            })
        }
        None => Either::Right(
            view! { <p class="hint">"No figures yet: the process has just begun."</p> },
        ),
    };
    view! {
        <section class="figures" id="figures" data-live=PATH data-every=EVERY aria-labelledby="figures-title">
            <h2 id="figures-title">"How it goes"</h2>
            {all}
        </section>
    }
}

fn everywhere(samples: &[Arc<Sample>]) -> impl IntoView + use<> {
    let standing = |value: fn(&super::history::Standing) -> i64| {
        series(samples, |sample| {
            sample.standing.as_ref().map(|s| value(s) as f64)
        })
    };
    view! {
        <h3>"In the database"</h3>
        <p class="hint">"Of all processes."</p>
        <div class="plots">
            {Figure {
                unit: "to publish",
                missing: UNKNOWN,
                ..Figure::new("Outbox", standing(|s| s.outbox), count)
            }.view(samples)}
            {Figure {
                unit: "open",
                missing: UNKNOWN,
                alarms: true,
                way: Some("#letters"),
                ..Figure::new("Dead letters", standing(|s| s.dead_letters), count)
            }.view(samples)}
            {Figure {
                unit: "waiting",
                missing: UNKNOWN,
                alarms: true,
                way: Some("#waiting"),
                ..Figure::new("People", standing(|s| s.parked), count)
            }.view(samples)}
        </div>
    }
}

fn everybody(samples: &[Arc<Sample>], processes: &[String]) -> impl IntoView + use<> {
    let of = |value: fn(&Sample) -> Option<f64>| series(samples, value);
    let whose = format!("Of {}.", processes.join("; "));
    view! {
        <h3>"In all processes"</h3>
        <p class="hint">{whose}</p>
        <div class="plots">
            {Figure {
                unit: "a second",
                ..Figure::new("Events published", of(|s| Some(s.work.events)), rate)
            }.view(samples)}
            {Figure {
                unit: "open",
                ..Figure::new("Sockets", of(|s| Some(s.work.sockets)), rate)
            }.view(samples)}
            {Figure {
                unit: "a second",
                ..Figure::new("HTTP requests", of(|s| Some(s.work.requests)), rate)
            }.view(samples)}
            {Figure {
                unit: "for 99 of 100",
                ..Figure::new("HTTP answers", of(|s| s.work.request_p99), seconds)
            }.view(samples)}
        </div>
    }
}

fn consumers(samples: &[Arc<Sample>]) -> impl IntoView + use<> {
    let names: BTreeSet<String> = samples
        .last()
        .into_iter()
        .flat_map(|last| {
            let lag = last.standing.iter().flat_map(|s| s.lag.keys());
            last.work.consumers.keys().chain(lag)
        })
        .cloned()
        .collect();
    let rows: Vec<_> = names
        .into_iter()
        .map(|name| one_consumer(samples, name))
        .collect();
    view! {
        <h3>"Consumers"</h3>
        <p class="hint">
            "Latency, from publishing to arrival, and failed attempts are of a minute, and of the process that fares worst."
        </p>
        {rows}
    }
}

fn one_consumer(samples: &[Arc<Sample>], name: String) -> impl IntoView + use<> {
    let of = |value: fn(&Consumed) -> Option<f64>| {
        series(samples, |sample| {
            sample.work.consumers.get(&name).and_then(value)
        })
    };
    let (p50, p99, failed) = (of(|c| c.p50), of(|c| c.p99), of(|c| c.failed));
    let lag = series(samples, |sample| {
        let lag = sample.standing.as_ref()?.lag.get(&name)?;
        Some(*lag as f64)
    });
    let columns: [(&str, &Series, Words); 4] = [
        ("Half within", &p50, seconds),
        ("99 of 100 within", &p99, seconds),
        ("Failed", &failed, percent),
        ("Lag", &lag, count),
    ];
    let table = table(&name, &columns, samples);
    let half = p50.last().copied().flatten().map(seconds);
    let title = name.clone();
    let of_it = |what: &str| format!("{name}, {what}");
    view! {
        <div class="consumer">
            <h4>{title}</h4>
            <div class="plots">
                {Figure {
                    unit: "for 99 of 100",
                    second: Some(p50.clone()),
                    also: half.map(|half| format!("{half} for half")),
                    label: of_it("latency"),
                    has_table: false,
                    ..Figure::new("Latency", p99.clone(), seconds)
                }.view(samples)}
                {Figure {
                    unit: "of attempts",
                    alarms: true,
                    label: of_it("failed attempts"),
                    has_table: false,
                    ..Figure::new("Failed", failed.clone(), percent)
                }.view(samples)}
                {Figure {
                    unit: "behind",
                    missing: UNKNOWN,
                    label: of_it("lag"),
                    has_table: false,
                    ..Figure::new("Lag", lag.clone(), count)
                }.view(samples)}
            </div>
            {table}
        </div>
    }
}

/// How a value is written.
type Words = fn(f64) -> String;

/// One of them: what it is called, and how it was and is.
struct Figure {
    name: &'static str,
    /// What the number counts, as the words after it.
    unit: &'static str,
    line: Series,
    words: Words,
    /// A fainter line on the same scale, and what to say of it.
    second: Option<Series>,
    also: Option<String>,
    /// What there is to say when there is no value.
    missing: &'static str,
    /// More than nothing is bad.
    alarms: bool,
    /// Where on the page there is more of it.
    way: Option<&'static str>,
    /// The name in full, if the name alone does not say of what.
    label: String,
    has_table: bool,
}

impl Figure {
    fn new(name: &'static str, line: Series, words: Words) -> Self {
        Figure {
            name,
            unit: "",
            line,
            words,
            second: None,
            also: None,
            missing: "nothing lately",
            alarms: false,
            way: None,
            label: name.into(),
            has_table: true,
        }
    }

    fn view(self, samples: &[Arc<Sample>]) -> impl IntoView + use<> {
        let now = self.line.last().copied().flatten();
        let class = match self.alarms && now.is_some_and(|now| now > 0.0) {
            true => "value is-bad",
            false => "value",
        };
        let lines: Vec<Series> = [Some(self.line), self.second]
            .into_iter()
            .flatten()
            .collect();
        let most = most(&lines).map(self.words);
        let (number, unit) = match now {
            Some(now) => ((self.words)(now), self.unit),
            None => ("–".into(), self.missing),
        };
        let label = format!(
            "{}: {number} {unit} now, at most {} in a quarter of an hour",
            self.label,
            most.as_deref().unwrap_or("nothing")
        );
        let most = most.map(|most| format!("most {most}"));
        let also: Vec<String> = [self.also, most].into_iter().flatten().collect();
        let also = also.join(" · ");
        let table = self
            .has_table
            .then(|| table(self.name, &[(self.name, &lines[0], self.words)], samples));
        let name = match self.way {
            Some(way) => Either::Left(view! { <a href=way>{self.name}</a> }),
            None => Either::Right(self.name),
        };
        view! {
            <figure class="figure">
                <figcaption>{name}</figcaption>
                {plot(label, &lines)}
                <p class=class><strong>{number}</strong> " " {unit}</p>
                <p class="also">{also}</p>
                {table}
            </figure>
        }
    }
}

/// The most of each minute, newest first.
fn table(
    name: &str,
    columns: &[(&'static str, &Series, Words)],
    samples: &[Arc<Sample>],
) -> impl IntoView + use<> {
    let heads: Vec<_> = columns
        .iter()
        .map(|(head, ..)| view! { <th scope="col">{*head}</th> })
        .collect();
    let row = |(minute, range): (String, Range<usize>)| {
        let cells: Vec<_> = columns
            .iter()
            .map(|(_, line, words)| {
                let of_it = line[range.clone()].iter().flatten().copied();
                let most = of_it.reduce(f64::max).map(words);
                view! { <td>{most.unwrap_or_else(|| "–".into())}</td> }
            })
            .collect();
        view! { <tr><th scope="row">{minute}</th>{cells}</tr> }
    };
    let rows: Vec<_> = minutes(samples).into_iter().rev().map(row).collect();
    let name = format!(": {name}");
    view! {
        <details class="by-minute">
            <summary>"By the minute"<span class="unseen">{name}</span></summary>
            <table>
                <thead><tr><th scope="col">"UTC"</th>{heads}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </details>
    }
}

/// Each minute, and which samples are of it.
fn minutes(samples: &[Arc<Sample>]) -> Vec<(String, Range<usize>)> {
    let minute = |sample: &Arc<Sample>| sample.at.format("%H:%M").to_string();
    let mut minutes: Vec<(String, Range<usize>)> = Vec::new();
    for (at, sample) in samples.iter().enumerate() {
        let name = minute(sample);
        match minutes.last_mut() {
            Some((last, range)) if *last == name => range.end = at + 1,
            _ => minutes.push((name, at..at + 1)),
        }
    }
    minutes
}

fn series(samples: &[Arc<Sample>], value: impl Fn(&Sample) -> Option<f64>) -> Series {
    samples.iter().map(|sample| value(sample)).collect()
}

fn count(value: f64) -> String {
    format!("{value:.0}")
}

/// "0", "0.4", "12": a digit after the point as long as it says something.
fn rate(value: f64) -> String {
    let text = match value {
        v if v < 9.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    };
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn percent(part: f64) -> String {
    format!("{} %", rate(part * 100.0))
}

/// "0.4 ms", "320 ms", "1.5 s".
fn seconds(value: f64) -> String {
    match value {
        v if v < 0.9995 => format!("{} ms", rate(v * 1000.0)),
        v => format!("{} s", rate(v)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::{Standing, Work};
    use super::*;
    use crate::event::Timestamp;

    #[test]
    fn values_are_as_precise_as_they_are_large() {
        assert_eq!(
            [0.0, 0.04, 0.4, 3.0, 12.4].map(rate),
            ["0", "0", "0.4", "3", "12"]
        );
        assert_eq!(
            [0.0004, 0.0123, 0.9996, 1.5, 60.0].map(seconds),
            ["0.4 ms", "12 ms", "1 s", "1.5 s", "60 s"]
        );
        assert_eq!([0.0, 0.004, 1.0].map(percent), ["0 %", "0.4 %", "100 %"]);
    }

    #[test]
    fn every_sample_is_of_one_minute() {
        let sample = |second: i64| {
            Arc::new(Sample {
                at: Timestamp::from_timestamp(1_795_554_240 + second, 0).unwrap(),
                processes: Vec::new(),
                work: Work::default(),
                standing: None,
            })
        };
        let samples = [0, 30, 58, 60, 130].map(sample);
        let expected = [("21:04", 0..3), ("21:05", 3..4), ("21:06", 4..5)];
        assert_eq!(minutes(&samples), expected.map(|(m, r)| (m.to_owned(), r)));
    }

    #[test]
    fn a_page_of_figures_says_each_of_them_in_words() {
        let history = History::default();
        let empty = figures(&history).to_html();
        assert!(empty.contains("No figures yet"), "{empty}");
        let consumed = Consumed {
            p50: Some(0.003),
            p99: Some(0.02),
            failed: Some(0.25),
        };
        history.keep(Sample {
            at: Timestamp::from_timestamp(1_795_554_245, 0).unwrap(),
            processes: vec!["process 7, role web".into(), "process 9, role relay".into()],
            work: Work {
                events: 12.4,
                sockets: 3.0,
                requests: 2.5,
                request_p99: None,
                consumers: [("activity".to_owned(), consumed)].into(),
            },
            standing: Some(Standing {
                outbox: 5,
                dead_letters: 2,
                parked: 0,
                lag: [("activity".to_owned(), 41), ("search".to_owned(), 9)].into(),
            }),
        });
        let html = figures(&history).to_html();
        for part in [
            "As of 21:04:05 UTC",
            "Of process 7, role web; process 9, role relay.",
            "Outbox: 5 to publish now, at most 5",
            "Dead letters: 2 open now",
            "People: 0 waiting now",
            "Events published: 12 a second now",
            "Sockets: 3 open now",
            "HTTP requests: 2.5 a second now",
            "HTTP answers: – nothing lately now",
            "activity, latency: 20 ms for 99 of 100 now",
            "3 ms for half",
            "activity, failed attempts: 25 % of attempts now",
            "activity, lag: 41 behind now",
            "search, lag: 9 behind now",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert_eq!(html.matches("value is-bad").count(), 2, "{html}");
    }
}
