//! `todo rebuild`: a read model anew from history, at the command line.

use crate::config::Config;
use crate::consumers;
use anyhow::bail;
use clap::Args;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone, Debug, Args)]
pub struct Rebuild {
    /// Whose, such as analytics
    pub consumer: String,
    /// Only say how the new one differs from the old one, which stays; exit 1 if it does
    #[arg(long)]
    pub check: bool,
}

/// Between two lines that say how far it is.
const PERIOD: Duration = Duration::from_secs(2);

/// Does it and prints. `false`: with `--check`, the two differ.
pub async fn run(config: &Config, options: &Rebuild) -> anyhow::Result<bool> {
    let Rebuild { consumer, check } = options;
    let began = Instant::now();
    let said = Arc::new(Mutex::new(began));
    let told = move |events: i64, of: i64| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.elapsed() >= PERIOD {
            *said = Instant::now();
            println!("{events} of {of} events");
        }
    };
    let Some(rebuilt) = consumers::rebuild(consumer, &config.database_url, *check, told).await
    else {
        bail!(
            "There is no consumer {consumer:?}. With a read model there are: {}.",
            consumers::read_models().join(", ")
        );
    };
    let rebuilt = rebuilt?;
    for table in &rebuilt.tables {
        let (name, before, after) = (table.name, table.before, table.after);
        match check {
            true => println!(
                "{name}: {before} rows, {after} when built anew, {} differ",
                table.differing
            ),
            false => println!("{name}: {after} rows, {before} before"),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let same = rebuilt.tables.iter().all(|table| table.differing == 0);
    println!(
        "{consumer}: {} events in {seconds:.1} s; {}",
        rebuilt.events,
        match (check, same) {
            (false, _) => "the new read model is in use",
            (true, true) => "the read model is as history has it",
            (true, false) =>
                "the read model is not as history has it: `todo rebuild` without --check mends that",
        }
    );
    Ok(same)
}
