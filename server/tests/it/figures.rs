//! The System page shows how it goes, in every process; and a feed line leads to its trace.

use crate::on_both_stacks;
use crate::support::{Person, Place, Process, Stack, eventually};
use crate::system::{bury, grant};
use server::config::Role;

on_both_stacks!(
    figures_are_those_of_the_moment,
    a_line_of_the_feed_leads_to_its_trace,
);

/// The page of figures once it says all of `parts`.
async fn says(person: &Person, parts: &[&str]) -> String {
    let mut page = String::new();
    eventually(&format!("{parts:?}"), async || {
        page = person.get("/system/figures").await.text().await.unwrap();
        parts.iter().all(|part| page.contains(part))
    })
    .await;
    page
}

async fn figures_are_those_of_the_moment(stack: Stack) {
    let place = Place::new(stack).await;
    // A process of its own: what is counted is the process'.
    let process = Process::start(&place, None, &[]).await;
    let person = Person::register(process.addr).await;
    assert_eq!(person.get("/system/figures").await.status(), 404);
    grant(&place, &person).await;
    let socket = person.socket(0).await;
    for n in 0..4 {
        person.creates(&format!("Secret {n}")).await;
    }
    let db = server::open(&place.config()).await.unwrap();
    bury(&db, 2).await;
    let id = process.child.id().unwrap();
    let page = says(
        &person,
        &[
            &format!("Of process {id}"),
            "role all",
            "Sockets: 1 open now",
            "Outbox: 0 to publish now",
            "Dead letters: 2 open now",
            "People: 0 waiting now",
            "activity, lag: 0 behind now",
            "activity, failed attempts: 0 % of attempts now",
            "ms for 99 of 100 now",
        ],
    )
    .await;
    assert!(
        !page.contains("Events published: 0 a second now, at most 0"),
        "{page}"
    );
    assert!(
        !page.contains("HTTP requests: 0 a second now, at most 0"),
        "{page}"
    );
    for private in ["Secret", &person.email] {
        assert!(!page.contains(private), "{private}\n{page}");
    }
    // The same, above what there is to decide.
    let page = person.get("/system").await.text().await.unwrap();
    for part in ["id=\"figures\"", "No. 2", "src=\"/live.js\""] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    drop(socket);
    says(&person, &["Sockets: 0 open now"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_is_known_to_a_process_that_runs_no_consumer() {
    let place = Place::new(Stack::Kafka).await;
    let start = async |role| {
        let config = server::config::Config {
            role,
            ..place.config()
        };
        server::start(config).await.unwrap()
    };
    // Without topics nobody is ready.
    let relay = start(Role::Relay).await;
    let process = Process::start(&place, None, &[("TODO_ROLE", "web")]).await;
    relay.stop().await;
    let person = Person::register(process.addr).await;
    grant(&place, &person).await;
    for title in ["one", "two", "three"] {
        person.creates(title).await;
    }
    says(
        &person,
        &[
            "role web",
            "Outbox: 5 to publish now",
            "activity, lag: 0 behind",
        ],
    )
    .await;
    let relay = start(Role::Relay).await;
    says(
        &person,
        &["Outbox: 0 to publish now", "activity, lag: 5 behind now"],
    )
    .await;
    let consumers = start(Role::Consumers).await;
    says(&person, &["activity, lag: 0 behind now, at most 5"]).await;
    // What others do is shown here, too.
    says(&person, &["role web", "role relay", "role consumers"]).await;
    eventually("the consumers' latency is known", async || {
        let page = person.get("/system/figures").await.text().await.unwrap();
        let latency = page.split("activity, latency: ").nth(1);
        latency.is_some_and(|said| said.starts_with(|first: char| first.is_ascii_digit()))
    })
    .await;
    person.creates("four").await;
    // The page said so before, too.
    eventually("the feed tells of it", async || {
        let feed = person.get("/feed").await.text().await.unwrap();
        feed.matches(">added<").count() == 4
    })
    .await;
    says(&person, &["activity, lag: 0 behind now, at most 5"]).await;
    consumers.stop().await;
    person.creates("five").await;
    says(&person, &["activity, lag: 1 behind now, at most 5"]).await;
    relay.stop().await;
}

async fn a_line_of_the_feed_leads_to_its_trace(stack: Stack) {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let place = Place::new(stack).await;
    let url = [(
        "TODO_TRACE_URL",
        "http://traces.example.com/trace/{trace_id}",
    )];
    let process = Process::start(&place, None, &url).await;
    let person = Person::register(process.addr).await;
    let creates = async |flags: &str| {
        let answer = person
            .client
            .post(person.url("/api/tasks"))
            .header("origin", person.url(""))
            .header(
                "traceparent",
                format!("00-{TRACE}-00f067aa0ba902b7-{flags}"),
            )
            .form(&[("title", "Follow me")])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    };
    creates("01").await;
    creates("00").await;
    eventually("the feed tells of it", async || {
        let feed = person.get("/feed").await.text().await.unwrap();
        feed.matches(">added<").count() >= 2
    })
    .await;
    let feed = async || person.get("/feed").await.text().await.unwrap();
    assert!(
        !feed().await.contains("/trace/"),
        "a member has nothing there"
    );
    assert_eq!(person.get("/trace/2").await.status(), 404);

    grant(&place, &person).await;
    assert!(feed().await.contains("href=\"/trace/2\""));
    let trace = person.get("/trace/2").await;
    assert!(trace.status().is_redirection());
    assert_eq!(
        trace.headers()["location"],
        format!("http://traces.example.com/trace/{TRACE}")
    );
    for nowhere in ["/trace/3", "/trace/9", "/trace/x"] {
        assert_eq!(person.get(nowhere).await.status(), 404, "{nowhere}");
    }
    // Another person's event of that number has another trace.
    let other = Person::register(process.addr).await;
    grant(&place, &other).await;
    assert_eq!(other.get("/trace/2").await.status(), 404);

    let db = server::open(&place.config()).await.unwrap();
    bury(&db, 1).await;
    let link = format!("href=\"http://traces.example.com/trace/{TRACE}\"");
    let letter = async |person: &Person| {
        let page = person.get("/system/dead-letters/1").await;
        page.text().await.unwrap()
    };
    assert!(!letter(&person).await.contains("traces.example.com"));
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let updated: Result<_, sqlx::Error> = db
        .write(move |tx| {
            Box::pin(async move {
                sqlx::query("update dead_letters set traceparent = $1")
                    .bind(traceparent)
                    .execute(&mut **tx)
                    .await
            })
        })
        .await;
    assert_eq!(updated.unwrap().rows_affected(), 1);
    assert!(letter(&person).await.contains(&link));

    // Without the setting there is nothing to lead to.
    process.kill().await;
    let process = Process::start(&place, None, &[]).await;
    let again = Person::new(process.addr, person.email.clone());
    let again = again.elsewhere().await;
    assert!(
        !again
            .get("/feed")
            .await
            .text()
            .await
            .unwrap()
            .contains("/trace/")
    );
    assert_eq!(again.get("/trace/2").await.status(), 404);
    let page = letter(&again).await;
    assert!(page.contains(TRACE) && !page.contains("traces.example.com"));
}
