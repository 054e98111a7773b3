//! What people are told, where and when: once, and no more than they want.

mod page;
mod post_office;
mod push;

use crate::on_both_stacks;
use crate::support::{App, Person, Place, Process, Stack, eventually};
use app::db::{Db, Tx};
use app::deliveries::queries::{self, Filter};
use app::deliveries::{Row, Status};
use app::event::{Event, EventType};
use app::id::UserId;
use app::outbox::Cause;
use chrono::{TimeDelta, Timelike};
use post_office::{Gateway, Smtp};
use server::config::Config;
use server::consumer::policy::Policy;
use server::consumer::{self, Consumer, HandleError};
use server::consumers::notifications::Notifications;
use server::republish::Republish;
use server::transport::connect;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

on_both_stacks!(
    each_is_told_once_and_a_replay_tells_nobody_again,
    who_dies_between_sending_and_marking_sends_under_the_same_id,
    what_happened_while_it_was_down_is_told,
    a_gateway_that_hangs_does_not_hold_up_the_mail,
    a_reader_who_cannot_be_reached_holds_up_nobody,
    mail_goes_through_starttls_and_a_login,
    mail_goes_through_tls_from_the_start,
    without_a_server_nothing_is_queued,
    in_quiet_hours_only_the_page_tells,
    who_changes_when_it_is_quiet_changes_it_for_what_waits,
    a_day_is_told_in_one_letter,
    one_click_unsubscribes,
    a_number_is_called_when_its_code_came_back,
);

const PHONE: &str = "+351210000000";

/// What a process needs to send.
fn settings(smtp: Option<&Smtp>, gateway: Option<&Gateway>) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("TODO_DELIVERY_TIMEOUT", "1000".to_owned()),
        ("TODO_DELIVERY_RETRY", "20,200ms,1s".into()),
        ("TODO_DELIVERY_BREAKER", "5,500ms,1s".into()),
    ];
    if let Some(smtp) = smtp {
        settings.push(("TODO_SMTP_URL", format!("smtp://{}", smtp.addr)));
        settings.push(("TODO_MAIL_FROM", "Todo <todo@example.com>".into()));
    }
    if let Some(gateway) = gateway {
        settings.push(("TODO_SMS_URL", gateway.url.clone()));
        settings.push(("TODO_SMS_ACCOUNT", "AC1".into()));
        settings.push(("TODO_SMS_TOKEN", "hush".into()));
        settings.push(("TODO_SMS_FROM", "+15550000000".into()));
    }
    settings
}

/// The same for a server in this process.
fn configure(config: &mut Config, smtp: Option<&Smtp>, gateway: Option<&Gateway>) {
    config.delivery.timeout = 1000;
    config.delivery.retry = "20,200ms,1s".parse().unwrap();
    config.delivery.breaker = Policy {
        retries: 5,
        first: Duration::from_millis(500),
        longest: Duration::from_secs(1),
    };
    for (name, value) in settings(smtp, gateway) {
        match name {
            "TODO_SMTP_URL" => config.mail.smtp_url = Some(value.into()),
            "TODO_MAIL_FROM" => config.mail.mail_from = Some(value),
            "TODO_SMS_URL" => config.sms.sms_url = Some(value),
            "TODO_SMS_ACCOUNT" => config.sms.sms_account = Some(value),
            "TODO_SMS_TOKEN" => config.sms.sms_token = Some(value.into()),
            "TODO_SMS_FROM" => config.sms.sms_from = Some(value),
            _ => {}
        }
    }
}

async fn start(place: Place, smtp: Option<&Smtp>, gateway: Option<&Gateway>) -> App {
    let mut config = place.config();
    configure(&mut config, smtp, gateway);
    App::start_as(place, config).await
}

async fn rows(db: &Db) -> Vec<Row> {
    let mut conn = db.pool().acquire().await.unwrap();
    queries::deliveries(&mut conn, &Filter::default(), 1000)
        .await
        .unwrap()
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(db.pool()).await.unwrap()
}

async fn execute(db: &Db, sql: &'static str) {
    db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move { sqlx::query(sql).execute(&mut **tx).await.map(|_| ()) })
    })
    .await
    .unwrap();
}

/// Waits until the consumer has dealt with everything there is.
async fn everything_is_told(db: &Db, consumer: &'static str) {
    eventually("everything is told", async || {
        let behind: i64 = sqlx::query_scalar(
            "select count(*) from streams s where not exists (select 1 from consumer_progress p \
             where p.user_id = s.user_id and p.consumer = $1 and p.last_seq >= \
             (select max(e.seq) from events e where e.user_id = s.user_id and e.event_type in \
             ('task.created', 'task.completed', 'user.registered')))",
        )
        .bind(consumer)
        .fetch_one(db.pool())
        .await
        .unwrap();
        behind == 0
    })
    .await;
}

/// Chooses to be told of everything by everything, and more.
async fn wants_all(person: &Person, more: &[(&str, &str)]) {
    let mut form = vec![
        ("wanted[]", "task.created/page"),
        ("wanted[]", "task.created/email"),
        ("wanted[]", "task.created/sms"),
        ("wanted[]", "task.completed/page"),
        ("wanted[]", "task.completed/email"),
        ("wanted[]", "task.completed/sms"),
        ("phone", PHONE),
    ];
    form.extend(more);
    let answer = person.post("/api/notifications/settings", &form).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

/// Sends back the code that came by SMS.
async fn confirms(person: &Person, gateway: &Gateway) {
    eventually("a code comes", async || !gateway.messages().is_empty()).await;
    let body = gateway.messages()[0]["Body"].clone();
    let code: String = body.chars().filter(char::is_ascii_digit).collect();
    let form = [("code", code.as_str())];
    let answer = person.post("/api/notifications/phone", &form).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn all_are_sent(db: &Db, count: usize) {
    eventually("all are sent", async || {
        let rows = rows(db).await;
        rows.len() == count && rows.iter().all(|row| row.status == Status::Sent)
    })
    .await;
}

/// The consumer under another name: it knows nothing of what it has done.
struct Renamed(Notifications);

impl Consumer for Renamed {
    const NAME: &'static str = "notifications-2";
    const TOPICS: &'static [EventType] = Notifications::TOPICS;

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        self.0.handle(event, tx).await
    }
}

async fn each_is_told_once_and_a_replay_tells_nobody_again(stack: Stack) {
    let (smtp, gateway) = (Smtp::start().await, Gateway::start().await);
    let app = start(Place::new(stack).await, Some(&smtp), Some(&gateway)).await;
    let db = &app.server.db;
    let ada = app.person().await;
    wants_all(&ada, &[]).await;
    confirms(&ada, &gateway).await;
    let task = ada.task("Buy <milk>").await;
    let form = [("task_id", task.as_str())];
    ada.does("/api/tasks/complete", &form).await;
    all_are_sent(db, 6).await;

    let letters = smtp.letters_to(&ada.email);
    let mut subjects: Vec<&str> = letters.iter().map(|l| l.header("Subject")).collect();
    subjects.sort();
    assert_eq!(
        subjects,
        [
            "On your list: Buy <milk>",
            "Welcome to Todo Evolution",
            "Well done: Buy <milk>"
        ]
    );
    let mut ids: Vec<String> = rows(db)
        .await
        .iter()
        .filter(|row| row.channel == "email")
        .map(|row| format!("<{}@example.com>", row.message_id))
        .collect();
    ids.sort();
    let mut told: Vec<&str> = letters.iter().map(|l| l.header("Message-ID")).collect();
    told.sort();
    assert_eq!(told, ids, "each once");
    for letter in &letters {
        assert_eq!(letter.header("From"), "Todo <todo@example.com>");
        assert_eq!(
            letter.header("List-Unsubscribe-Post"),
            "List-Unsubscribe=One-Click"
        );
        assert!(letter.body.contains("text/plain") && letter.body.contains("text/html"));
    }
    let messages = gateway.messages().split_off(1);
    let mut bodies: Vec<&str> = messages.iter().map(|m| m["Body"].as_str()).collect();
    bodies.sort();
    assert_eq!(
        bodies,
        [
            "\"Buy <milk>\" is on your list.",
            "Well done! \"Buy <milk>\" is completed."
        ]
    );
    assert!(
        messages
            .iter()
            .all(|m| m["To"] == PHONE && m["From"] == "+15550000000")
    );

    // All of history again, with what Ada has set, and to one that has forgotten all of it.
    let options = Republish { from: "1".into() };
    assert_eq!(server::republish::run(db, &options).await.unwrap().0, 5);
    let mut config = app.place.config();
    configure(&mut config, Some(&smtp), Some(&gateway));
    let renamed = Renamed(Notifications {
        house: config.house().unwrap(),
    });
    let transport = connect(&config, db).await.unwrap();
    let stop = CancellationToken::new();
    let policy = config.retry.of(Renamed::NAME);
    let running = consumer::run(renamed, db.clone(), transport, policy, stop.clone());
    let running = tokio::spawn(running);
    everything_is_told(db, Renamed::NAME).await;
    eventually("published again", async || {
        number(db, "select count(*) from events where published_at is null").await == 0
    })
    .await;
    // What comes last is told, so whatever was to be told before it would have been.
    ada.creates("The last").await;
    all_are_sent(db, 8).await;
    assert_eq!(smtp.letters_to(&ada.email).len(), 4);
    assert_eq!(gateway.messages().len(), 4);
    everything_is_told(db, Renamed::NAME).await;
    assert_eq!(number(db, "select count(*) from notifications").await, 4);
    stop.cancel();
    running.await.unwrap();
    app.stop().await;
}

async fn who_dies_between_sending_and_marking_sends_under_the_same_id(stack: Stack) {
    let smtp = Smtp::start().await;
    let place = Place::new(stack).await;
    let settings = settings(Some(&smtp), None);
    let mut envs: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    envs.push(("TODO_CRASH_AT", "delivery:before-mark"));
    let mut process = Process::start(&place, None, &envs).await;
    let ada = Person::register(process.addr).await;
    eventually("it dies", async || {
        process.child.try_wait().unwrap().is_some()
    })
    .await;
    assert_eq!(smtp.letters_to(&ada.email).len(), 1, "it was sent");
    let db = Db::connect(&place.database_url).await.unwrap();
    assert_eq!(
        rows(&db).await[0].status,
        Status::Queued,
        "and nobody knows"
    );

    envs.pop();
    let _process = Process::start(&place, Some(process.addr), &envs).await;
    all_are_sent(&db, 1).await;
    let letters = smtp.letters_to(&ada.email);
    let ids: Vec<&str> = letters.iter().map(|l| l.header("Message-ID")).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    let mut conn = db.pool().acquire().await.unwrap();
    let attempts = queries::attempts(&mut conn, rows(&db).await[0].id)
        .await
        .unwrap();
    let outcomes: Vec<&str> = attempts.iter().map(|a| a.outcome.as_str()).collect();
    assert_eq!(outcomes, ["lost", "sent"]);
}

async fn what_happened_while_it_was_down_is_told(stack: Stack) {
    let smtp = Smtp::start().await;
    let place = Place::new(stack).await;
    let db = Db::connect(&place.database_url).await.unwrap();
    for n in 0..20 {
        let cause = Cause::unasked(UserId::new().0);
        db.write(move |tx| {
            Box::pin(async move {
                let email = format!("reader{n}@example.com");
                app::accounts::commands::register(tx, &cause, &email, "Ada", "hash").await
            })
        })
        .await
        .unwrap();
    }
    db.close().await;
    let app = start(place, Some(&smtp), None).await;
    all_are_sent(&app.server.db, 20).await;
    assert_eq!(smtp.letters().len(), 20);
    app.stop().await;
}

async fn a_gateway_that_hangs_does_not_hold_up_the_mail(stack: Stack) {
    let (smtp, gateway) = (Smtp::start().await, Gateway::hanging().await);
    let app = start(Place::new(stack).await, Some(&smtp), Some(&gateway)).await;
    let ada = app.person().await;
    wants_all(&ada, &[]).await;
    confirms(&ada, &gateway).await;
    for n in 0..10 {
        ada.creates(&format!("Task {n}")).await;
    }
    eventually("the mail is there", async || {
        smtp.letters_to(&ada.email).len() == 11
    })
    .await;
    eventually("the gateway was tried", async || {
        !gateway.messages().is_empty()
    })
    .await;
    eventually("the mail is sent, and nothing else", async || {
        let rows = rows(&app.server.db).await;
        rows.iter()
            .all(|row| (row.channel == "sms") == (row.status == Status::Queued))
    })
    .await;
    app.stop().await;
}

async fn a_reader_who_cannot_be_reached_holds_up_nobody(stack: Stack) {
    let smtp = Smtp::start().await;
    let app = start(Place::new(stack).await, Some(&smtp), None).await;
    for who in ["nobody", "full"] {
        for n in 0..10 {
            let email = format!("{who}@{n}.example.com");
            let form = [
                ("email", email.as_str()),
                ("name", "Nobody"),
                ("password", crate::support::PASSWORD),
            ];
            let stranger = Person::new(app.addr, String::new());
            let answer = stranger.post("/api/accounts/register", &form).await;
            assert_eq!(answer.status(), 200);
        }
    }
    let ada = app.person().await;
    eventually("the mail is there", async || {
        smtp.letters_to(&ada.email).len() == 1
    })
    .await;
    eventually("what can never work is given up", async || {
        let rows = rows(&app.server.db).await;
        let nobody = rows.iter().filter(|row| row.target.starts_with("nobody@"));
        nobody.filter(|row| row.status == Status::Failed).count() == 10
    })
    .await;
    let rows = rows(&app.server.db).await;
    let mut full = rows.iter().filter(|row| row.target.starts_with("full@"));
    assert!(full.all(|row| row.status == Status::Queued), "{rows:?}");
    assert!(
        rows.iter()
            .all(|row| !row.target.starts_with("nobody@") || row.attempts == 1)
    );
    app.stop().await;
}

async fn mail_goes_through_starttls_and_a_login(stack: Stack) {
    let smtp = Smtp::start_secure("starttls").await;
    let url = format!("smtp://todo%40example.com@{}?tls=starttls", smtp.addr);
    mail_is_encrypted(stack, smtp, url).await;
}

async fn mail_goes_through_tls_from_the_start(stack: Stack) {
    let smtp = Smtp::start_secure("smtps").await;
    let url = format!("smtps://todo%40example.com@{}", smtp.addr);
    mail_is_encrypted(stack, smtp, url).await;
}

async fn mail_is_encrypted(stack: Stack, smtp: Smtp, url: String) {
    let place = Place::new(stack).await;
    let mut config = place.config();
    configure(&mut config, Some(&smtp), None);
    config.mail.smtp_url = Some(url.into());
    config.mail.smtp_ca_file = Some(smtp.certificate());
    config.mail.smtp_password = Some("not this one".to_owned().into());
    let app = App::start_as(place, config.clone()).await;
    let ada = app.person().await;
    eventually("it is not let in", async || {
        let rows = rows(&app.server.db).await;
        rows.first().is_some_and(|row| row.answer.contains("535"))
    })
    .await;
    let place = app.stop().await;
    config.mail.smtp_password = Some(post_office::PASSWORD.to_owned().into());
    let app = App::start_as(place, config.clone()).await;
    all_are_sent(&app.server.db, 1).await;
    assert_eq!(smtp.letters_to(&ada.email).len(), 1);
    let place = app.stop().await;

    // Whose certificate nobody knows is told nothing.
    config.mail.smtp_ca_file = None;
    let app = App::start_as(place, config).await;
    let eve = app.person().await;
    eventually("it is not trusted", async || {
        let rows = rows(&app.server.db).await;
        rows[0].answer.contains("certificate")
    })
    .await;
    assert_eq!(smtp.letters_to(&eve.email).len(), 0);
    app.stop().await;
}

async fn without_a_server_nothing_is_queued(stack: Stack) {
    let app = start(Place::new(stack).await, None, None).await;
    let ada = app.person().await;
    let page = ada.get("/notifications").await.text().await.unwrap();
    assert!(
        page.contains("E-mail and SMS are not set up on this server."),
        "{page}"
    );
    wants_all(&ada, &[]).await;
    ada.creates("Milk").await;
    everything_is_told(&app.server.db, "notifications").await;
    assert_eq!(rows(&app.server.db).await, []);
    assert_eq!(
        number(&app.server.db, "select count(*) from notifications").await,
        2
    );
    app.stop().await;
}

/// "22:00", so many hours from now.
fn clock(hours: i64) -> String {
    let at = chrono::Utc::now() + TimeDelta::hours(hours);
    format!("{:02}:{:02}", at.hour(), at.minute())
}

async fn in_quiet_hours_only_the_page_tells(stack: Stack) {
    let (smtp, gateway) = (Smtp::start().await, Gateway::start().await);
    let app = start(Place::new(stack).await, Some(&smtp), Some(&gateway)).await;
    let db = &app.server.db;
    let ada = app.person().await;
    all_are_sent(db, 1).await;
    let (from, to) = (clock(-2), clock(2));
    let quiet = [("quiet_from", from.as_str()), ("quiet_to", to.as_str())];
    wants_all(&ada, &quiet).await;
    confirms(&ada, &gateway).await;
    all_are_sent(db, 2).await;
    ada.creates("Milk").await;
    eventually("both wait", async || rows(db).await.len() == 4).await;
    let soon = app::db::now() + TimeDelta::minutes(90);
    let waiting = async || {
        let rows = rows(db).await;
        let waits = rows.iter().filter(|row| row.status == Status::Queued);
        waits
            .filter(|row| row.due_at > soon && row.attempts == 0)
            .count()
            == 2
    };
    assert!(waiting().await);
    // Whoever tries all the same, perhaps because it failed in the evening, is put off.
    execute(
        db,
        "update deliveries set due_at = 0 where status = 'queued'",
    )
    .await;
    eventually("both are put off", waiting).await;
    assert_eq!((smtp.letters().len(), gateway.messages().len()), (1, 1));
    let page = ada.get("/notifications").await.text().await.unwrap();
    assert!(page.contains("“Milk” is on your list."));
    // What is not wanted any more does not come in the morning either.
    let statuses = async || -> Vec<_> {
        let rows = rows(db).await;
        rows.iter().map(|row| row.status).collect()
    };
    let mut form = vec![("wanted[]", "task.created/sms"), ("phone", PHONE)];
    form.extend(quiet);
    let settings = "/api/notifications/settings";
    assert_eq!(ada.post(settings, &form).await.status(), 200);
    let gone = async || {
        let statuses = statuses().await;
        let gone = statuses.iter().filter(|status| **status == Status::Gone);
        gone.count()
    };
    assert_eq!(gone().await, 1, "the letter");
    let form = [("wanted[]", "task.created/page")];
    assert_eq!(ada.post(settings, &form).await.status(), 200);
    assert_eq!(gone().await, 2, "what was to go to that number");
    app.stop().await;
}

async fn who_changes_when_it_is_quiet_changes_it_for_what_waits(stack: Stack) {
    let smtp = Smtp::start().await;
    let app = start(Place::new(stack).await, Some(&smtp), None).await;
    let db = &app.server.db;
    let ada = app.person().await;
    all_are_sent(db, 1).await;
    let quiet = async |from: &str, to: &str| {
        wants_all(&ada, &[("quiet_from", from), ("quiet_to", to)]).await;
    };
    let due = "select due_at from deliveries where status = 'queued'";
    let hours = async || (app::db::from_micros(number(db, due).await) - app::db::now()).num_hours();
    quiet(&clock(-2), &clock(2)).await;
    ada.creates("Milk").await;
    everything_is_told(db, "notifications").await;
    assert_eq!(hours().await, 1);
    quiet(&clock(-2), &clock(5)).await;
    assert_eq!(hours().await, 4, "later");
    quiet(&clock(-2), &clock(3)).await;
    assert_eq!(hours().await, 2, "and earlier again");
    let zone = async |zone| {
        let answer = ada.post("/api/accounts/zone", &[("zone", zone)]).await;
        assert_eq!(answer.status(), 200);
    };
    zone("Etc/GMT+1").await;
    assert_eq!(hours().await, 3, "the clock there is an hour behind");
    // What was tried waits for its next attempt, whatever the hour.
    execute(
        db,
        "update deliveries set tries = 1 where status = 'queued'",
    )
    .await;
    zone("UTC").await;
    assert_eq!(hours().await, 3);
    let known = "select count(*) from deliveries where status = 'queued' and payload like '%UTC%'";
    assert_eq!(number(db, known).await, 1, "but by what is said by then");
    execute(
        db,
        "update deliveries set tries = 0 where status = 'queued'",
    )
    .await;
    // The night is over.
    wants_all(&ada, &[]).await;
    all_are_sent(db, 2).await;
    let subjects: Vec<String> = smtp
        .letters_to(&ada.email)
        .iter()
        .map(|l| l.header("Subject").to_owned())
        .collect();
    assert!(
        subjects.contains(&"On your list: Milk".to_owned()),
        "{subjects:?}"
    );
    // What waits for the gateway is not sent into a night that was not there when it was queued.
    execute(
        db,
        "update delivery_lanes set open_until = 9000000000000000",
    )
    .await;
    ada.creates("Bread").await;
    everything_is_told(db, "notifications").await;
    quiet(&clock(-2), &clock(2)).await;
    assert_eq!(hours().await, 1);
    app.stop().await;
}

async fn a_day_is_told_in_one_letter(stack: Stack) {
    let smtp = Smtp::start().await;
    let app = start(Place::new(stack).await, Some(&smtp), None).await;
    let db = &app.server.db;
    let ada = app.person().await;
    all_are_sent(db, 1).await;
    let zone = ada.post("/api/accounts/zone", &[("zone", "Europe/Lisbon")]);
    assert_eq!(zone.await.status(), 200);
    wants_all(&ada, &[("digest", "on")]).await;
    let task = ada.task("Milk").await;
    ada.creates("Bread").await;
    let form = [("task_id", task.as_str())];
    ada.does("/api/tasks/complete", &form).await;
    everything_is_told(db, "notifications").await;
    assert_eq!(rows(db).await.len(), 1, "they wait for the morning");
    let due = number(db, "select min(due_at) from digest_items").await;
    let morning = app::db::from_micros(due).with_timezone(&chrono_tz::Europe::Lisbon);
    assert_eq!((morning.hour(), morning.minute()), (8, 0));
    let zone = ada.post("/api/accounts/zone", &[("zone", "Asia/Tokyo")]);
    assert_eq!(zone.await.status(), 200);
    let due = number(db, "select min(due_at) from digest_items").await;
    let morning = app::db::from_micros(due).with_timezone(&chrono_tz::Asia::Tokyo);
    assert_eq!((morning.hour(), morning.minute()), (8, 0));
    execute(db, "update digest_items set due_at = 0").await;
    all_are_sent(db, 2).await;
    let mut letters = smtp.letters_to(&ada.email);
    letters.retain(|letter| letter.header("Subject").contains("3 lines"));
    assert_eq!(letters.len(), 1);
    for title in ["Milk", "Bread"] {
        assert!(letters[0].body.contains(title), "{}", letters[0].body);
    }
    // Read again, none of it comes again.
    execute(
        db,
        "update consumer_progress set last_seq = 0 where consumer = 'notifications'",
    )
    .await;
    ada.creates("Salt").await;
    everything_is_told(db, "notifications").await;
    assert_eq!(number(db, "select count(*) from digest_items").await, 4);
    assert_eq!(
        number(db, "select count(*) from digest_items where sent = 0").await,
        1
    );
    app.stop().await;
}

async fn one_click_unsubscribes(stack: Stack) {
    let smtp = Smtp::start().await;
    let app = start(Place::new(stack).await, Some(&smtp), None).await;
    let db = &app.server.db;
    let ada = app.person().await;
    all_are_sent(db, 1).await;
    let url = smtp.letters_to(&ada.email)[0].unsubscribe().to_owned();
    let path = url.split_once("/unsubscribe/").unwrap().1;
    let url = ada.url(&format!("/unsubscribe/{path}"));
    let (from, to) = (clock(-2), clock(2));
    let quiet = [("quiet_from", from.as_str()), ("quiet_to", to.as_str())];
    wants_all(&ada, &quiet).await;
    ada.creates("Milk").await;
    eventually("a letter waits", async || rows(db).await.len() == 2).await;

    // A program that looks at mail follows the link: nothing happens.
    let page = reqwest::get(&url).await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(
        page.contains("method=\"post\"") && page.contains(&ada.email),
        "{page}"
    );
    assert_eq!(rows(db).await[0].status, Status::Queued);

    // A mail provider's machine, which is no browser.
    let provider = reqwest::Client::new();
    let click = async |url: &str| {
        let form = [("List-Unsubscribe", "One-Click")];
        let request = provider.post(url).header("sec-fetch-site", "cross-site");
        request.form(&form).send().await.unwrap()
    };
    let forged = format!("{}0", &url[..url.len() - 1]);
    let forged = if forged == url {
        format!("{}1", &url[..url.len() - 1])
    } else {
        forged
    };
    assert_eq!(click(&forged).await.status(), 404);
    assert_eq!(rows(db).await[0].status, Status::Queued);
    for _ in 0..2 {
        let done = click(&url).await;
        assert_eq!(done.status(), 200);
        assert!(done.text().await.unwrap().contains("gets no e-mail"));
    }
    assert_eq!(
        rows(db).await[0].status,
        Status::Gone,
        "not even what waits"
    );
    ada.creates("Bread").await;
    everything_is_told(db, "notifications").await;
    assert_eq!(rows(db).await.len(), 2);
    // Exactly there and nowhere else.
    for path in [
        "/api/notifications/read",
        "/unsubscribe/",
        "/unsubscribe/a/b",
    ] {
        assert_eq!(click(&ada.url(path)).await.status(), 403, "{path}");
    }
    app.stop().await;
}

async fn a_number_is_called_when_its_code_came_back(stack: Stack) {
    let gateway = Gateway::start().await;
    let app = start(Place::new(stack).await, None, Some(&gateway)).await;
    let db = &app.server.db;
    let ada = app.person().await;
    wants_all(&ada, &[]).await;
    eventually("a code comes", async || gateway.messages().len() == 1).await;
    ada.creates("Told to nobody").await;
    everything_is_told(db, "notifications").await;
    let page = ada.get("/notifications").await.text().await.unwrap();
    assert!(
        page.contains(&format!("A code is on its way to {PHONE}.")),
        "{page}"
    );
    let guess = async |code: &str| {
        let answer = ada
            .post("/api/notifications/phone", &[("code", code)])
            .await;
        answer.status().as_u16()
    };
    // Five guesses, and the right one is worth nothing any more.
    let code = |n: usize| -> String {
        let body = gateway.messages()[n]["Body"].clone();
        body.chars().filter(char::is_ascii_digit).collect()
    };
    for _ in 0..5 {
        assert_eq!(guess("guess").await, 422);
    }
    assert_eq!(guess(&code(0)).await, 422);
    assert_eq!(guess("").await, 422);
    // Another one; three a day. Whoever saves what they wish asks for none.
    wants_all(&ada, &[]).await;
    let again = ada.post("/api/notifications/phone/again", &[]).await;
    assert_eq!(again.status(), 200);
    eventually("another comes", async || gateway.messages().len() == 2).await;
    assert_eq!(guess(&code(1)).await, 200);
    assert_eq!(guess(&code(1)).await, 422, "it is good for once");
    ada.creates("Told").await;
    eventually("it is told", async || gateway.messages().len() == 3).await;
    assert!(gateway.messages()[2]["Body"].contains("\"Told\""));
    let again = ada.post("/api/notifications/phone/again", &[]).await;
    assert_eq!(again.status(), 409, "no number waits for one");
    // Back to the number that is confirmed costs no code.
    for (phone, status) in [("+351220000000", 200), (PHONE, 200), ("+351230000000", 429)] {
        let answer = ada
            .post("/api/notifications/settings", &[("phone", phone)])
            .await;
        assert_eq!(answer.status(), status, "{phone}");
    }
    app.stop().await;
}
