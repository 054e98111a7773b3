//! Finding tasks again: over HTTP, with an index that may be lost, damaged, old or killed.

use crate::on_both_stacks;
use crate::support::{App, PASSWORD, PATIENCE, Person, Place, Process, Stack, eventually, problem};
use app::accounts::Zone;
use app::db::now;
use chrono::{Days, NaiveDate};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

on_both_stacks!(
    what_is_typed_finds_tasks,
    scripts_and_accents_make_no_difference,
    titles_come_first_then_what_is_open_then_what_is_newer,
    filters_phrases_and_what_is_left_out,
    lists_labels_and_days_are_found_as_tasks_say_them,
    days_are_those_of_the_person_s_zone,
    a_task_is_in_the_lists_it_names_now,
    changes_are_found_and_what_is_gone_is_not,
    people_find_their_own_tasks_only,
    what_cannot_be_asked_is_refused_in_words,
    the_page_shows_what_it_found,
    an_index_is_built_anew_while_the_old_one_serves,
    an_index_from_before_there_were_lists_is_built_anew,
    a_lost_or_damaged_index_is_built_again,
    kill_9_while_indexing_loses_nothing,
    a_replay_changes_nothing,
);

async fn search(person: &Person, q: &str) -> Value {
    let url = person.url("/api/search");
    let answer = person.client.get(url).query(&[("q", q)]).send().await;
    let answer = answer.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{q}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Somebody who has an account, at a process that may have been started since.
async fn at(addr: SocketAddr, email: &str) -> Person {
    let person = Person::new(addr, email.into());
    let form = [("email", email), ("password", PASSWORD)];
    assert_eq!(
        person.post("/api/accounts/login", &form).await.status(),
        200
    );
    person
}

fn text(segments: &Value) -> String {
    let parts = segments.as_array().unwrap().iter();
    parts.map(|part| part["text"].as_str().unwrap()).collect()
}

fn titles(found: &Value) -> Vec<String> {
    let hits = found["hits"].as_array().unwrap().iter();
    hits.map(|hit| text(&hit["title"])).collect()
}

/// Waits until exactly these are found, in this order.
async fn finds(person: &Person, q: &str, expected: &[&str]) {
    let mut last = Vec::new();
    let expected: Vec<String> = expected.iter().map(|&title| title.into()).collect();
    let found = async {
        eventually("found", async || {
            let found = search(person, q).await;
            last = titles(&found);
            last == expected && found["total"] == expected.len()
        })
        .await;
    };
    if tokio::time::timeout(PATIENCE * 3 / 4, found).await.is_err() {
        panic!("{q}: {last:?} instead of {expected:?}");
    }
}

/// Everything created before is in the index.
async fn settled(person: &Person) {
    person.creates("zzz settled").await;
    eventually("settled", async || {
        titles(&search(person, "zzz").await).len() == 1
    })
    .await;
    let found = search(person, "zzz").await;
    let task_id = found["hits"][0]["task_id"].to_string();
    person
        .does("/api/tasks/delete", &[("task_id", &task_id)])
        .await;
}

async fn describes(person: &Person, title: &str, description: &str) -> String {
    let task_id = person.task(title).await;
    let form = [
        ("task_id", task_id.as_str()),
        ("title", title),
        ("description", description),
    ];
    person.does("/api/tasks/edit", &form).await;
    task_id
}

async fn what_is_typed_finds_tasks(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    ada.creates("Buy groceries").await;
    describes(&ada, "Call the bank", "Ask about the mortgage\nand the fee").await;
    ada.creates("Send e-mails").await;
    for (q, expected) in [
        ("groceries", "Buy groceries"),
        ("gro", "Buy groceries"),
        ("g", "Buy groceries"),
        ("BUY gro", "Buy groceries"),
        ("grocereis", "Buy groceries"),
        ("grocries", "Buy groceries"),
        ("bannk", "Call the bank"),
        ("mortgage call", "Call the bank"),
        ("mortg", "Call the bank"),
        ("e-mai", "Send e-mails"),
        ("email", "Send e-mails"),
    ] {
        match q {
            // A word in two parts is not the word in one.
            "email" => finds(&ada, q, &[]).await,
            _ => finds(&ada, q, &[expected]).await,
        }
    }
    // Two letters have no typing errors.
    finds(&ada, "bz", &[]).await;
    finds(&ada, "groceries bank", &[]).await;
    let found = search(&ada, "mortgage").await;
    assert_eq!(text(&found["hits"][0]["line"]), "Ask about the mortgage");
    let marked: Vec<&str> = found["hits"][0]["line"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|part| part["marked"] == true)
        .map(|part| part["text"].as_str().unwrap())
        .collect();
    assert_eq!(marked, ["mortgage"]);
}

async fn scripts_and_accents_make_no_difference(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let tasks = [
        "Crème brûlée für Łódź",
        "Купить молоко и ёлку",
        "Να αγοράσω γάλα",
        "買い物に行く",
        "장보기 한국어 공부",
        "ซื้อนมพรุ่งนี้",
        "شراء الحَلِيب",
        "दूध खरीदना",
    ];
    for title in tasks {
        ada.creates(title).await;
    }
    for (q, n) in [
        ("creme brulee", 0),
        ("lodz FUR", 0),
        ("crème", 0),
        ("молок", 1),
        ("МОЛОКО", 1),
        ("елку", 1),
        ("молокл", 1),
        ("αγορασω", 2),
        ("ΓΑΛΑ", 2),
        ("買い物", 3),
        ("物に", 3),
        ("行", 3),
        ("한국", 4),
        ("ㅎ", 4),
        ("นม", 5),
        ("الحليب", 6),
        ("दूध", 7),
    ] {
        finds(&ada, q, &[tasks[n]]).await;
    }
    finds(&ada, "物買", &[]).await;
}

async fn titles_come_first_then_what_is_open_then_what_is_newer(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    describes(&ada, "In the notes", "apples").await;
    let done = ada.task("apples, done").await;
    ada.does("/api/tasks/complete", &[("task_id", &done)]).await;
    ada.creates("apples, older").await;
    ada.creates("apples, newer").await;
    ada.creates("applesauce").await;
    ada.creates("applse").await;
    let expected = [
        "apples, newer",
        "apples, older",
        "apples, done",
        "applesauce",
        "applse",
        "In the notes",
    ];
    finds(&ada, "apples", &expected).await;
}

async fn filters_phrases_and_what_is_left_out(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    ada.creates("warm milk").await;
    ada.creates("milk, warm").await;
    let done = ada.task("cold milk").await;
    ada.does("/api/tasks/complete", &[("task_id", &done)]).await;
    finds(&ada, "milk is:done", &["cold milk"]).await;
    finds(&ada, "milk is:open", &["milk, warm", "warm milk"]).await;
    finds(&ada, "-is:open", &["cold milk"]).await;
    finds(&ada, "\"warm milk\"", &["warm milk"]).await;
    finds(&ada, "\"warm mil\"", &[]).await;
    finds(&ada, "\"warm mil", &["warm milk"]).await;
    finds(&ada, "milk -warm", &["cold milk"]).await;
    finds(&ada, "milk -\"warm milk\"", &["milk, warm", "cold milk"]).await;
    finds(&ada, "-milk", &[]).await;
    finds(&ada, "is:done is:open", &[]).await;
    let found = search(&ada, "milk list:home due:soon").await;
    assert_eq!(found["total"], 0);
    assert!(found["notes"][0].as_str().unwrap().contains("due:soon"));
    let found = search(&ada, "milk list:home label:phone").await;
    assert_eq!(found["total"], 0);
    assert_eq!(
        found["notes"][0],
        "No task is in the list home: none says #home."
    );
    assert_eq!(found["notes"].as_array().unwrap().len(), 2);
    finds(&ada, "cold -label:x", &["cold milk"]).await;
    finds(&ada, "", &[]).await;
}

async fn lists_labels_and_days_are_found_as_tasks_say_them(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, bob) = (app.person().await, app.person().await);
    let done = ada.task("Pay 2020-01-01 #home @phone").await;
    ada.does("/api/tasks/complete", &[("task_id", &done)]).await;
    let late = "Call 2020-01-02 #HOME @Phone";
    ada.creates(late).await;
    let cafe = describes(
        &ada,
        "Drink 2999-12-31",
        "In the #Cafe\u{301} or #\"At home\"",
    )
    .await;
    let plain = "Issue #12 for ada@example.com";
    ada.creates(plain).await;
    bob.creates("Steal 2020-01-01 #home #safe @phone").await;
    settled(&ada).await;
    let (paid, drink) = ("Pay 2020-01-01 #home @phone", "Drink 2999-12-31");
    for (q, expected) in [
        ("list:home", &[late, paid][..]),
        ("list:HOME is:open", &[late]),
        ("LIST:home -is:open", &[paid]),
        ("list:#home call", &[late]),
        ("list:hom", &[]),
        ("list:home list:cafe", &[]),
        ("list:CAFÉ", &[drink]),
        ("list:\"at home\" list:at-home", &[drink]),
        ("label:phone", &[late, paid]),
        ("-label:phone", &[plain, drink]),
        ("-list:home -list:cafe", &[plain]),
        ("list:12", &[]),
        ("label:example", &[]),
        ("due:2020-01-02", &[late]),
        ("due:overdue", &[late]),
        ("-due:overdue", &[plain, drink, paid]),
        ("due:<2020-01-03", &[late, paid]),
        ("due:<=2020-01-01", &[paid]),
        ("due:>2020-01-02", &[drink]),
        ("due:>=2020-01-02 -due:2020-01-02", &[drink]),
        ("due:>today", &[drink]),
        ("due:week", &[]),
        ("due:none", &[plain]),
        ("-due:none label:phone list:home due:<week is:open", &[late]),
    ] {
        finds(&ada, q, expected).await;
    }
    finds(
        &bob,
        "due:overdue list:safe",
        &["Steal 2020-01-01 #home #safe @phone"],
    )
    .await;
    // Nobody hears of another person's lists.
    let found = search(&ada, "list:safe label:phone").await;
    assert_eq!(found["total"], 0);
    let note = "No task is in the list safe: none says #safe.";
    assert_eq!(found["notes"], serde_json::json!([note]));
    // What cannot be read leaves no filter that could pass for one.
    let found = search(&ada, "due:2020-02-30").await;
    let note = found["notes"][0].as_str().unwrap();
    assert!(found["total"] == 0 && note.ends_with("nothing is known of due:2020-02-30."));
    let page = ada.get("/search?q=list%3Asafe").await.text().await.unwrap();
    assert!(page.contains("No task is in the list safe") && page.contains("Start over"));
    ada.does("/api/tasks/delete", &[("task_id", &cafe)]).await;
    finds(&ada, "list:cafe", &[]).await;
}

async fn days_are_those_of_the_person_s_zone(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    // Always on different days: 25 hours apart.
    let day = |zone: &str| {
        let days = Zone::parse(zone).unwrap().day(now());
        NaiveDate::default() + Days::new(days as u64)
    };
    let (east, west) = ("Pacific/Kiritimati", "Pacific/Pago_Pago");
    let live = async |zone: &str| {
        let answer = ada.post("/api/accounts/zone", &[("zone", zone)]).await;
        assert_eq!(answer.status(), 200);
    };
    let today = day(east);
    let (tomorrow, later) = (today + Days::new(1), today + Days::new(6));
    let titles = [today, tomorrow, later].map(|day| format!("On {day}"));
    for title in &titles {
        ada.creates(title).await;
    }
    settled(&ada).await;
    let [on_today, on_tomorrow, on_later] = titles.each_ref().map(String::as_str);
    live(east).await;
    finds(&ada, "due:today", &[on_today]).await;
    finds(&ada, "due:tomorrow", &[on_tomorrow]).await;
    finds(&ada, "due:week", &[on_later, on_tomorrow, on_today]).await;
    finds(&ada, "due:<=today", &[on_today]).await;
    live(west).await;
    finds(&ada, "due:today", &[]).await;
    finds(&ada, "due:>today", &[on_later, on_tomorrow, on_today]).await;
    live(east).await;
    finds(&ada, "due:overdue", &[]).await;
    finds(&ada, "-due:week -due:>week", &[]).await;
}

async fn a_task_is_in_the_lists_it_names_now(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let task_id = ada.task("Paint #home 2020-01-01").await;
    let id = ("task_id", task_id.as_str());
    finds(&ada, "list:home", &["Paint #home 2020-01-01"]).await;
    let moved = [id, ("title", "Paint #garden"), ("description", "@ladder")];
    ada.does("/api/tasks/edit", &moved).await;
    finds(
        &ada,
        "list:garden label:ladder due:none",
        &["Paint #garden"],
    )
    .await;
    finds(&ada, "list:home", &[]).await;
    finds(&ada, "due:overdue", &[]).await;
    ada.does("/api/tasks/delete", &[id]).await;
    finds(&ada, "list:garden", &[]).await;
    ada.does("/api/tasks/restore", &[id]).await;
    finds(&ada, "list:garden label:ladder", &["Paint #garden"]).await;
    // Every index built anew says the same.
    let generation = "update search_clock set generation = generation + 1 where one = 1";
    let rebuild = app.server.db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move { sqlx::query(generation).execute(&mut **tx).await.map(drop) })
    });
    let before = index_folder(&app.place);
    rebuild.await.unwrap();
    eventually("the index is another", async || {
        let folders = index_folders(&app.place);
        folders.len() == 1 && folders[0] != before
    })
    .await;
    finds(&ada, "list:garden label:ladder", &["Paint #garden"]).await;
    finds(&ada, "list:home", &[]).await;
}

async fn changes_are_found_and_what_is_gone_is_not(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let task_id = ada.task("Paint the fence").await;
    let id = ("task_id", task_id.as_str());
    finds(&ada, "fence", &["Paint the fence"]).await;
    let edited = [id, ("title", "Paint the gate"), ("description", "")];
    ada.does("/api/tasks/edit", &edited).await;
    finds(&ada, "gate", &["Paint the gate"]).await;
    finds(&ada, "fence", &[]).await;
    ada.does(
        "/api/tasks/edit",
        &[id, ("title", "Paint the gate"), ("description", "in green")],
    )
    .await;
    finds(&ada, "green gate", &["Paint the gate"]).await;
    ada.does("/api/tasks/complete", &[id]).await;
    finds(&ada, "gate is:done", &["Paint the gate"]).await;
    ada.does("/api/tasks/reopen", &[id]).await;
    finds(&ada, "gate is:open", &["Paint the gate"]).await;
    ada.does("/api/tasks/delete", &[id]).await;
    finds(&ada, "gate", &[]).await;
    settled(&ada).await;
    let words: (String, String) = sqlx::query_as(
        "select title, description from search_documents where deleted = 1 order by change limit 1",
    )
    .fetch_one(app.server.db.pool())
    .await
    .unwrap();
    assert_eq!(
        words,
        (String::new(), String::new()),
        "nothing of it is kept"
    );
}

async fn people_find_their_own_tasks_only(stack: Stack) {
    let app = App::start(stack).await;
    let (ada, bob) = (app.person().await, app.person().await);
    ada.creates("The secret of Ada").await;
    bob.creates("The secret of Bob").await;
    finds(&ada, "secret", &["The secret of Ada"]).await;
    finds(&bob, "secret", &["The secret of Bob"]).await;
    for q in ["bob", "\"secret of bob\"", "-ada", "is:done", "secert bob"] {
        finds(&ada, q, &[]).await;
    }
    // The index itself knows of nobody else's, whatever the database would say.
    use app::search::Index;
    let ids = async |person: &Person| {
        let search = &app.server.search;
        let query = app::search::query::Query::parse("secret").unwrap();
        let user_id: String = sqlx::query_scalar("select user_id from users where email = $1")
            .bind(&person.email)
            .fetch_one(app.server.db.pool())
            .await
            .unwrap();
        let matches = search.find(&app::id::UserId(user_id), query).await.unwrap();
        (matches.task_ids, matches.total)
    };
    let (of_ada, of_bob) = (ids(&ada).await, ids(&bob).await);
    assert_eq!((of_ada.1, of_bob.1), (1, 1));
    assert_ne!(of_ada.0, of_bob.0);
}

async fn what_cannot_be_asked_is_refused_in_words(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let refused = async |path: &str, status: u16, part: &str| {
        let answer = ada.client.get(ada.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let detail = problem(answer).await["detail"].to_string();
        assert!(detail.contains(part), "{path}: {detail}");
    };
    refused("/api/search", 400, "?q=WORDS").await;
    refused("/api/search?q=a&q=b", 400, "Say once").await;
    refused(&format!("/api/search?q={}", "x".repeat(201)), 422, "201").await;
    refused("/api/search?q=a+b+c+d+e+f+g+h+i+j+k", 422, "11 words").await;
    let posted = ada.post("/api/search", &[("q", "x")]).await;
    assert_eq!(posted.status(), 405);
    assert_eq!(posted.headers()["allow"], "GET, HEAD");
    problem(posted).await;
    let stranger = Person::new(app.addr, "nobody@example.com".into());
    let url = stranger.url("/api/search?q=x");
    let answer = stranger.client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    problem(answer).await;
    refused("/api/search?q=a%00b", 400, "%00").await;
    for q in ["%00", "\"", "-", "is:", "🎂", "\u{202e}x", "((*", "a:b"] {
        search(&ada, q).await;
    }
}

async fn the_page_shows_what_it_found(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let task_id = describes(
        &ada,
        "Read <b>bold</b> & brave",
        "About <i>bold</i> sailors",
    )
    .await;
    finds(&ada, "bold", &["Read <b>bold</b> & brave"]).await;
    let page = async |path: &str| {
        let answer = ada.get(path).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = page("/search?q=bold").await;
    assert_eq!(status, 200);
    for part in [
        "&lt;b&gt;",
        "<mark>bold</mark>",
        &format!("href=\"/tasks/{task_id}\""),
        "1 task<",
        "value=\"bold\"",
        "<script src=\"/search.js\" defer",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("<b>bold"), "what people write stays text");
    let (_, text) = page("/search").await;
    for part in ["is:open", "list:home", "label:phone", "due:&lt;2026-12-01"] {
        assert!(text.contains(part), "{part}");
    }
    let (status, text) = page("/search?q=nothing+list%3Ahome").await;
    assert!(text.contains("Nothing found") && text.contains("Start over"));
    assert!(text.contains("No task is in the list home") && status == 200);
    let (status, text) = page(&format!("/search?q={}", "x".repeat(201))).await;
    assert!(status == 422 && text.contains("at most 200 fit") && text.contains("aria-invalid"));
    let stranger = Person::new(app.addr, "nobody@example.com".into());
    assert_eq!(stranger.get("/search?q=x").await.status(), 302);
}

fn index_folders(place: &Place) -> Vec<PathBuf> {
    let slot = place.folder.path().join("search/0");
    let entries = fs::read_dir(slot).into_iter().flatten();
    let folders = entries.map(|entry| entry.unwrap().path());
    folders.filter(|path| path.is_dir()).collect()
}

fn index_folder(place: &Place) -> PathBuf {
    let folders = index_folders(place);
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

async fn an_index_is_built_anew_while_the_old_one_serves(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    // More than are read at a time.
    for n in 0..40 {
        let titles: Vec<String> = (0..16).map(|i| format!("Row {n} {i}")).collect();
        futures::future::join_all(titles.iter().map(|title| ada.creates(title))).await;
    }
    settled(&ada).await;
    let before = index_folder(&app.place);
    let (running, asked) = (AtomicBool::new(true), AtomicUsize::new(0));
    let ask = async {
        while running.load(Ordering::Relaxed) {
            let found = search(&ada, "row").await;
            assert_eq!(found["total"], 640, "no search misses anything meanwhile");
            assert_eq!(found["building"], false);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    let rebuild = async {
        let args = app.place.args(([127, 0, 0, 1], 0).into());
        for _ in 0..3 {
            let before = index_folder(&app.place);
            let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_todo"))
                .args(["search", "rebuild"])
                .args(&args)
                .output()
                .await
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            eventually("the index is another", async || {
                let folders = index_folders(&app.place);
                folders.len() == 1 && folders[0] != before
            })
            .await;
        }
        running.store(false, Ordering::Relaxed);
    };
    tokio::join!(ask, rebuild);
    assert!(asked.load(Ordering::Relaxed) > 0);
    assert_ne!(before, index_folder(&app.place));
    ada.creates("Row after").await;
    finds(&ada, "row after", &["Row after"]).await;
}

/// What an installation has when it comes here: documents, and an index that knows words only.
async fn an_index_from_before_there_were_lists_is_built_anew(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let gone = ada.task("Gone 2020-01-01 #home").await;
    ada.creates("Kept 2020-01-01 #home @phone").await;
    ada.does("/api/tasks/delete", &[("task_id", &gone)]).await;
    finds(&ada, "list:home", &["Kept 2020-01-01 #home @phone"]).await;
    settled(&ada).await;
    let place = app.stop().await;
    let now = index_folder(&place);
    let name = now.file_name().unwrap().to_str().unwrap();
    let (_, rest) = name.split_once('-').unwrap();
    let old = now.with_file_name(format!("1-{rest}"));
    assert_ne!(old, now);
    fs::rename(&now, &old).unwrap();
    let app = App::start_in(place).await;
    let ada = at(app.addr, &ada.email).await;
    for q in ["list:home", "label:phone due:overdue", "kept"] {
        finds(&ada, q, &["Kept 2020-01-01 #home @phone"]).await;
    }
    eventually("the old one is gone", async || {
        index_folders(&app.place) == [now.clone()]
    })
    .await;
}

async fn a_lost_or_damaged_index_is_built_again(stack: Stack) {
    let mut app = App::start(stack).await;
    let ada = app.person().await;
    ada.creates("Kept one").await;
    finds(&ada, "kept", &["Kept one"]).await;

    // Lost while it runs: what is open goes on serving, and a new one comes.
    fs::remove_dir_all(app.place.folder.path().join("search")).unwrap();
    ada.creates("Kept two").await;
    finds(&ada, "kept", &["Kept two", "Kept one"]).await;
    eventually("a new folder", async || {
        index_folders(&app.place).len() == 1
    })
    .await;

    let lost: fn(&Path) = |folder| fs::remove_dir_all(folder).unwrap();
    let strange: fn(&Path) = |folder| fs::write(folder.join("meta.json"), "{}").unwrap();
    for damage in [
        lost,
        strange,
        cut_every_file as fn(&Path),
        turn_every_bit as fn(&Path),
    ] {
        let email = ada.email.clone();
        let place = app.stop().await;
        damage(&index_folder(&place));
        app = App::start_in(place).await;
        let ada = at(app.addr, &email).await;
        finds(&ada, "kept", &["Kept two", "Kept one"]).await;
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.is_file()).collect();
    assert!(files.len() > 3, "{files:?}");
    files
}

fn cut_every_file(folder: &Path) {
    for file in files(folder) {
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    }
}

fn turn_every_bit(folder: &Path) {
    for file in files(folder) {
        if file.extension().is_some_and(|kind| kind != "json") {
            let bytes = fs::read(&file).unwrap();
            let turned: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
            fs::write(&file, turned).unwrap();
        }
    }
}

async fn kill_9_while_indexing_loses_nothing(stack: Stack) {
    let place = Place::new(stack).await;
    let mut expected = 0;
    let mut person: Option<Person> = None;
    for crash in [
        "search:before-commit:5",
        "search:after-commit:5",
        "consumer:search:before-commit:5",
    ] {
        let mut process = Process::start(&place, None, &[("TODO_CRASH_AT", crash)]).await;
        let ada = match &person {
            None => Person::register(process.addr).await,
            Some(before) => at(process.addr, &before.email).await,
        };
        // One at a time, each until it is found, so that each is committed for itself.
        for n in 0.. {
            let title = format!("Survivor {crash} {n}");
            match ada.try_post("/api/tasks", &[("title", &title)]).await {
                Ok(answer) if answer.status() == 200 => expected += 1,
                _ => break,
            }
            let mut is_dead = false;
            eventually("it is found, or the process dies", async || {
                let asked = ada.client.get(ada.url("/api/search"));
                let answer = asked.query(&[("q", format!("\"{title}\""))]).send().await;
                let answer = match answer {
                    Ok(answer) => answer.json::<Value>().await,
                    Err(error) => Err(error),
                };
                is_dead = answer.is_err();
                is_dead || answer.is_ok_and(|found| found["total"] == 1)
            })
            .await;
            if is_dead {
                break;
            }
        }
        process.child.wait().await.unwrap();
        person = Some(ada);
    }
    let process = Process::start(&place, None, &[]).await;
    let ada = at(process.addr, &person.unwrap().email).await;
    assert!(expected > 0);
    let db = app::db::Db::connect(&place.database_url).await.unwrap();
    // One more may have been stored without its answer.
    let stored: i64 = sqlx::query_scalar("select count(*) from tasks")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert!(stored >= expected, "{stored} of {expected}");
    eventually("all are found, each once", async || {
        search(&ada, "survivor").await["total"] == stored
    })
    .await;
    process.kill().await;
}

async fn a_replay_changes_nothing(stack: Stack) {
    let app = App::start(stack).await;
    let ada = app.person().await;
    let gone = ada.task("Soon gone").await;
    ada.creates("Stays").await;
    ada.does("/api/tasks/delete", &[("task_id", &gone)]).await;
    settled(&ada).await;
    let documents = async || {
        let mut conn = app.server.db.pool().acquire().await.unwrap();
        app::search::queries::changed(&mut conn, 0, 100)
            .await
            .unwrap()
    };
    // The one that settled goes too.
    eventually("all is applied", async || {
        documents().await.iter().filter(|d| d.deleted).count() == 2
    })
    .await;
    let before = documents().await;
    let output = Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(["republish", "--from", "1"])
        .args(app.place.args(([127, 0, 0, 1], 0).into()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    ada.creates("After the replay").await;
    finds(&ada, "replay", &["After the replay"]).await;
    let after = documents().await;
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after.len(), before.len() + 1);
    finds(&ada, "gone", &[]).await;
    finds(&ada, "stays", &["Stays"]).await;
}

/// Everything that any of several people does at the same time is found through either process,
/// each with an index of its own.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_find_everything() {
    let place = Place::new(Stack::Kafka).await;
    let one = Process::start(&place, None, &[]).await;
    let two = Process::start(&place, None, &[]).await;
    const TASKS: usize = 25;
    let person = async |n: usize| {
        let (own, other) = match n.is_multiple_of(2) {
            true => (one.addr, two.addr),
            false => (two.addr, one.addr),
        };
        let here = Person::register(own).await;
        let there = at(other, &here.email).await;
        for task in 0..TASKS {
            here.creates(&format!("Shared {n} {task}")).await;
        }
        for person in [&here, &there] {
            eventually("all of them", async || {
                search(person, "shared").await["total"] == TASKS
            })
            .await;
        }
        here.creates("The last word").await;
        finds(&there, "last word", &["The last word"]).await;
    };
    futures::future::join_all((0..6).map(person)).await;
    let slots = |n: &str| place.folder.path().join("search").join(n).is_dir();
    assert!(slots("0") && slots("1"));
    one.kill().await;
    two.kill().await;
}
