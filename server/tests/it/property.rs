//! State equals the fold of events, whatever is asked, in whatever order.

use crate::insights::history::Told;
use crate::insights::open_work;
use crate::on_both_stacks;
use crate::support::{Place, Stack};
use app::accounts::commands::register;
use app::db::Db;
use app::error::Error;
use app::event::Event;
use app::id::{CommandId, Seq, TaskId, UserId};
use app::outbox::{self, Cause, Origin};
use app::tasks::commands;
use app::trash::commands as trash;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use server::consumers::analytics;

on_both_stacks!(random_commands_keep_state_and_events_equal);

type Answer = Result<Option<Event>, Error>;

#[derive(Clone, Debug)]
enum Wish {
    Create(String, String),
    Edit(usize, Option<String>, Option<String>),
    Complete(usize),
    Reopen(usize),
    Delete(usize),
    Restore(usize),
    Purge(usize),
    /// The last command once more, as after an answer that was lost.
    Again,
}

fn wish() -> impl Strategy<Value = Wish> {
    let text = || prop::sample::select(vec!["", " ", "a", "b", "Ünïcode ✓", "x\0y", "\u{1F409}"]);
    let text = move || text().prop_map(str::to_owned);
    prop_oneof![
        3 => (text(), text()).prop_map(|(t, d)| Wish::Create(t, d)),
        3 => (0..8usize, prop::option::of(text()), prop::option::of(text())).prop_map(|(n, t, d)| Wish::Edit(n, t, d)),
        2 => (0..8usize).prop_map(Wish::Complete),
        2 => (0..8usize).prop_map(Wish::Reopen),
        2 => (0..8usize).prop_map(Wish::Delete),
        2 => (0..8usize).prop_map(Wish::Restore),
        1 => (0..8usize).prop_map(Wish::Purge),
        1 => Just(Wish::Again),
    ]
}

async fn carry_out(db: &Db, cause: Cause, wish: Wish, task_id: TaskId) -> Answer {
    db.write(move |tx| {
        Box::pin(async move {
            match wish {
                Wish::Create(title, description) => {
                    commands::create(tx, &cause, &title, &description).await
                }
                Wish::Edit(_, title, description) => {
                    commands::edit(
                        tx,
                        &cause,
                        task_id,
                        title.as_deref(),
                        description.as_deref(),
                    )
                    .await
                }
                Wish::Complete(_) => commands::complete(tx, &cause, task_id).await,
                Wish::Reopen(_) => commands::reopen(tx, &cause, task_id).await,
                Wish::Delete(_) => commands::delete(tx, &cause, task_id).await,
                Wish::Restore(_) => trash::restore(tx, &cause, task_id).await,
                Wish::Purge(_) => trash::purge(tx, &cause, task_id).await,
                Wish::Again => Ok(None),
            }
        })
    })
    .await
}

/// Tells the consumer `analytics` everything of a person.
async fn counted(db: &Db, user_id: &UserId) {
    let user_id = user_id.clone();
    db.write::<_, Told, _>(move |tx| {
        Box::pin(async move {
            for event in outbox::after(tx, &user_id, Seq(0), 1_000).await? {
                analytics::count("analytics", &event, tx).await?;
            }
            Ok(())
        })
    })
    .await
    .unwrap();
}

async fn random_commands_keep_state_and_events_equal(stack: Stack) {
    let place = Place::new(stack).await;
    let db = Db::connect(&place.database_url).await.unwrap();
    let mut runner = TestRunner::default();
    let mut expected = 0;
    for case in 0..24 {
        let user_id = UserId::new();
        let cause = |command_id| Cause {
            actor_id: user_id.clone(),
            command_id,
            traceparent: None,
            origin: Origin::default(),
        };
        let (registering, email) = (cause(None), format!("{case}@example.com"));
        db.write::<_, Error, _>(move |tx| {
            Box::pin(async move { register(tx, &registering, &email, "Ada", "hash").await })
        })
        .await
        .unwrap();
        expected += 1;
        let wishes = prop::collection::vec(wish(), 1..60)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut tasks = Vec::new();
        let mut last: Option<(CommandId, Wish, TaskId, Answer)> = None;
        for wish in wishes.clone() {
            if let (Wish::Again, Some((id, wish, task_id, answer))) = (&wish, &last) {
                let again = carry_out(&db, cause(Some(*id)), wish.clone(), *task_id).await;
                // What changed something answers with the same event; what did not may not now either.
                assert_eq!(&again, answer, "{wish:?} twice in {wishes:?}");
                continue;
            }
            let task_id = match &wish {
                Wish::Edit(n, ..)
                | Wish::Complete(n)
                | Wish::Reopen(n)
                | Wish::Delete(n)
                | Wish::Restore(n)
                | Wish::Purge(n) => tasks.get(*n).copied().unwrap_or(TaskId(i64::MAX)),
                Wish::Create(..) | Wish::Again => TaskId(0),
            };
            let id = CommandId::new();
            let answer = carry_out(&db, cause(Some(id)), wish.clone(), task_id).await;
            if let Ok(Some(event)) = &answer {
                expected += 1;
                if let Wish::Create(..) = wish {
                    tasks.extend(event.envelope.data.task_id());
                }
            }
            last = Some((id, wish, task_id, answer));
        }
        let report = server::verify::verify(&db).await.unwrap();
        assert_eq!(report.differences, Vec::<String>::new(), "{wishes:?}");
        assert_eq!(
            report.events, expected,
            "a command that changes nothing emits nothing: {wishes:?}"
        );
        counted(&db, &user_id).await;
        open_work::is_counted(&db, &user_id).await;
    }
}
