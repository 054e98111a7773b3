//! What the page shows, whatever order answers and events arrive in.

use super::*;
use crate::accounts::Me;
use crate::event::{
    Changes, Envelope, EventData, EventType, TaskCompleted, TaskCreated, TaskDeleted, TaskRestored,
    TaskUpdated,
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
        filter: Default::default(),
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
fn who_comes_and_goes_has_no_line_and_leaves_no_gap() {
    let of_type = |event_type: EventType| {
        let example: Envelope = serde_json::from_str(event_type.example()).unwrap();
        example.data
    };
    let hidden: Vec<EventType> = EventType::ALL
        .iter()
        .copied()
        .filter(|event_type| !event_type.is_told())
        .collect();
    assert_eq!(hidden.len(), 7);
    let mut new = board(3);
    let mut old = board(3);
    old.feed_is_old = true;
    for (seq, event_type) in (4..).zip(hidden) {
        for board in [&mut new, &mut old] {
            assert!(board.follow(&event(seq, None, of_type(event_type))));
            assert_eq!(board.cursor(), Seq(seq));
        }
    }
    assert!(new.feed().entries.is_empty());
    assert_eq!(old.missed(), 0);
    for board in [&mut new, &mut old] {
        assert!(board.follow(&created(11, None, "eleven")));
    }
    let lines: Vec<Seq> = new.feed().entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(lines, [Seq(11)]);
    assert_eq!((new.missed(), old.missed()), (0, 1));
    assert!(old.feed().entries.is_empty());
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
fn a_new_task_is_checked_before_it_has_a_number() {
    let mut board = board(3);
    let title = "new".to_owned();
    let create = ask(&mut board, Wish::Create { title });
    board.take_due();
    let complete = Wish::Complete(board.rows()[0].task.task_id);
    let complete = ask(&mut board, complete);
    assert!(board.rows()[0].is_done(), "it shows at once");
    assert_eq!(board.take_due(), [], "nobody knows it yet");

    board.follow(&created(4, Some(create), "new"));
    assert!(board.rows()[0].is_done() && board.rows()[0].pending);
    assert_eq!(
        board.take_due(),
        [(complete, Wish::Complete(TaskId(4)))],
        "the server hears of it by its number"
    );
}

#[test]
fn what_was_asked_of_a_new_task_goes_with_it() {
    for refused in [true, false] {
        let mut board = board(3);
        let title = "new".to_owned();
        let create = ask(&mut board, Wish::Create { title });
        board.take_due();
        let complete = Wish::Complete(board.rows()[0].task.task_id);
        ask(&mut board, complete);
        if refused {
            board.answer(create, Err(refusal()));
            assert!(!board.rows()[0].is_done());
            assert!(board.rows()[0].trouble.is_some());
        }
        board.forget(create);
        assert_eq!(titles(&board), ["task 3", "task 2"]);
        assert_eq!(board.waiting(), 0);
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
fn what_is_restored_stands_where_it_was() {
    let mut board = board(3);
    let before = titles(&board);
    let delete = ask(&mut board, Wish::Delete(TaskId(2)));
    let restore = ask(&mut board, Wish::Restore(TaskId(2)));
    let due: Vec<CommandId> = board.take_due().iter().map(|due| due.0).collect();
    assert_eq!(due, [delete], "one after the other");
    let mut answer = deleted(4, 2);
    answer.command_id = Some(delete);
    board.answer(delete, Ok(Some(answer)));
    assert_eq!(titles(&board), ["task 3"]);
    assert_eq!(board.take_due()[0].0, restore);
    let data = TaskRestored {
        task_id: TaskId(2),
        user_id: me(),
        title: "task 2".into(),
        description: "as it was".into(),
        created_at: at(2),
        completed_at: Some(at(3)),
        restored_at: at(5),
    };
    let back = event(5, Some(restore), EventData::TaskRestored(data));
    assert!(board.follow(&back));
    assert_eq!(titles(&board), before);
    let task = board.task(TaskId(2)).unwrap();
    assert_eq!(task.description, "as it was");
    assert_eq!(task.completed_at, Some(at(3)));
    assert_eq!(board.waiting(), 0);
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
