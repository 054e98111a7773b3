//! The settings for what is removed when it is old.

use crate::cleanup::{Ages, Settings};
use clap::Args;
use std::time::Duration;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cleaning up")]
pub struct CleanupArgs {
    /// Look for what is old enough to be removed every so many minutes
    #[arg(long, env = "TODO_CLEANUP_EVERY", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080), global = true)]
    pub cleanup_every: u32,

    /// Days after which what is left of a deleted task goes; 0 keeps it, as in the settings below
    #[arg(long, env = "TODO_KEEP_DELETED_TASKS", default_value_t = 30, value_parser = days(), global = true)]
    pub keep_deleted_tasks: u32,

    /// Days after which expired sessions, and attempts to log in, go with the addresses they were from
    #[arg(long, env = "TODO_KEEP_SESSIONS", default_value_t = 1, value_parser = days(), global = true)]
    pub keep_sessions: u32,

    /// Days after which what was sent or given up goes, with its attempts. That it was sent is kept,
    /// so that nothing is sent twice
    #[arg(long, env = "TODO_KEEP_DELIVERIES", default_value_t = 30, value_parser = days(), global = true)]
    pub keep_deliveries: u32,

    /// Days after which notifications go that were read; what was not goes after four times as many
    #[arg(long, env = "TODO_KEEP_NOTIFICATIONS", default_value_t = 90, value_parser = days(), global = true)]
    pub keep_notifications: u32,

    /// Days after which the records of dead letters go that were decided on
    #[arg(long, env = "TODO_KEEP_DEAD_LETTERS", default_value_t = 90, value_parser = days(), global = true)]
    pub keep_dead_letters: u32,
}

fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=36_500)
}

impl CleanupArgs {
    /// `trash`: after how many days what is deleted goes for good.
    pub fn settings(&self, trash: u32) -> Settings {
        Settings {
            every: Duration::from_secs(u64::from(self.cleanup_every) * 60),
            ages: Ages {
                trash,
                deleted_tasks: self.keep_deleted_tasks,
                sessions: self.keep_sessions,
                deliveries: self.keep_deliveries,
                notifications: self.keep_notifications,
                dead_letters: self.keep_dead_letters,
            },
        }
    }
}
