//! The feed: filters, their pages, and what happened while one was away.

use crate::on_both_stacks;
use crate::support::{App, Person, Place, Stack, eventually, problem};
use app::accounts::Zone;
use app::activity::{Asked, Entry, Feed};
use app::db::{now, to_micros};
use app::id::UserId;
use chrono::TimeDelta;
use server::config::Role;

on_both_stacks!(
    filters_let_through_what_they_say_page_by_page,
    the_page_of_a_filter_leads_on,
    a_list_has_the_lines_of_its_tasks,
    a_list_tells_when_there_is_something_new,
    lists_are_there_of_tasks_that_are_older_than_they_are,
    what_no_filter_can_be_is_refused_in_words,
    who_comes_back_hears_what_happened_once,
    one_s_own_changes_are_no_news,
);

/// Who has an account, by number.
async fn user_id(app: &App, person: &Person) -> UserId {
    let id = sqlx::query_scalar("select user_id from users where email = $1");
    let id: String = id
        .bind(&person.email)
        .fetch_one(app.server.db.pool())
        .await
        .unwrap();
    UserId(id)
}

/// Runs SQL with `user_id` as its first parameter.
async fn sql(app: &App, sql: &'static str, user_id: &UserId, number: i64) {
    let user_id = user_id.0.clone();
    app.server
        .db
        .write::<_, sqlx::Error, _>(move |tx| {
            Box::pin(async move {
                let query = sqlx::query(sql).bind(user_id).bind(number);
                query.execute(&mut **tx).await.map(|_| ())
            })
        })
        .await
        .unwrap();
}

/// Waits until the feed tells of everything up to `seq`.
async fn told(person: &Person, seq: i64) {
    eventually("the feed tells of it", async || {
        older(person, i64::MAX, "").await.seq.0 >= seq
    })
    .await;
}

async fn older(person: &Person, before: i64, filter: &str) -> Feed {
    let form = [
        ("before", before.to_string()),
        ("filter", filter.to_owned()),
    ];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = person.post("/api/activity/older", &form).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

/// Every line, page by page.
async fn all(person: &Person, filter: &str) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let before = all.last().map_or(i64::MAX, |entry| entry.seq.0);
        let page = older(person, before, filter).await;
        assert!(page.entries.len() == 50 || !page.more, "pages are full");
        all.extend(page.entries);
        if !page.more {
            return all;
        }
    }
}

/// Lines of half a year, every fourth of somebody else's, as if they had been told.
async fn half_a_year(app: &App, user_id: &UserId) {
    let user_id = user_id.clone();
    let insert = app.server.db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move {
            let kinds = ["task.created", "task.updated", "task.completed"];
            for seq in 2..400_i64 {
                let other = UserId("user-other".into());
                let actor = if seq % 4 == 0 { &other } else { &user_id };
                let at = now() - TimeDelta::minutes((400 - seq) * 11 * 60);
                sqlx::query(
                    "insert into activity (user_id, seq, event_type, actor_id, task_id, title, \
                     changes, occurred_at) values ($1, $2, $3, $4, $5, 'Milk', '{}', $6)",
                )
                .bind(&user_id.0)
                .bind(seq)
                .bind(kinds[(seq % 3) as usize])
                .bind(&actor.0)
                .bind(seq / 5)
                .bind(to_micros(at))
                .execute(&mut **tx)
                .await?;
            }
            Ok(())
        })
    });
    insert.await.unwrap();
}

async fn filters_let_through_what_they_say_page_by_page(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, grace) = (app.person().await, app.person().await);
    told(&ada, 1).await;
    let me = user_id(&app, &ada).await;
    half_a_year(&app, &me).await;
    assert_eq!(
        ada.post("/api/accounts/zone", &[("zone", "Pacific/Auckland")])
            .await
            .status(),
        200
    );
    let zone = Zone::parse("Pacific/Auckland").unwrap();
    let whole = all(&ada, "").await;
    assert_eq!(whole.len(), 399);
    let day = whole[77].at.with_timezone(&chrono_tz::Pacific::Auckland);
    let day = format!("day={}", day.date_naive());
    let kind = "kind=task.completed".to_owned();
    let both = |one: &str, other: &str| format!("{one}&{other}");
    let mut sizes = Vec::new();
    for filter in [
        "by=you".to_owned(),
        "by=others".into(),
        kind.clone(),
        day.clone(),
        both("by=you", &kind),
        both("by=others", &day),
        both(&both("by=you", &kind), &day),
        "day=2001-01-01".into(),
        "kind=user.registered".into(),
    ] {
        let wanted = Asked::of(&filter).read(zone).unwrap();
        let expected: Vec<&Entry> = whole.iter().filter(|e| wanted.admits(e, &me)).collect();
        let found = all(&ada, &filter).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter}");
        sizes.push(found.len());
    }
    assert_eq!(sizes[..3], [300, 99, 133]);
    assert!(
        sizes[3] >= 2 && sizes[3] <= 3,
        "a day of lines 11 hours apart"
    );
    assert_eq!(sizes[7..], [0, 1]);
    // Nobody filters somebody else's.
    assert_eq!(all(&grace, "by=others").await, []);
}

async fn the_page_of_a_filter_leads_on(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    told(&ada, 1).await;
    half_a_year(&app, &user_id(&app, &ada).await).await;
    let page = async |path: &str| {
        let answer = ada.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    };
    let first = page("/feed?by=you&kind=task.completed&day=").await;
    let link = first
        .split("href=\"")
        .find(|rest| rest.starts_with("/feed?by=you"));
    let link = link
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    assert!(
        link.starts_with("/feed?by=you&kind=task.completed&before="),
        "{link}"
    );
    for part in [
        "<option value=\"you\" selected",
        "<option value=\"task.completed\" selected",
        "<details open class=\"filter\"",
        "Show everything",
    ] {
        assert!(first.contains(part), "{part}");
    }
    let second = page(&link).await;
    assert!(second.contains("href=\"/feed?by=you&amp;kind=task.completed\">Back to the newest"));
    let nothing = page("/feed?day=2001-01-01").await;
    assert!(nothing.contains("Nothing like this has happened."));
    let whole = page("/feed").await;
    assert!(
        !whole.contains("Show everything") && !whole.contains("<details open class=\"filter\"")
    );
}

/// What the lines of a list say, the newest first.
async fn listed(person: &Person, list: &str) -> Vec<(String, String)> {
    let lines = all(person, &format!("list={list}")).await.into_iter();
    let line = |entry: Entry| (entry.event_type.as_str().to_owned(), entry.title);
    lines.map(line).collect()
}

/// Waits until these are the lines of a list.
async fn lists(person: &Person, list: &str, expected: &[(&str, &str)]) {
    let same =
        |line: (&(String, String), &(&str, &str))| line.0.0 == line.1.0 && line.0.1 == line.1.1;
    eventually(&format!("{list} has {expected:?}"), async || {
        let lines = listed(person, list).await;
        lines.len() == expected.len() && lines.iter().zip(expected).all(same)
    })
    .await;
}

async fn a_list_has_the_lines_of_its_tasks(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, bob) = (app.person().await, app.person().await);
    told(&ada, 1).await;
    let page = async |path: &str| ada.get(path).await.text().await.unwrap();
    assert!(
        !page("/feed").await.contains("name=\"list\""),
        "nothing to choose from"
    );

    bob.creates("Gold #safe #home").await;
    ada.creates("Milk").await;
    let task_id = ada.task("Paint #Café").await;
    let id = ("task_id", task_id.as_str());
    ada.does("/api/tasks/complete", &[id]).await;
    let (added, done, edited) = ("task.created", "task.completed", "task.updated");
    lists(
        &ada,
        "cafe",
        &[(done, "Paint #Café"), (added, "Paint #Café")],
    )
    .await;
    lists(
        &ada,
        "CAFE%CC%81&kind=task.created",
        &[(added, "Paint #Café")],
    )
    .await;
    lists(&ada, "caf", &[]).await;
    // Nobody sees another person's.
    lists(&ada, "safe", &[]).await;
    let first = page("/feed?by=&kind=&list=CAF%C3%89&day=").await;
    for part in [
        "<option value=\"cafe\" selected>Café</option>",
        "<details open class=\"filter\"",
        "Paint #Café",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(!first.contains("safe"));
    assert!(
        page("/feed")
            .await
            .contains("<option value=\"cafe\">Café</option>")
    );

    // A task moves with all of its lines; its notes may name a list as well.
    let moved = [
        id,
        ("title", "Paint"),
        ("description", "#garden, #\"front door\""),
    ];
    ada.does("/api/tasks/edit", &moved).await;
    let lines = [
        (edited, "Paint"),
        (done, "Paint #Café"),
        (added, "Paint #Café"),
    ];
    lists(&ada, "garden", &lines).await;
    lists(&ada, "front-door", &lines).await;
    lists(&ada, "cafe", &[]).await;
    let first = page("/feed?list=cafe").await;
    for part in [
        "Nothing like this has happened.",
        // Kept in an address; the others are to choose from.
        "<option value=\"cafe\" selected>cafe</option>",
        "<option value=\"front door\">front door</option>",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }

    // What is deleted is told of in its list, and so is what comes after.
    ada.does("/api/tasks/delete", &[id]).await;
    let deleted = [&[("task.deleted", "Paint")], &lines[..]].concat();
    lists(&ada, "garden", &deleted).await;
    ada.does("/api/tasks/restore", &[id]).await;
    let restored = [&[("task.restored", "Paint")], &deleted[..]].concat();
    lists(&ada, "garden", &restored).await;
    ada.does("/api/tasks/delete", &[id]).await;
    let purged = [("task_ids[0]", task_id.as_str())];
    assert!(
        ada.post("/api/trash/purge", &purged)
            .await
            .status()
            .is_success()
    );
    eventually("it is gone for good, and told of", async || {
        listed(&ada, "garden").await.len() == restored.len() + 2
    })
    .await;
    let refused = ada.get("/feed?list=%21").await;
    assert_eq!(refused.status(), 422);
    assert!(
        refused
            .text()
            .await
            .unwrap()
            .contains("Choose one of your lists. Everything is shown.")
    );
}

async fn a_list_tells_when_there_is_something_new(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, bob) = (app.person().await, app.person().await);
    let task_id = ada.task("Rent #home").await;
    lists(&ada, "home", &[("task.created", "Rent #home")]).await;
    let page = async |person: &Person, path: &str| {
        let answer = person.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    };
    // The browser lets nothing in by itself, and asks instead.
    let first = page(&ada, "/feed?list=home&by=you").await;
    let path = "data-live=\"/feed/newer?since=2&amp;by=you&amp;list=home\" data-seq=\"2\"";
    for part in [
        path,
        "src=\"/live.js\"",
        "\"until\":\"1970-01-01T00:00:00Z\"",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(!first.contains("class=\"pill\""));
    for path in ["/feed", "/feed?by=you", "/feed?list=home&before=9"] {
        let other = page(&ada, path).await;
        assert!(
            !other.contains("data-live") && !other.contains("live.js"),
            "{path}"
        );
    }
    let newer = "/feed/newer?since=2&by=you&list=home";
    ada.creates("Milk #shop").await;
    eventually("what is in no list of these is passed over", async || {
        page(&ada, newer).await.contains("data-seq=\"3\"")
    })
    .await;
    assert!(!page(&ada, newer).await.contains("class=\"pill\""));
    ada.does("/api/tasks/complete", &[("task_id", &task_id)])
        .await;
    ada.creates("Water the plants #Home").await;
    eventually("both are told", async || {
        page(&ada, newer).await.contains("data-seq=\"5\"")
    })
    .await;
    let two = page(&ada, newer).await;
    let pill = "<a href=\"/feed?by=you&amp;list=home\" class=\"pill\">";
    assert!(two.contains(pill) && two.contains("2 new"), "{two}");
    assert!(
        !page(&ada, "/feed/newer?since=5&list=home")
            .await
            .contains("class=\"pill\"")
    );
    assert!(
        !page(&bob, "/feed/newer?since=0&list=home")
            .await
            .contains("class=\"pill\"")
    );
    let guest = Person::new(app.addr, String::new());
    assert_eq!(guest.get(newer).await.status(), 302);
}

/// As it is where the application ran before there was a consumer for lists: everything is published.
async fn lists_are_there_of_tasks_that_are_older_than_they_are(stack: Stack) {
    let place = Place::new(stack).await;
    let (web, relay) = (place.part(Role::Web).await, place.part(Role::Relay).await);
    let ada = Person::register(web.addr.unwrap()).await;
    let gone = ada.task("Gone #home").await;
    ada.creates("Rent #home").await;
    ada.does("/api/tasks/delete", &[("task_id", &gone)]).await;
    eventually("everything is published", async || {
        let left = "select count(*) from events where published_at is null";
        let left: i64 = sqlx::query_scalar(left)
            .fetch_one(web.db.pool())
            .await
            .unwrap();
        left == 0
    })
    .await;
    for part in [relay, web] {
        part.stop().await;
    }
    let app = App::start_in(place).await;
    let ada = ada.elsewhere_at(app.addr).await;
    let expected = [
        ("task.deleted", "Gone #home"),
        ("task.created", "Rent #home"),
        ("task.created", "Gone #home"),
    ];
    lists(&ada, "home", &expected).await;
}

async fn what_no_filter_can_be_is_refused_in_words(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    ada.creates("Milk").await;
    told(&ada, 2).await;
    for (query, words, again) in [
        (
            "by=her",
            "Choose between you and others.",
            "name=\"by\" aria-invalid",
        ),
        (
            "kind=tea",
            "There is no such kind of change.",
            "name=\"kind\" aria-invalid",
        ),
        (
            "day=tomorrow",
            "Write the day as year, month and day",
            "value=\"tomorrow\"",
        ),
    ] {
        let page = ada.get(&format!("/feed?{query}")).await;
        assert_eq!(page.status(), 422, "{query}");
        let page = page.text().await.unwrap();
        for part in [words, again, "Everything is shown.", "Milk"] {
            assert!(page.contains(part), "{query}: {part}");
        }
        let form = [("before", "10"), ("filter", query)];
        let refused = problem(ada.post("/api/activity/older", &form).await).await;
        assert_eq!(refused["status"], 422, "{query}");
        assert!(
            refused["detail"].as_str().unwrap().contains(words),
            "{query}"
        );
    }
    // What is typed into the address is text.
    let page = ada
        .get("/feed?day=%22%3E%3Cb%3E")
        .await
        .text()
        .await
        .unwrap();
    assert!(!page.contains("\"><b>"));
    let page = ada.get("/feed?day=\"><b>").await;
    assert!(!page.text().await.unwrap().contains("\"><b>"));
}

const AWAY: &str = "While you were away";

/// How far the feed was seen, and when.
async fn seen(app: &App, user_id: &UserId) -> Option<(i64, i64)> {
    let row = sqlx::query_as("select seq, seen_at from feed_seen where user_id = $1");
    let row = row.bind(&user_id.0).fetch_optional(app.server.db.pool());
    row.await.unwrap()
}

/// As if the person had last looked so many minutes ago, when there were no lines after `seq`.
async fn leave(app: &App, user_id: &UserId, seq: i64, minutes: i64) {
    let at = to_micros(now() - TimeDelta::minutes(minutes));
    sql(
        app,
        "update feed_seen set seen_at = $2 where user_id = $1",
        user_id,
        at,
    )
    .await;
    sql(
        app,
        "update feed_seen set seq = $2 where user_id = $1",
        user_id,
        seq,
    )
    .await;
}

/// Waits until it is noted that the person has just looked.
async fn looked(app: &App, user_id: &UserId) {
    let soon = to_micros(now() - TimeDelta::seconds(50));
    eventually("it is noted", async || {
        seen(app, user_id).await.is_some_and(|(_, at)| at > soon)
    })
    .await;
}

/// As if everything in the feed had happened so many minutes ago.
async fn long_ago(app: &App, user_id: &UserId, minutes: i64) {
    let at = to_micros(now() - TimeDelta::minutes(minutes));
    sql(
        app,
        "update activity set occurred_at = $2 where user_id = $1",
        user_id,
        at,
    )
    .await;
}

async fn home(person: &Person) -> String {
    person.get("/").await.text().await.unwrap()
}

async fn who_comes_back_hears_what_happened_once(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, grace) = (app.person().await, app.person().await);
    told(&ada, 1).await;
    let me = user_id(&app, &ada).await;
    assert!(!home(&ada).await.contains(AWAY), "the first time");
    eventually("it is noted", async || seen(&app, &me).await.is_some()).await;
    assert_eq!(seen(&app, &me).await.unwrap().0, 1);

    for title in ["Milk", "Bread"] {
        ada.creates(title).await;
    }
    told(&ada, 3).await;
    long_ago(&app, &me, 20).await;
    leave(&app, &me, 1, 30).await;
    // Until somebody says that they have it before their eyes.
    for _ in 0..2 {
        let page = home(&ada).await;
        let part = page.split("aria-labelledby=\"away\"").nth(1).expect(AWAY);
        let part = part.split("</section>").next().unwrap();
        for words in [
            AWAY,
            "In your name, from elsewhere",
            "2 added",
            "value=\"3\"",
            "Since",
        ] {
            assert!(part.contains(words), "{words}: {part}");
        }
        assert!(!part.contains("By others"));
    }
    assert!(!home(&grace).await.contains(AWAY), "it is nobody else's");
    // A form without JavaScript leads back.
    let dismissed = ada
        .client
        .post(ada.url("/api/activity/seen"))
        .header("origin", ada.url(""))
        .header("accept", "text/html")
        .header("referer", ada.url("/feed"))
        .form(&[("seq", "3")])
        .send()
        .await
        .unwrap();
    assert_eq!(dismissed.status(), 303);
    assert_eq!(dismissed.headers()["location"], "/feed");
    assert_eq!(seen(&app, &me).await.unwrap().0, 3);
    leave(&app, &me, 3, 30).await;
    assert!(!home(&ada).await.contains(AWAY), "it does not come back");
    looked(&app, &me).await;

    // Somebody else's changes are told however new they are.
    sql(
        &app,
        "insert into activity (user_id, seq, event_type, actor_id, title, changes, occurred_at) \
         values ($1, 4, 'dead_letter.discarded', 'user-admin', '', '{}', $2)",
        &me,
        to_micros(now()),
    )
    .await;
    sql(
        &app,
        "update consumer_progress set last_seq = $2 where consumer = 'activity' and user_id = $1",
        &me,
        4,
    )
    .await;
    leave(&app, &me, 3, 30).await;
    let page = home(&ada).await;
    assert!(
        page.contains("By others") && page.contains("1 discarded a dead letter"),
        "{page}"
    );
}

async fn one_s_own_changes_are_no_news(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    told(&ada, 1).await;
    let me = user_id(&app, &ada).await;
    home(&ada).await;
    eventually("it is noted", async || seen(&app, &me).await.is_some()).await;
    ada.creates("Milk").await;
    told(&ada, 2).await;
    // A minute later, in another window. Logging in is an event that the feed passes over.
    leave(&app, &me, 1, 1).await;
    let other = ada.elsewhere().await;
    told(&ada, 3).await;
    assert!(!home(&other).await.contains(AWAY));
    looked(&app, &me).await;
    // Long since the last look, but it was just now that they did it.
    leave(&app, &me, 1, 30).await;
    assert!(!home(&other).await.contains(AWAY));
    eventually("it is noted", async || {
        seen(&app, &me).await.is_some_and(|(seq, _)| seq == 3)
    })
    .await;

    // A window has shown everything up to now, and none shows less than before or more than there is.
    let before = seen(&app, &me).await.unwrap();
    for (form, seq) in [
        (&[][..], 3),
        (&[("seq", "1")], 3),
        (&[("seq", "-7")], 3),
        (&[("seq", "99")], 3),
    ] {
        assert_eq!(ada.post("/api/activity/seen", form).await.status(), 200);
        let after = seen(&app, &me).await.unwrap();
        assert_eq!(after.0, seq, "{form:?}");
        assert!(after.1 >= before.1);
    }
    let guest = Person::new(app.addr, String::new());
    assert_eq!(guest.post("/api/activity/seen", &[]).await.status(), 401);
}
