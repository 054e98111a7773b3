//! What the tests of external sync share.

use crate::support::{App, Person, Place, eventually, problem};
use app::db::Db;
use app::deliveries::queries::{self, Filter};
use app::deliveries::{Row, Status};
use app::webhooks::secret::Secrets;
use reqwest::Response;
use reqwest::header::HeaderMap;
use server::config::Config;
use server::consumer::policy::Policy;
use std::time::Duration;

pub const ALL: &[&str] = &[
    "task.created",
    "task.updated",
    "task.completed",
    "task.reopened",
    "task.deleted",
    "task.restored",
    "task.purged",
];

/// For a process: quick enough for tests.
pub const ENVS: &[(&str, &str)] = &[
    ("TODO_ALLOW_PRIVATE_TARGETS", "true"),
    ("TODO_DELIVERY_TIMEOUT", "1000"),
    ("TODO_DELIVERY_RETRY", "20,200ms,1s"),
    ("TODO_DELIVERY_BREAKER", "5,500ms,1s"),
];

/// The same for a server in this process.
pub fn config(place: &Place) -> Config {
    let mut config = place.config();
    config.delivery.allow_private = true;
    config.delivery.timeout = 1000;
    config.delivery.retry = "20,200ms,1s".parse().unwrap();
    config.delivery.breaker = Policy {
        retries: 5,
        first: Duration::from_millis(100),
        longest: Duration::from_millis(500),
    };
    config
}

pub async fn start(place: Place) -> App {
    let config = config(&place);
    App::start_as(place, config).await
}

/// An endpoint that somebody has added.
pub struct Endpoint {
    pub id: String,
    /// As the page showed it; empty if it has none.
    pub secret: String,
}

impl Endpoint {
    /// One that nobody has.
    pub fn unknown() -> Endpoint {
        Endpoint {
            id: app::webhooks::Endpoint::new_id(),
            secret: String::new(),
        }
    }

    pub async fn page(&self, person: &Person) -> String {
        let page = person.get(&format!("/webhooks/{}", self.id)).await;
        assert_eq!(page.status(), 200);
        page.text().await.unwrap()
    }

    pub async fn post(&self, person: &Person, what: &str, form: &[(&str, &str)]) -> Response {
        let mut form: Vec<(&str, &str)> = form
            .iter()
            .copied()
            .filter(|(n, _)| !n.is_empty())
            .collect();
        form.push(("endpoint_id", &self.id));
        person.post(&format!("/api/webhooks/{what}"), &form).await
    }

    pub async fn does(&self, person: &Person, what: &str, form: &[(&str, &str)]) {
        let answer = self.post(person, what, form).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{what}: {text}");
    }
}

pub async fn add(person: &Person, url: &str, types: &[&str]) -> Endpoint {
    add_kind(person, "webhook", url, types, &[]).await
}

/// Adds one and looks at its page, which shows the secret.
pub async fn add_kind(
    person: &Person,
    kind: &str,
    url: &str,
    types: &[&str],
    more: &[(&str, &str)],
) -> Endpoint {
    let answer = try_add(person, kind, url, types, more).await;
    let status = answer.status();
    let path = answer.headers().get("location").cloned();
    assert_eq!(status, 200, "{}", answer.text().await.unwrap());
    let path = path.expect("its page").to_str().unwrap().to_owned();
    let page = person.get(&path).await.text().await.unwrap();
    Endpoint {
        id: path.strip_prefix("/webhooks/").unwrap().to_owned(),
        secret: secret_in(&page).unwrap_or_default(),
    }
}

pub async fn try_add(
    person: &Person,
    kind: &str,
    url: &str,
    types: &[&str],
    more: &[(&str, &str)],
) -> Response {
    let mut form = vec![("url", url)];
    form.extend(types.iter().map(|name| ("types[]", *name)));
    form.extend(more);
    person
        .post(&format!("/api/webhooks/add/{kind}"), &form)
        .await
}

/// Which field was refused.
pub async fn refused(answer: Response) -> String {
    assert_eq!(answer.status(), 422);
    problem(answer).await["field"].as_str().unwrap().to_owned()
}

pub fn secret_in(page: &str) -> Option<String> {
    let start = page.find("whsec_")?;
    let end = page[start..].find('<')?;
    Some(page[start..start + end].to_owned())
}

/// What the header says if it is signed with this secret alone.
pub fn signed(secret: &str, headers: &HeaderMap, body: &str) -> String {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let secrets = Secrets::at(
        app::db::now(),
        secret.into(),
        String::new(),
        app::db::from_micros(0),
    );
    let timestamp = text("webhook-timestamp").parse().unwrap();
    secrets.sign(&text("webhook-id"), timestamp, body).unwrap()
}

pub async fn rows(db: &Db, endpoint: &str) -> Vec<Row> {
    let filter = Filter {
        target: Some(endpoint.into()),
        ..Filter::default()
    };
    let mut conn = db.pool().acquire().await.unwrap();
    queries::deliveries(&mut conn, &filter, 1000).await.unwrap()
}

pub async fn all_are_sent(db: &Db, endpoint: &str) {
    eventually("all are sent", async || {
        let rows = rows(db, endpoint).await;
        !rows.is_empty() && rows.iter().all(|row| row.status == Status::Sent)
    })
    .await;
}

/// An endpoint as it is now.
pub async fn status(db: &Db, endpoint: &str) -> app::webhooks::Endpoint {
    let mut conn = db.pool().acquire().await.unwrap();
    let found = app::webhooks::queries::by_id(&mut conn, endpoint).await;
    found.unwrap().expect("the endpoint is there")
}

pub async fn execute(db: &Db, sql: &'static str) {
    db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move { sqlx::query(sql).execute(&mut **tx).await.map(|_| ()) })
    })
    .await
    .unwrap();
}

/// Waits until a consumer of the tasks' events has dealt with everything there is.
pub async fn is_caught_up(db: &Db, consumer: &'static str) {
    eventually("it is caught up", async || {
        let behind: i64 = sqlx::query_scalar(
            "select count(*) from streams s where exists (select 1 from events e \
             where e.user_id = s.user_id and e.event_type like 'task.%' and e.seq > coalesce( \
             (select p.last_seq from consumer_progress p \
             where p.user_id = s.user_id and p.consumer = $1), 0))",
        )
        .bind(consumer)
        .fetch_one(db.pool())
        .await
        .unwrap();
        behind == 0
    })
    .await;
}
