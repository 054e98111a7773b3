//! `/webhooks/new/:kind`: the form for a new endpoint.

use super::{Frame, Line, choices, who, with_article};
use crate::shell::{NotFound, last_of_path, or_login, submitted};
use crate::ui::Submitted;
use crate::webhooks::api::{AddJira, AddSlack, AddWebhook};
use crate::webhooks::{CHOICES, Kind};
use leptos::either::Either;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

#[component]
pub fn NewEndpoint() -> impl IntoView {
    let kind = last_of_path::<String>().and_then(|kind| Kind::parse(&kind));
    Suspend::new(async move {
        let Some(kind) = kind else {
            return Either::Left(view! { <NotFound/> });
        };
        Either::Right(or_login(who().await, |(_, me)| {
            let title = format!("Add {}", with_article(kind));
            view! {
                <Title text=title.clone()/>
                <Frame me title>{form(kind)}</Frame>
            }
        }))
    })
}

fn form(kind: Kind) -> impl IntoView {
    let form = submitted();
    let fields = match kind {
        Kind::Webhook => webhook(form.clone()).into_any(),
        Kind::Slack => slack(form.clone()).into_any(),
        Kind::Jira => jira(form.clone()).into_any(),
    };
    let action = match kind {
        Kind::Webhook => AddWebhook::url(),
        Kind::Slack => AddSlack::url(),
        Kind::Jira => AddJira::url(),
    };
    view! {
        <form class="wishes" method="post" action=action>
            {fields}
            <Line
                name="description"
                label="What you call it"
                hint="May be left empty."
                form=form.clone()
            />
            {choices(CHOICES, &form)}
            <button class="button" type="submit">"Add"</button>
        </form>
        <p><a href="/webhooks">"Back without adding"</a></p>
    }
}

fn webhook(form: Option<Submitted>) -> impl IntoView {
    view! {
        <p>
            "Every event is a POST with its envelope as JSON, signed as "
            <a href="https://www.standardwebhooks.com" rel="noreferrer">"Standard Webhooks"</a>
            " has it. Its secret is shown on the next page, once."
        </p>
        <Line
            name="url"
            label="Address"
            kind="url"
            hint="Such as https://example.com/hooks. It has to answer with 2xx within 15 seconds; 410 ends it."
            required=true
            form
        />
    }
}

fn slack(form: Option<Submitted>) -> impl IntoView {
    view! {
        <p>"Every event is a message in one channel. Add an incoming webhook to that channel in Slack, and copy its address."</p>
        <Line
            name="url"
            label="Address of the incoming webhook"
            kind="url"
            hint="It begins with https://hooks.slack.com/services/. Who knows it can write to the channel."
            required=true
            form
        />
    }
}

fn jira(form: Option<Submitted>) -> impl IntoView {
    let comments = form
        .as_ref()
        .is_none_or(|form| form.value("on_delete").is_some());
    let line = |name, label, hint, value: &'static str| {
        view! { <Line name label hint value required=true form=form.clone()/> }
    };
    view! {
        <p>"Every task becomes an issue, which is edited, completed and reopened as the task is. Nothing comes back from Jira."</p>
        {line("url", "Address of the site", "Such as https://example.atlassian.net.", "")}
        {line("email", "E-mail of the account", "Issues are reported by it.", "")}
        <Line
            name="token"
            label="API token of the account"
            kind="password"
            hint="It is kept in the database as it is, since it has to be used, and never shown again."
            required=true
            form=form.clone()
        />
        {line("project", "Key of the project", "Such as TODO.", "")}
        {line("issue_type", "Type of the issues", "", "Task")}
        {line("done", "Status of what is completed", "", "Done")}
        {line("open", "Status of what is taken up again", "", "To Do")}
        <label class="once-a-day">
            <input type="checkbox" name="on_delete" value="comment" checked=comments/>
            "Tell in a comment when a task is deleted or restored. Its issue stays."
        </label>
    }
}
