//! Jira, played by a server that behaves as its REST API does.

mod fake;

use super::world::{self, ALL, Endpoint, add_kind, all_are_sent, rows, start, status};
use crate::on_both_stacks;
use crate::support::{Person, Place, Process, Stack, eventually};
use app::deliveries::Status;
use fake::{EMAIL, Jira, TOKEN};
use serde_json::json;

on_both_stacks!(
    an_issue_follows_its_task,
    what_jira_answers_is_understood,
    nobody_hears_the_answer_and_there_is_one_issue,
    what_breaks_after_creating_creates_no_second_issue,
    who_may_not_see_an_issue_does_not_forget_it,
    who_dies_after_creating_creates_no_second_issue,
);

async fn add(person: &Person, jira: &Jira, more: &[(&str, &str)]) -> Endpoint {
    let mut form = vec![
        ("email", EMAIL),
        ("token", TOKEN),
        ("project", "TODO"),
        ("issue_type", "Task"),
        ("done", "Done"),
        ("open", "To Do"),
    ];
    form.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    form.extend(more);
    add_kind(person, "jira", &jira.url, ALL, &form).await
}

async fn an_issue_follows_its_task(stack: Stack) {
    let jira = Jira::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let older = ada.task("From before").await;
    let endpoint = add(&ada, &jira, &[("on_delete", "comment")]).await;
    let form = [("title", "Buy milk"), ("description", "Two litres\n\nOat")];
    let event = ada.does("/api/tasks", &form).await.unwrap();
    let task = event.envelope.data.task_id().unwrap().to_string();
    let id = [("task_id", task.as_str())];
    ada.does("/api/tasks/complete", &[("task_id", &older)])
        .await;
    ada.does("/api/tasks/complete", &id).await;
    eventually("it is done", async || jira.issue("TODO-1").status == "Done").await;
    let issue = jira.issue("TODO-1");
    assert_eq!(issue.fields["summary"], "Buy milk");
    assert_eq!(
        issue.fields["labels"],
        json!([format!("todo-{}", event.envelope.event_id)])
    );
    let text =
        |text: &str| json!({"type": "paragraph", "content": [{"type": "text", "text": text}]});
    assert_eq!(
        issue.fields["description"],
        json!({"type": "doc", "version": 1, "content": [text("Two litres"), text("Oat")]})
    );
    ada.does("/api/tasks/reopen", &id).await;
    let form = [id[0], ("title", "Buy oat milk"), ("description", "")];
    ada.does("/api/tasks/edit", &form).await;
    ada.does("/api/tasks/delete", &id).await;
    eventually("it is told", async || jira.issue("TODO-1").comments == 1).await;
    let issue = jira.issue("TODO-1");
    assert_eq!(issue.status, "To Do");
    assert_eq!(issue.fields["summary"], "Buy oat milk");
    assert_eq!(issue.fields["description"], json!(null));
    assert_eq!(jira.count(), 1, "what was there before has no issue");
    endpoint.does(&ada, "test", &[]).await;
    all_are_sent(db, &endpoint.id).await;

    // History again: no second issue, and nothing that lets anybody in is shown.
    let today = app::db::now().date_naive().to_string();
    let before = jira.requests();
    endpoint.does(&ada, "replay", &[("from", &today)]).await;
    eventually("history is told again", async || {
        jira.issue("TODO-1").comments == 2
    })
    .await;
    all_are_sent(db, &endpoint.id).await;
    assert!(jira.requests() > before);
    // The task from before is an issue now that its beginning was told, too.
    eventually("and the older one", async || jira.count() == 2).await;
    let page = endpoint.page(&ada).await;
    assert!(
        page.contains("POST /rest/api/3/issue") && page.contains("PUT /rest/api/3/issue/TODO-1")
    );
    assert!(!page.contains(TOKEN) && !page.contains("Basic "), "{page}");
    app.stop().await;
}

async fn what_jira_answers_is_understood(stack: Stack) {
    let jira = Jira::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let endpoint = add(&ada, &jira, &[]).await;
    let last = async || rows(db, &endpoint.id).await.remove(0);

    jira.answers(429, "2");
    let began = std::time::Instant::now();
    let task = ada.task("Buy milk").await;
    eventually("it is created", async || jira.count() == 1).await;
    assert!(
        began.elapsed().as_secs() >= 2,
        "as long as it asked to wait"
    );
    jira.answers(503, "");
    ada.does("/api/tasks/complete", &[("task_id", &task)]).await;
    eventually("it is done", async || jira.issue("TODO-1").status == "Done").await;
    all_are_sent(db, &endpoint.id).await;

    // No field of the message can be what it is: no retry, and the next goes on.
    jira.refuses("summary", "Summary is banned.");
    ada.creates("Refused").await;
    eventually("it is given up", async || {
        last().await.status == Status::Failed
    })
    .await;
    let row = last().await;
    assert_eq!(row.attempts, 1);
    assert!(row.answer.contains("Summary is banned."), "{}", row.answer);

    // Deleted over there: said once, and then there is no issue.
    jira.deletes("TODO-1");
    let id = [("task_id", task.as_str())];
    ada.does("/api/tasks/reopen", &id).await;
    eventually("it is given up", async || {
        last().await.status == Status::Failed
    })
    .await;
    ada.does("/api/tasks/complete", &id).await;
    eventually("nothing is to be done", async || {
        let row = last().await;
        row.status == Status::Sent && row.answer.contains("has no issue")
    })
    .await;
    assert_eq!(status(db, &endpoint.id).await.disabled_at, None);

    // No transition leads there.
    let other = add(&ada, &jira, &[("done", "Shipped")]).await;
    let task = ada.task("Never shipped").await;
    ada.does("/api/tasks/complete", &[("task_id", &task)]).await;
    eventually("it is given up", async || {
        let row = rows(db, &other.id).await.into_iter().next();
        row.is_some_and(|row| {
            row.status == Status::Failed && row.answer.contains("leads to “Shipped”")
        })
    })
    .await;
    other.does(&ada, "remove", &[]).await;

    // Who is not let in is tried again, as the account may be put in order.
    let other = add(&ada, &jira, &[("token", "wrong")]).await;
    assert_eq!(other.secret, "");
    other.does(&ada, "test", &[]).await;
    eventually("it is not let in", async || {
        let row = rows(db, &other.id).await.into_iter().next();
        row.is_some_and(|row| row.attempts >= 2 && row.status == Status::Queued)
    })
    .await;
    assert!(status(db, &other.id).await.failing_since.is_some());
    other.does(&ada, "token", &[("token", TOKEN)]).await;
    all_are_sent(db, &other.id).await;
    assert_eq!(status(db, &other.id).await.failing_since, None);
    app.stop().await;
}

async fn nobody_hears_the_answer_and_there_is_one_issue(stack: Stack) {
    let jira = Jira::start().await;
    let app = start(Place::new(stack).await).await;
    let ada = app.person().await;
    let endpoint = add(&ada, &jira, &[]).await;
    jira.hangs_after_creating();
    ada.creates("Buy milk").await;
    all_are_sent(&app.server.db, &endpoint.id).await;
    assert_eq!(jira.count(), 1, "it was looked for");
    let row = rows(&app.server.db, &endpoint.id).await.remove(0);
    assert!(
        row.answer.contains("TODO-1 was created before"),
        "{}",
        row.answer
    );
    app.stop().await;
}

async fn what_breaks_after_creating_creates_no_second_issue(stack: Stack) {
    let jira = Jira::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let endpoint = add(&ada, &jira, &[]).await;
    for (n, status) in [500, 503].into_iter().enumerate() {
        jira.breaks_after_creating(status);
        let task = ada.task(&format!("Buy milk at {status}")).await;
        ada.does("/api/tasks/complete", &[("task_id", &task)]).await;
        let key = format!("TODO-{}", n + 1);
        eventually("it is done", async || jira.issue(&key).status == "Done").await;
        all_are_sent(db, &endpoint.id).await;
        assert_eq!(jira.count(), n + 1, "{status}: it was looked for");
        let created = rows(db, &endpoint.id).await.remove(1);
        let found = format!("{key} was created before");
        assert!(created.answer.contains(&found), "{}", created.answer);
    }
    app.stop().await;
}

async fn who_may_not_see_an_issue_does_not_forget_it(stack: Stack) {
    let jira = Jira::start().await;
    let app = start(Place::new(stack).await).await;
    let db = &app.server.db;
    let ada = app.person().await;
    let endpoint = add(&ada, &jira, &[("on_delete", "comment")]).await;
    let task = ada.task("Buy milk").await;
    all_are_sent(db, &endpoint.id).await;
    let id = [("task_id", task.as_str())];
    let edit = |title| [id[0], ("title", title), ("description", "")];
    let is_refused = async || {
        eventually(
            "it is told that there is none, and asks again",
            async || {
                let row = rows(db, &endpoint.id).await.remove(0);
                let told = row.answer.contains("do not have permission");
                told && row.status == Status::Queued && row.attempts >= 2
            },
        )
        .await;
        jira.hides(false);
        all_are_sent(db, &endpoint.id).await;
    };
    jira.hides(true);
    ada.does("/api/tasks/edit", &edit("Buy oat milk")).await;
    is_refused().await;
    assert_eq!(jira.issue("TODO-1").fields["summary"], "Buy oat milk");
    jira.hides(true);
    ada.does("/api/tasks/complete", &id).await;
    is_refused().await;
    assert_eq!(jira.issue("TODO-1").status, "Done");
    jira.hides(true);
    ada.does("/api/tasks/delete", &id).await;
    is_refused().await;
    assert_eq!(jira.issue("TODO-1").comments, 1);
    // Nor does history that is told again make another one.
    jira.hides(true);
    let today = app::db::now().date_naive().to_string();
    endpoint.does(&ada, "replay", &[("from", &today)]).await;
    eventually("history waits", async || {
        let rows = rows(db, &endpoint.id).await;
        let first = rows.last().unwrap();
        first.status == Status::Queued && first.attempts >= 3
    })
    .await;
    jira.hides(false);
    eventually("history is told again", async || {
        jira.issue("TODO-1").comments == 2
    })
    .await;
    all_are_sent(db, &endpoint.id).await;
    assert_eq!(jira.count(), 1);
    app.stop().await;
}

async fn who_dies_after_creating_creates_no_second_issue(stack: Stack) {
    let jira = Jira::start().await;
    let place = Place::new(stack).await;
    let mut envs = world::ENVS.to_vec();
    envs.push(("TODO_CRASH_AT", "jira:after-create"));
    let mut process = Process::start(&place, None, &envs).await;
    let ada = Person::register(process.addr).await;
    let endpoint = add(&ada, &jira, &[]).await;
    // It may die before it has answered.
    let _ = ada.try_post("/api/tasks", &[("title", "Buy milk")]).await;
    eventually("it dies", async || {
        process.child.try_wait().unwrap().is_some()
    })
    .await;
    assert_eq!(jira.count(), 1, "it was created");
    envs.pop();
    let _process = Process::start(&place, Some(process.addr), &envs).await;
    let db = app::db::Db::connect(&place.database_url).await.unwrap();
    all_are_sent(&db, &endpoint.id).await;
    assert_eq!(jira.count(), 1);
    let task = rows(&db, &endpoint.id).await.remove(0);
    assert!(
        task.answer.contains("TODO-1 was created before"),
        "{}",
        task.answer
    );
}
