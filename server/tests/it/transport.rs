//! What both transports promise, and what relay and runner make of it: each event once, in order.

mod doubles;
mod failures;
mod kafka_only;
mod wake;
pub mod world;

use crate::on_both_stacks;
use crate::support::{Process, Stack, eventually};
use app::event::{Event, EventType};
use app::id::UserId;
use doubles::{Script, Spy};
use server::transport::{Start, Subscription};
use std::sync::atomic::Ordering;
use world::{Recorder, World, numbered};

on_both_stacks!(
    everyones_events_come_in_order_over_all_topics,
    what_comes_again_is_applied_once,
    two_members_share_the_work,
    a_member_joins_and_leaves_under_load,
    late_and_repeated_events_are_dropped,
    a_gap_is_filled_from_the_event_store,
    a_failing_event_delays_its_person_only,
    from_the_newest_means_from_now_on,
    a_fenced_relay_marks_nothing,
    a_relay_that_stops_is_succeeded_at_once,
    dies_between_publishing_and_marking,
    dies_between_marking_and_the_next_batch,
    dies_between_effects_and_offset,
);

async fn everyones_events_come_in_order_over_all_topics(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let _member = world.member(&transport, Recorder::new("a")).await;
    let people = world.people(20).await;
    let round = async |user_id: &UserId| {
        for _ in 0..8 {
            world.five(user_id).await;
        }
    };
    futures::future::join_all(people.iter().map(round)).await;
    world.each_is_applied_once_in_order(&people).await;
    world.everything_is_marked().await;
    world.the_log_is_dense_and_ordered().await;
}

async fn what_comes_again_is_applied_once(stack: Stack) {
    let world = World::new(stack).await;
    let spy = Spy::on(world.transport().await, true);
    let transport = spy.clone() as _;
    let _relay = world.relay(&transport).await;
    let people = world.people(5).await;
    for user_id in &people {
        world.five(user_id).await;
    }
    let member = world.member(&transport, Recorder::new("a")).await;
    world.everything_is_applied().await;
    member.stop().await;
    let before = spy.handed_out.load(Ordering::SeqCst);
    assert!(before >= 25);

    // Nothing was stored, so everything comes a second time.
    let member = world.member(&transport, Recorder::new("b")).await;
    eventually("everything comes again", async || {
        spy.handed_out.load(Ordering::SeqCst) >= before + 25
    })
    .await;
    world.each_is_applied_once_in_order(&people).await;
    member.stop().await;
}

async fn two_members_share_the_work(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let _a = world.member(&transport, Recorder::new("a")).await;
    let _b = world
        .member(&world.another(&transport).await, Recorder::new("b"))
        .await;
    let people = world.people(12).await;
    eventually("both have applied something", async || {
        for user_id in &people {
            world.five(user_id).await;
        }
        world.members().await.len() == 2
    })
    .await;
    world.each_is_applied_once_in_order(&people).await;
}

async fn a_member_joins_and_leaves_under_load(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let _a = world.member(&transport, Recorder::new("a")).await;
    let people = world.people(12).await;
    let load = async |until: &str| {
        eventually(until, async || {
            for user_id in &people {
                world.five(user_id).await;
            }
            world.members().await.contains(until)
        })
        .await;
    };
    load("a").await;
    let b = world
        .member(&world.another(&transport).await, Recorder::new("b"))
        .await;
    load("b").await;
    let stopping = tokio::spawn(b.stop());
    while !stopping.is_finished() {
        for user_id in &people {
            world.five(user_id).await;
        }
    }
    let c = world
        .member(&world.another(&transport).await, Recorder::new("c"))
        .await;
    load("c").await;
    c.abort().await;
    world.each_is_applied_once_in_order(&people).await;
}

async fn late_and_repeated_events_are_dropped(stack: Stack) {
    let world = World::new(stack).await;
    let (transport, hand_out) = Script::write();
    let _member = world.member(&transport, Recorder::new("a")).await;
    let ada = world.person().await;
    let e = [world.five(&ada).await, world.five(&ada).await].concat();
    let batches: [&[usize]; 6] = [
        &[2, 0, 1, 0],
        &[1],
        &[4, 3, 3],
        &[0, 1, 2, 3, 4, 5],
        &[5],
        &[4],
    ];
    for batch in batches {
        hand_out
            .send(batch.iter().map(|&i| e[i].clone()).collect())
            .unwrap();
    }
    hand_out.send(e[6..].to_vec()).unwrap();
    eventually("all ten", async || world.recorded(&ada).await.len() >= 10).await;
    assert_eq!(world.recorded(&ada).await, Vec::from_iter(1..=10));
}

async fn a_gap_is_filled_from_the_event_store(stack: Stack) {
    let world = World::new(stack).await;
    let (transport, hand_out) = Script::write();
    let _member = world.member(&transport, Recorder::new("a")).await;
    let (ada, bob) = (world.person().await, world.person().await);
    let mut e = world.five(&ada).await;
    for _ in 0..120 {
        e.extend(world.five(&ada).await);
    }
    let b = world.five(&bob).await;
    // More than a page is missing before the last; and Bob's second has a number that does not exist.
    hand_out
        .send(vec![e[604].clone(), b[0].clone(), numbered(&b[1], 99)])
        .unwrap();
    eventually("605 events", async || {
        world.recorded(&ada).await.len() >= 605
    })
    .await;
    assert_eq!(world.recorded(&ada).await, Vec::from_iter(1..=605));
    hand_out.send(vec![e[3].clone(), b[4].clone()]).unwrap();
    eventually("Bob's", async || world.recorded(&bob).await.len() >= 5).await;
    assert_eq!(world.recorded(&bob).await, Vec::from_iter(1..=5));
    assert_eq!(world.recorded(&ada).await.len(), 605);
}

async fn a_failing_event_delays_its_person_only(stack: Stack) {
    let world = World::new(stack).await;
    let spy = Spy::on(world.transport().await, false);
    let transport = spy.clone() as _;
    let _relay = world.relay(&transport).await;
    let recorder = Recorder::new("a");
    let people = world.people(3).await;
    recorder.failing.lock().unwrap().insert(people[0].clone());
    let member = world.member(&transport, recorder.clone()).await;
    for _ in 0..3 {
        for user_id in &people {
            world.five(user_id).await;
        }
        eventually("the others' are applied", async || {
            world.recorded(&people[1]).await.len() % 5 == 0
                && world.recorded(&people[2]).await.len() % 5 == 0
        })
        .await;
    }
    eventually("the others' are all applied", async || {
        world.recorded(&people[1]).await.len() + world.recorded(&people[2]).await.len() == 30
    })
    .await;
    assert_eq!(
        world.recorded(&people[0]).await,
        Vec::<i64>::new(),
        "nothing of a failure stays"
    );
    // It dies: what waited in its memory has to come again.
    member.abort().await;
    recorder.failing.lock().unwrap().clear();
    let _member = world.member(&transport, recorder.clone()).await;
    world.each_is_applied_once_in_order(&people).await;

    // And without dying, by trying again.
    recorder.failing.lock().unwrap().insert(people[1].clone());
    world.five(&people[1]).await;
    world.five(&people[2]).await;
    eventually("the other's are applied", async || {
        world.recorded(&people[2]).await.len() == 25
    })
    .await;
    recorder.failing.lock().unwrap().clear();
    world.each_is_applied_once_in_order(&people).await;
    assert!(spy.stored.load(Ordering::SeqCst) > 0);
}

async fn from_the_newest_means_from_now_on(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let _relay = world.relay(&transport).await;
    let ada = world.person().await;
    world.five(&ada).await;
    world.everything_is_marked().await;
    let mut first = transport
        .subscribe("live-1", EventType::ALL, Start::Latest)
        .await
        .unwrap();
    let mut second = transport
        .subscribe("live-2", EventType::ALL, Start::Latest)
        .await
        .unwrap();
    world.five(&ada).await;
    for subscription in [&mut first, &mut second] {
        let mut seqs: Vec<i64> = next(subscription.as_mut(), 5)
            .await
            .iter()
            .map(|event| event.seq.0)
            .collect();
        seqs.sort();
        assert_eq!(seqs, [6, 7, 8, 9, 10]);
    }
}

async fn a_fenced_relay_marks_nothing(stack: Stack) {
    let world = World::new(stack).await;
    let spy = Spy::on(world.transport().await, false);
    let ada = world.person().await;
    spy.open.send_replace(false);
    let first = world.relay(&(spy.clone() as _)).await;
    world.five(&ada).await;
    eventually("the first is publishing", async || {
        spy.publishing.load(Ordering::SeqCst) == 1
    })
    .await;

    // To the others it looks dead, while it only waits for its transport.
    world
        .execute("update leases set expires_at = 1 where expires_at > 0")
        .await;
    let second = world.relay(&world.transport().await).await;
    eventually("the second took over", async || {
        world
            .execute("update leases set expires_at = 1 where fence = 1")
            .await;
        world.number("select fence from leases").await == 2
    })
    .await;
    world.everything_is_marked().await;
    let newest = world.number("select max(published_at) from events").await;
    spy.open.send_replace(true);
    world.five(&ada).await;
    world.everything_is_marked().await;
    world.the_log_is_dense_and_ordered().await;
    assert_eq!(
        world
            .number("select max(published_at) from events where seq <= 5")
            .await,
        newest
    );
    assert_eq!(world.number("select fence from leases").await, 2);

    // The first is a follower now, and takes its turn when the second ends.
    second.stop().await;
    world.five(&ada).await;
    world.everything_is_marked().await;
    assert_eq!(world.number("select fence from leases").await, 3);
    world.the_log_is_dense_and_ordered().await;
    first.stop().await;
}

async fn a_relay_that_stops_is_succeeded_at_once(stack: Stack) {
    let world = World::new(stack).await;
    let transport = world.transport().await;
    let first = world.relay(&transport).await;
    eventually("the first relays", async || {
        world
            .number("select count(*) from leases where fence = 1")
            .await
            == 1
    })
    .await;
    let second = world.relay(&world.transport().await).await;
    let ada = world.person().await;
    world.five(&ada).await;
    world.everything_is_marked().await;
    first.stop().await;
    // Given up, or taken already: nobody has to wait until it ends by itself.
    let held = "select count(*) from leases where fence = 1 and expires_at > 0";
    assert_eq!(world.number(held).await, 0);
    world.five(&ada).await;
    world.everything_is_marked().await;
    assert_eq!(world.number("select fence from leases").await, 2);
    second.stop().await;
}

async fn dies_between_publishing_and_marking(stack: Stack) {
    dies_at(stack, "relay:after-publish:3").await;
}

async fn dies_between_marking_and_the_next_batch(stack: Stack) {
    dies_at(stack, "relay:after-mark:3").await;
}

async fn dies_between_effects_and_offset(stack: Stack) {
    dies_at(stack, "consumer:activity:after-commit:3").await;
}

/// The real program dies at `label`; started again, it has every event in the feed once, in order.
async fn dies_at(stack: Stack, label: &str) {
    let world = World::new(stack).await;
    let mut process = Process::start(&world.place, None, &[("TODO_CRASH_AT", label)]).await;
    let people = world.people(4).await;
    let mut events = 0;
    eventually("it dies", async || {
        for user_id in &people {
            events += world.five(user_id).await.len() as i64;
        }
        process.child.try_wait().unwrap().is_some()
    })
    .await;
    let _process = Process::start(&world.place, None, &[]).await;
    for more in 0..2 {
        eventually("every event is in the feed", async || {
            world.number("select count(*) from activity").await == events
        })
        .await;
        world.everything_is_marked().await;
        world.the_log_is_dense_and_ordered().await;
        if more == 0 {
            // An event applied twice would violate the feed's key, and hold up what comes next.
            for user_id in &people {
                events += world.five(user_id).await.len() as i64;
            }
        }
    }
}

async fn next(subscription: &mut dyn Subscription, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        let batch = tokio::time::timeout(crate::support::PATIENCE, subscription.next_batch());
        let batch = batch.await.expect("events in time").unwrap();
        events.extend(batch.events.into_iter().filter_map(|d| d.event));
    }
    events
}
