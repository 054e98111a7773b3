//! What docs/adding-a-consumer.md says works: its SQL is run, its code is compiled.

mod weekdays;

use crate::on_both_stacks;
use crate::support::{Stack, eventually};
use crate::transport::world::World;
use server::consumer::Consumer;
use server::consumer::rebuild::rebuild;
use weekdays::Weekdays;

const PAGE: &str = include_str!("../../../docs/adding-a-consumer.md");

on_both_stacks!(counts_each_once_and_can_be_built_anew);

/// The page's only block in that language.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// The order of imports apart, which follows the crate's name.
#[test]
fn the_page_shows_the_code_that_is_tested() {
    let lines = |code: &str| {
        let mut lines: Vec<String> = code.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let tested = include_str!("adding_a_consumer/weekdays.rs");
    let shown = block("rust").replace("use crate::consumer::", "use server::consumer::");
    assert_eq!(lines(&shown), lines(tested));
}

async fn counts_each_once_and_can_be_built_anew(stack: Stack) {
    let world = World::new(stack).await;
    world.execute(block("sql")).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let people = world.people(3).await;
    for user_id in &people {
        // One of the five completes a task.
        world.five(user_id).await;
    }
    let _member = world.member_of(&transport, Weekdays).await;
    eventually("each is counted", async || {
        let counted = "select sum(completed) from weekdays";
        let counted: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select cast(({counted}) as text)"
        )))
        .fetch_one(world.db.pool())
        .await
        .unwrap();
        counted.as_deref() == Some("3")
    })
    .await;
    let same = rebuild(Weekdays, &world.place.database_url, true, |_, _| {})
        .await
        .unwrap();
    assert_eq!(same.tables[0].name, Weekdays::TABLES[0]);
    assert_eq!((same.tables[0].before, same.tables[0].differing), (3, 0));
}
