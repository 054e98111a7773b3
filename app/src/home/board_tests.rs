//! What the page shows, whatever order answers and events arrive in.

use super::*;
use crate::accounts::Me;
use crate::event::{
    Changes, Envelope, EventData, TaskCompleted, TaskCreated, TaskDeleted, TaskUpdated,
};
use crate::home::Place;
use crate::id::{EventId, UserId};
use uuid::Uuid;

fn me() -> UserId {
    UserId("user-1".into())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_770_000_000 + seconds, 0).unwrap()
}

/// Event number `seq`, which the command `by` caused.
fn event(seq: i64, by: Option<CommandId>, data: EventData) -> Event {
    Event {
        seq: Seq(seq),
        actor_id: me(),
        command_id: by,
        traceparent: None,
        envelope: Envelope {
            event_id: EventId(Uuid::from_u128(seq as u128)),
            event_type: data.event_type(),
            timestamp: data.occurred_at(),
            version: "1.0".into(),
            data,
        },
    }
}

fn created(seq: i64, by: Option<CommandId>, title: &str) -> Event {
    let data = TaskCreated {
        task_id: TaskId(seq),
        user_id: me(),
        title: title.into(),
        description: String::new(),
        completed: false,
        created_at: at(seq),
    };
    event(seq, by, EventData::TaskCreated(data))
}

fn completed(seq: i64, by: Option<CommandId>, task_id: i64) -> Event {
    let data = TaskCompleted {
        task_id: TaskId(task_id),
        user_id: me(),
        title: "any".into(),
        completed_at: at(seq),
        duration_minutes: 0,
    };
    event(seq, by, EventData::TaskCompleted(data))
}

fn retitled(seq: i64, by: Option<CommandId>, task_id: i64, old: &str, new: &str) -> Event {
    let data = TaskUpdated {
        task_id: TaskId(task_id),
        user_id: me(),
        changes: Changes {
            title: crate::event::Change::between(old, new),
            description: None,
        },
        updated_at: at(seq),
    };
    event(seq, by, EventData::TaskUpdated(data))
}

fn deleted(seq: i64, task_id: i64) -> Event {
    let data = TaskDeleted {
        task_id: TaskId(task_id),
        user_id: me(),
        title: "any".into(),
        deleted_at: at(seq),
        reason: "user_requested".into(),
    };
    event(seq, None, EventData::TaskDeleted(data))
}

/// A page that knows the events 1 to 3 (two tasks, numbers 2 and 3), its feed those up to `feed`.
fn board(feed: i64) -> Board {
    let mut tasks = Tasks::default();
    for seq in [2, 3] {
        tasks.apply(&created(seq, None, &format!("task {seq}")).envelope.data);
    }
    Board::new(&Snapshot {
        me: Me {
            user_id: me(),
            name: "Ada".into(),
        },
        tasks: tasks.all().to_vec(),
        seq: Seq(3),
        feed: Feed {
            entries: Vec::new(),
            seq: Seq(feed),
            more: false,
        },
        before: None,
        place: Place::Tasks,
        submitted: None,
        traces: false,
    })
}

fn titles(board: &Board) -> Vec<String> {
    let rows = board.rows();
    rows.into_iter().map(|row| row.task.title).collect()
}

fn ask(board: &mut Board, wish: Wish) -> CommandId {
    let command_id = CommandId::new();
    board.ask(command_id, wish, at(100));
    command_id
}

fn refusal() -> Error {
    Error::invalid("title", "No.")
}

#[test]
fn follows_in_order_drops_duplicates_and_notices_a_gap() {
    let mut board = board(3);
    assert!(board.follow(&created(4, None, "four")));
    let after = board.clone();
    assert!(
        board.follow(&created(4, None, "four")),
        "a duplicate is no gap"
    );
    assert_eq!(board, after);
    assert!(!board.follow(&created(6, None, "six")), "five is missing");
    assert_eq!(board, after, "nothing is applied out of order");
    assert_eq!(board.cursor(), Seq(4));
    assert_eq!(titles(&board), ["four", "task 3", "task 2"]);
}

#[test]
fn a_feed_behind_the_tasks_catches_up_alone() {
    let mut board = board(1);
    assert_eq!(board.cursor(), Seq(1));
    for seq in [2, 3] {
        assert!(board.follow(&created(seq, None, "as it was")));
    }
    assert_eq!(board.cursor(), Seq(3));
    assert_eq!(board.feed().entries.len(), 2);
    assert_eq!(
        titles(&board),
        ["task 3", "task 2"],
        "the tasks knew already"
    );
}

#[test]
fn a_wish_shows_at_once_and_a_refusal_leaves_its_reason_only() {
    let mut board = board(3);
    let wish = Wish::Edit {
        task_id: TaskId(2),
        title: Some("changed".into()),
        description: None,
    };
    let command_id = ask(&mut board, wish);
    let due = board.take_due();
    let whole = Wish::Edit {
        task_id: TaskId(2),
        title: Some("changed".into()),
        description: Some(String::new()),
    };
    assert_eq!(
        due,
        [(command_id, whole)],
        "what was left alone is sent as it is"
    );
    assert_eq!(titles(&board), ["task 3", "changed"]);
    assert!(board.rows()[1].pending);

    board.answer(command_id, Err(refusal()));
    assert_eq!(titles(&board), ["task 3", "task 2"]);
    let trouble = board.rows()[1].trouble.clone().unwrap();
    assert_eq!((trouble.error, trouble.waits), (refusal(), false));
    board.forget(command_id);
    assert_eq!(board.rows()[1].trouble, None);
}

#[test]
fn the_answer_may_come_before_or_after_the_event() {
    for answer_first in [true, false] {
        let mut board = board(3);
        let command_id = ask(
            &mut board,
            Wish::Create {
                title: "new".into(),
            },
        );
        let key = board.rows()[0].key;
        board.take_due();
        let event = created(4, Some(command_id), "new");
        if answer_first {
            board.answer(command_id, Ok(Some(event.clone())));
            board.follow(&event);
        } else {
            board.follow(&event);
            board.answer(command_id, Ok(Some(event)));
        }
        assert_eq!(titles(&board), ["new", "task 3", "task 2"], "once");
        assert_eq!(board.rows()[0].key, key, "it keeps its row");
        assert!(!board.rows()[0].pending);
        assert_eq!((board.waiting(), board.cursor()), (0, Seq(4)));
    }
}

#[test]
fn an_answer_from_beyond_a_gap_waits_for_the_socket() {
    let mut board = board(3);
    let command_id = ask(&mut board, Wish::Complete(TaskId(2)));
    board.take_due();
    let mine = completed(5, Some(command_id), 2);
    board.answer(command_id, Ok(Some(mine.clone())));
    assert!(!board.rows()[1].pending, "the server has said yes");
    assert!(
        board.rows()[1].task.completed_at.is_some(),
        "and it still shows"
    );
    assert_eq!(board.cursor(), Seq(3));
    assert!(board.follow(&retitled(4, None, 3, "task 3", "elsewhere")));
    assert!(board.follow(&mine));
    assert_eq!(titles(&board), ["elsewhere", "task 2"]);
    assert_eq!(board.cursor(), Seq(5));
}

#[test]
fn what_could_not_be_sent_waits_and_is_asked_again_by_the_same_name() {
    let mut board = board(3);
    let command_id = ask(&mut board, Wish::Complete(TaskId(2)));
    board.take_due();
    board.answer(command_id, Err(Error::unavailable()));
    assert_eq!(board.waiting(), 1);
    assert!(
        board
            .rows()
            .iter()
            .any(|row| row.trouble.as_ref().is_some_and(|t| t.waits))
    );
    assert_eq!(board.take_due(), []);
    board.resume();
    assert_eq!(board.take_due(), [(command_id, Wish::Complete(TaskId(2)))]);
}

#[test]
fn two_wishes_for_one_task_go_one_after_the_other() {
    let mut board = board(3);
    let first = ask(&mut board, Wish::Complete(TaskId(2)));
    let second = ask(&mut board, Wish::Reopen(TaskId(2)));
    let other = ask(&mut board, Wish::Complete(TaskId(3)));
    let ids = |due: Vec<(CommandId, Wish)>| due.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(board.take_due()), [first, other]);
    board.answer(first, Ok(Some(completed(4, Some(first), 2))));
    assert_eq!(ids(board.take_due()), [second]);
}

#[test]
fn a_refusal_about_a_task_that_is_gone_is_still_shown() {
    let mut board = board(3);
    let command_id = ask(&mut board, Wish::Complete(TaskId(2)));
    board.take_due();
    assert!(board.follow(&deleted(4, 2)));
    board.answer(command_id, Err(Error::task_not_found()));
    assert_eq!(titles(&board), ["task 3"]);
    assert_eq!(board.strays().len(), 1);
}
