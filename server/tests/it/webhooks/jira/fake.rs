//! A project of Jira's. Its search knows an issue only a second after it was created.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

pub const EMAIL: &str = "ada@example.com";
pub const TOKEN: &str = "ATATT3xFfGF0-hush";
/// Base64 of the two, as the real one wants them.
const BASIC: &str = "Basic YWRhQGV4YW1wbGUuY29tOkFUQVRUM3hGZkdGMC1odXNo";
/// How far the search lags behind.
const LAG: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Issue {
    pub fields: Value,
    pub status: String,
    pub comments: usize,
    created: Instant,
}

#[derive(Default)]
struct Project {
    issues: BTreeMap<String, Issue>,
    last: usize,
    requests: usize,
    /// For the next request: a status, and how long to wait.
    next: Option<(u16, String)>,
    /// For the next issue: a field, and what is wrong with it.
    wrong: Option<(String, String)>,
    hang: bool,
    /// For the answer after the next issue was created.
    breaks: Option<u16>,
    hidden: bool,
}

pub struct Jira {
    pub url: String,
    project: Arc<Mutex<Project>>,
}

impl Jira {
    pub async fn start() -> Jira {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let project = Arc::<Mutex<Project>>::default();
        let router = Router::new().fallback(answer).with_state(project.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Jira { url, project }
    }

    /// An issue; one that is not there has nothing.
    pub fn issue(&self, key: &str) -> Issue {
        let project = self.project.lock().unwrap();
        project.issues.get(key).cloned().unwrap_or(Issue {
            fields: Value::Null,
            status: String::new(),
            comments: 0,
            created: Instant::now(),
        })
    }

    pub fn count(&self) -> usize {
        self.project.lock().unwrap().issues.len()
    }

    pub fn requests(&self) -> usize {
        self.project.lock().unwrap().requests
    }

    pub fn answers(&self, status: u16, retry_after: &str) {
        self.project.lock().unwrap().next = Some((status, retry_after.into()));
    }

    pub fn refuses(&self, field: &str, why: &str) {
        self.project.lock().unwrap().wrong = Some((field.into(), why.into()));
    }

    pub fn deletes(&self, key: &str) {
        self.project.lock().unwrap().issues.remove(key);
    }

    /// Whether whoever asks may see the project no more.
    pub fn hides(&self, hidden: bool) {
        self.project.lock().unwrap().hidden = hidden;
    }

    /// The next issue is created, and the answer is that something is broken.
    pub fn breaks_after_creating(&self, status: u16) {
        self.project.lock().unwrap().breaks = Some(status);
    }

    /// The next issue is created, and nobody hears of it.
    pub fn hangs_after_creating(&self) {
        self.project.lock().unwrap().hang = true;
    }
}

async fn answer(
    State(project): State<Arc<Mutex<Project>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answered = project
        .lock()
        .unwrap()
        .answer(&method, &uri, &headers, &body);
    match answered {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

fn told(status: u16, body: Value) -> Option<Response> {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [("content-type", "application/json")];
    Some((status, headers, body.to_string()).into_response())
}

fn missing() -> Option<Response> {
    let words = "Issue does not exist or you do not have permission to see it.";
    told(404, json!({"errorMessages": [words], "errors": {}}))
}

impl Project {
    /// `None`: it never answers.
    fn answer(
        &mut self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Value,
    ) -> Option<Response> {
        self.requests += 1;
        if headers
            .get("authorization")
            .is_none_or(|given| given != BASIC)
        {
            let text = "Client must be authenticated to access this resource.";
            return Some((StatusCode::UNAUTHORIZED, text).into_response());
        }
        if let Some((status, wait)) = self.next.take() {
            let status = StatusCode::from_u16(status).unwrap();
            return Some((status, [("retry-after", wait)], "").into_response());
        }
        let path = uri.path().strip_prefix("/rest/api/3/").unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        match (method.as_str(), &parts[..]) {
            ("GET", ["project", "TODO"]) if self.hidden => told(
                404,
                json!({"errorMessages": ["No project could be found with key 'TODO'."], "errors": {}}),
            ),
            (_, ["issue", _, ..]) if self.hidden => missing(),
            ("GET", ["project", "TODO"]) => told(200, json!({"key": "TODO"})),
            ("POST", ["search", "jql"]) => self.search(body),
            ("POST", ["issue"]) => self.create(body),
            ("GET", ["issue", key]) => match self.issues.get(*key) {
                Some(issue) => told(
                    200,
                    json!({"key": key, "fields": {"status": {"name": issue.status}}}),
                ),
                None => missing(),
            },
            ("PUT", ["issue", key]) => match self.issues.get_mut(*key) {
                Some(issue) => {
                    for (name, value) in body["fields"].as_object().unwrap() {
                        issue.fields[name] = value.clone();
                    }
                    Some(StatusCode::NO_CONTENT.into_response())
                }
                None => missing(),
            },
            ("GET", ["issue", key, "transitions"]) => match self.issues.get(*key) {
                // As long as the real one, which tells much of each status.
                Some(_) => {
                    let icon = "https://example.atlassian.net/".repeat(100);
                    let transition = |id: &str, name: &str| {
                        json!({"id": id, "name": format!("Move to {name}"),
                               "to": {"name": name, "iconUrl": icon}})
                    };
                    let all = [
                        transition("11", "To Do"),
                        transition("21", "In Progress"),
                        transition("31", "Done"),
                    ];
                    told(200, json!({"expand": "transitions", "transitions": all}))
                }
                None => missing(),
            },
            ("POST", ["issue", key, "transitions"]) => match self.issues.get_mut(*key) {
                Some(issue) => {
                    let status = match body["transition"]["id"].as_str() {
                        Some("11") => "To Do",
                        Some("21") => "In Progress",
                        Some("31") => "Done",
                        _ => {
                            return told(
                                400,
                                json!({"errorMessages": ["Transition id is not valid."], "errors": {}}),
                            );
                        }
                    };
                    issue.status = status.into();
                    Some(StatusCode::NO_CONTENT.into_response())
                }
                None => missing(),
            },
            ("POST", ["issue", key, "comment"]) => match self.issues.get_mut(*key) {
                Some(issue) if body["body"]["type"] == "doc" => {
                    issue.comments += 1;
                    told(201, json!({"id": "10000"}))
                }
                Some(_) => told(
                    400,
                    json!({"errorMessages": [], "errors": {"comment": "Comment body can not be empty!"}}),
                ),
                None => missing(),
            },
            _ => told(
                404,
                json!({"errorMessages": ["No such resource."], "errors": {}}),
            ),
        }
    }

    fn search(&self, body: &Value) -> Option<Response> {
        let jql = body["jql"].as_str().unwrap_or_default();
        let Some(label) = jql
            .strip_prefix("project = \"TODO\" AND labels = \"")
            .and_then(|rest| rest.strip_suffix('"'))
        else {
            return told(
                400,
                json!({"errorMessages": ["Error in the JQL Query."], "errors": {}}),
            );
        };
        let known = |issue: &Issue| {
            issue.created.elapsed() > LAG && issue.fields["labels"] == json!([label])
        };
        let found = self.issues.iter().filter(|(_, issue)| known(issue));
        let found: Vec<Value> = found
            .map(|(key, _)| json!({"id": "1", "key": key}))
            .collect();
        told(200, json!({"issues": found, "isLast": true}))
    }

    fn create(&mut self, body: &Value) -> Option<Response> {
        let fields = &body["fields"];
        let mut errors = serde_json::Map::new();
        let mut wrong = |field: &str, why: &str| {
            errors.insert(field.into(), why.into());
        };
        if fields["project"]["key"] != "TODO" {
            wrong("project", "valid project is required");
        }
        if fields["issuetype"]["name"] != "Task" {
            wrong("issuetype", "Specify a valid issue type");
        }
        if !(1..=255).contains(
            &fields["summary"]
                .as_str()
                .unwrap_or_default()
                .chars()
                .count(),
        ) {
            wrong("summary", "You must specify a summary of the issue.");
        }
        if fields["description"] != json!(null) && fields["description"]["type"] != "doc" {
            wrong(
                "description",
                "Operation value must be an Atlassian Document",
            );
        }
        if let Some((field, why)) = self.wrong.take() {
            wrong(&field, &why);
        }
        if !errors.is_empty() {
            return told(400, json!({"errorMessages": [], "errors": errors}));
        }
        self.last += 1;
        let key = format!("TODO-{}", self.last);
        self.issues.insert(
            key.clone(),
            Issue {
                fields: fields.clone(),
                status: "To Do".into(),
                comments: 0,
                created: Instant::now(),
            },
        );
        if std::mem::take(&mut self.hang) {
            return None;
        }
        if let Some(status) = self.breaks.take() {
            let status = StatusCode::from_u16(status).unwrap();
            return Some((status, "upstream connect error").into_response());
        }
        told(
            201,
            json!({"id": "10000", "key": key, "self": "https://example.atlassian.net/rest/api/3/issue/10000"}),
        )
    }
}
