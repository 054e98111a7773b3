//! Jira, by its REST API, version 3: a task becomes an issue, and the issue follows the task. Nothing
//! comes back.
//!
//! Jira knows no idempotency key. So that a task does not become two issues when nobody heard the
//! answer, each issue carries a label made of the event's id, and before one is created Jira is asked
//! whether it is there. Its search lags behind by seconds, seldom minutes: an attempt that nobody has
//! heard the end of is given four times as long as an attempt may take before the question. What
//! remains: an issue that the search does not know even then is created again; and the comment on a
//! deleted task, which carries no label, may come twice after a crash.

mod document;

use super::endpoint::{Protocol, Reach};
use super::http::Reply;
use super::{Answer, Outcome};
use app::crash;
use app::deliveries::Delivery;
use app::event::{Envelope, EventData, TaskCreated, TaskUpdated};
use app::id::{EventId, TaskId};
use app::webhooks::{Jira as Settings, Kind, Message, Target, issues};
use async_trait::async_trait;
use document::{document, summary};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Mutex;

pub struct Jira;

#[async_trait]
impl Protocol for Jira {
    const KIND: Kind = Kind::Jira;

    async fn tell(
        &self,
        reach: &Reach,
        delivery: &Delivery,
        target: Target,
        message: Message,
    ) -> Result<Outcome, Outcome> {
        let wrong = |why: String| Outcome::Permanent(Answer::text(why));
        let envelope: Envelope =
            serde_json::from_str(&message.body).map_err(|error| wrong(error.to_string()))?;
        let Some(settings) = target.endpoint.jira.clone() else {
            return Err(wrong("the endpoint knows no project".into()));
        };
        let talk = Talk {
            reach,
            delivery,
            target,
            settings,
            asked: Mutex::default(),
        };
        let done = match message.test {
            true => talk.try_door().await,
            false => talk.tell(&envelope).await,
        };
        let outcome = done.unwrap_or_else(|outcome| outcome);
        let asked = talk.asked.lock().map(|asked| asked.clone());
        Ok(outcome.asked(&asked.unwrap_or_default()))
    }
}

/// One delivery's requests.
struct Talk<'a> {
    reach: &'a Reach,
    delivery: &'a Delivery,
    target: Target,
    settings: Settings,
    /// What was asked so far, without the token.
    asked: Mutex<String>,
}

impl Talk<'_> {
    async fn tell(&self, envelope: &Envelope) -> Result<Outcome, Outcome> {
        match &envelope.data {
            EventData::TaskCreated(d) => self.create(envelope.event_id, d).await,
            EventData::TaskUpdated(d) => self.edit(d).await,
            EventData::TaskCompleted(d) => self.move_to(d.task_id, &self.settings.done).await,
            EventData::TaskReopened(d) => self.move_to(d.task_id, &self.settings.open).await,
            EventData::TaskDeleted(d) => self.comment(d.task_id, &d.title, "deleted").await,
            EventData::TaskRestored(d) => self.comment(d.task_id, &d.title, "restored").await,
            EventData::TaskPurged(d) => self.comment(d.task_id, &d.title, "deleted for ever").await,
            _ => Ok(nothing("nothing is to be done for this")),
        }
    }

    /// Says in the issue what became of its task, if that is asked for.
    async fn comment(&self, task_id: TaskId, title: &str, what: &str) -> Result<Outcome, Outcome> {
        if !self.settings.comment_on_delete {
            return Ok(nothing("nothing is to be done for this"));
        }
        let text = format!("“{title}” was {what} in Todo Evolution.");
        let body = json!({"body": document(&text)});
        self.about(task_id, Method::POST, "/comment", body).await
    }

    async fn project(&self) -> Result<Reply, Outcome> {
        let path = format!("/rest/api/3/project/{}", self.settings.project);
        self.ask(Method::GET, &path, None).await
    }

    /// Whether we are let in, and the project is there.
    async fn try_door(&self) -> Result<Outcome, Outcome> {
        let reply = self.project().await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(Outcome::Permanent(reply.answer())),
            _ => Ok(fine(reply).map_or_else(|outcome| outcome, sent)),
        }
    }

    async fn create(&self, event_id: EventId, task: &TaskCreated) -> Result<Outcome, Outcome> {
        let description = document(&task.description);
        if self.issue(task.task_id).await?.is_some() {
            // History was sent again: the issue is made what the task was.
            let body =
                json!({"fields": {"summary": summary(&task.title), "description": description}});
            return self.about(task.task_id, Method::PUT, "", body).await;
        }
        self.wait_for_search().await?;
        let label = format!("todo-{event_id}");
        if let Some(key) = self.find(&label).await? {
            self.remember(task.task_id, &key).await?;
            return Ok(nothing(&format!("{key} was created before")));
        }
        let body = json!({"fields": {
            "project": {"key": self.settings.project},
            "issuetype": {"name": self.settings.issue_type},
            "summary": summary(&task.title),
            "description": description,
            "labels": [label],
        }});
        let reply = self
            .ask(Method::POST, "/rest/api/3/issue", Some(body))
            .await?;
        let reply = fine(reply)?;
        // Its body is short, so all of it was kept.
        let key = serde_json::from_str::<Value>(&reply.text).ok();
        let Some(key) = key.and_then(|answer| key_of(&answer)) else {
            return Ok(Outcome::Passing(reply.answer()));
        };
        crash::point("jira:after-create");
        self.remember(task.task_id, &key).await?;
        Ok(sent(reply))
    }

    /// After an attempt that nobody has heard the end of, Jira's search is given time.
    async fn wait_for_search(&self) -> Result<(), Outcome> {
        let mut conn = self.reach.db.pool().acquire().await.map_err(away)?;
        let (id, attempt) = (self.delivery.id, self.delivery.attempt);
        let began = issues::unheard_of(&mut conn, id, attempt)
            .await
            .map_err(away)?;
        let known = began.map(|began| began + self.reach.limit * 4);
        match known.filter(|known| *known > app::db::now()) {
            Some(known) => Err(Outcome::NotYet(known)),
            None => Ok(()),
        }
    }

    /// The issue with this label.
    async fn find(&self, label: &str) -> Result<Option<String>, Outcome> {
        let jql = format!(
            "project = \"{}\" AND labels = \"{label}\"",
            self.settings.project
        );
        let body = json!({"jql": jql, "fields": ["summary"], "maxResults": 1});
        let reply = self
            .ask(Method::POST, "/rest/api/3/search/jql", Some(body))
            .await?;
        let reply = fine(reply)?;
        let found: Value = serde_json::from_str(&reply.text)
            .map_err(|_| Outcome::Passing(reply.clone().answer()))?;
        Ok(found["issues"].get(0).and_then(key_of))
    }

    async fn edit(&self, task: &TaskUpdated) -> Result<Outcome, Outcome> {
        let mut fields = serde_json::Map::new();
        if let Some(title) = &task.changes.title {
            fields.insert("summary".into(), summary(&title.new).into());
        }
        if let Some(description) = &task.changes.description {
            fields.insert("description".into(), document(&description.new));
        }
        let body = json!({"fields": fields});
        self.about(task.task_id, Method::PUT, "", body).await
    }

    /// Takes the transition that leads to a status.
    async fn move_to(&self, task_id: TaskId, status: &str) -> Result<Outcome, Outcome> {
        let Some(key) = self.issue(task_id).await? else {
            return Ok(no_issue());
        };
        let path = format!("/rest/api/3/issue/{key}/transitions");
        let reply = self.ask(Method::GET, &path, None).await?;
        let reply = self.there(task_id, &key, reply).await?;
        let answer: Value = serde_json::from_str(&reply.text).unwrap_or_default();
        let transitions = answer["transitions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let named = |value: &Value| {
            let name = value["name"].as_str().unwrap_or_default();
            name.to_lowercase() == status.to_lowercase()
        };
        let fits = transitions
            .iter()
            .find(|transition| named(&transition["to"]));
        let Some(id) = fits.and_then(|transition| transition["id"].as_str()) else {
            return self.is_there_already(&key, named, status).await;
        };
        let body = json!({"transition": {"id": id}});
        self.about(task_id, Method::POST, "/transitions", body)
            .await
    }

    async fn is_there_already(
        &self,
        key: &str,
        named: impl Fn(&Value) -> bool + Send,
        status: &str,
    ) -> Result<Outcome, Outcome> {
        let reply = fine(self.look(key).await?)?;
        let issue: Value = serde_json::from_str(&reply.text).unwrap_or_default();
        match named(&issue["fields"]["status"]) {
            true => Ok(nothing(&format!("{key} is in “{status}” already"))),
            false => Ok(Outcome::Permanent(Answer::text(format!(
                "no transition of {key} leads to “{status}”"
            )))),
        }
    }

    /// A request about the issue of a task, if it has one.
    async fn about(
        &self,
        task_id: TaskId,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Outcome, Outcome> {
        let Some(key) = self.issue(task_id).await? else {
            return Ok(no_issue());
        };
        let path = format!("/rest/api/3/issue/{key}{path}");
        let reply = self.ask(method, &path, Some(body)).await?;
        self.there(task_id, &key, reply).await.map(sent)
    }

    /// The answer, if it is a good one. An issue that is not there any more is forgotten; to whoever
    /// may not see the project, Jira says the same of all of its issues. Whoever may see it again since
    /// the first answer is told so by a second.
    async fn there(&self, task_id: TaskId, key: &str, reply: Reply) -> Result<Reply, Outcome> {
        if reply.status != StatusCode::NOT_FOUND {
            return fine(reply);
        }
        if !self.project().await?.status.is_success() {
            return Err(Outcome::Passing(reply.answer().blaming()));
        }
        if self.look(key).await?.status != StatusCode::NOT_FOUND {
            return Err(Outcome::Passing(reply.answer().blaming()));
        }
        let id = self.target.endpoint.id.clone();
        self.reach
            .db
            .write(move |tx| Box::pin(async move { issues::forget(tx, &id, task_id).await }))
            .await
            .map_err(away)?;
        Err(Outcome::Permanent(reply.answer()))
    }

    /// The issue, with the status it is in.
    async fn look(&self, key: &str) -> Result<Reply, Outcome> {
        let path = format!("/rest/api/3/issue/{key}?fields=status");
        self.ask(Method::GET, &path, None).await
    }

    async fn issue(&self, task_id: TaskId) -> Result<Option<String>, Outcome> {
        let mut conn = self.reach.db.pool().acquire().await.map_err(away)?;
        issues::issue(&mut conn, &self.target.endpoint.id, task_id)
            .await
            .map_err(away)
    }

    async fn remember(&self, task_id: TaskId, key: &str) -> Result<(), Outcome> {
        let (id, key) = (self.target.endpoint.id.clone(), key.to_owned());
        self.reach
            .db
            .write(move |tx| {
                Box::pin(async move { issues::remember(tx, &id, task_id, &key).await })
            })
            .await
            .map_err(away)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Reply, Outcome> {
        let body = body.map(|body| body.to_string());
        if let Ok(mut asked) = self.asked.lock() {
            *asked += &format!("{method} {path}\n");
            if let Some(body) = &body {
                *asked += &format!("{body}\n");
            }
        }
        let url = format!("{}{path}", self.target.endpoint.url);
        let request = self.reach.outbound.open(method, &url).await?;
        let request = request
            .basic_auth(&self.settings.email, Some(&self.target.secrets.current))
            .header("accept", "application/json");
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body),
            None => request,
        };
        self.reach.call(request).await
    }
}

fn sent(reply: Reply) -> Outcome {
    Outcome::Sent(reply.answer())
}

fn nothing(why: &str) -> Outcome {
    Outcome::Sent(Answer::text(why))
}

fn no_issue() -> Outcome {
    nothing("this task has no issue: it was there before the endpoint")
}

fn away(error: sqlx::Error) -> Outcome {
    tracing::warn!(%error, "an issue waits for the database");
    Outcome::Passing(Answer::text("the issue could not be looked up"))
}

/// A good answer; else what becomes of the delivery.
fn fine(reply: Reply) -> Result<Reply, Outcome> {
    match reply.status {
        status if status.is_success() => Ok(reply),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => {
            Err(Outcome::Passing(reply.answer()))
        }
        // Its `errors` say which field: this issue, and not later either.
        StatusCode::BAD_REQUEST => Err(Outcome::Permanent(reply.answer())),
        // Not let in, not that address, or broken: so is everything else.
        _ => Err(Outcome::Passing(reply.answer().blaming())),
    }
}

/// An issue's key, if it is one that fits into a path.
fn key_of(issue: &Value) -> Option<String> {
    let key = issue["key"].as_str()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!key.is_empty() && key.chars().all(is_plain)).then(|| key.to_owned())
}
