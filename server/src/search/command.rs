//! `todo search`: the index at the command line.

use app::db::Db;
use clap::Subcommand;

#[derive(Clone, Debug, Subcommand)]
pub enum SearchCommand {
    /// Have every process that serves pages build its index anew; the old one serves meanwhile
    Rebuild,
}

/// Does it and prints.
pub async fn run(db: &Db, command: SearchCommand) -> anyhow::Result<()> {
    match command {
        SearchCommand::Rebuild => {
            let generation = rebuild(db).await?;
            println!(
                "every process that serves pages builds its index anew now (generation {generation})"
            );
        }
    }
    Ok(())
}

/// The processes hear of it within a second.
async fn rebuild(db: &Db) -> Result<i64, sqlx::Error> {
    db.write(|tx| {
        Box::pin(async move {
            sqlx::query_scalar(
                "update search_clock set generation = generation + 1 returning generation",
            )
            .fetch_one(&mut **tx)
            .await
        })
    })
    .await
}
