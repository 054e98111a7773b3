//! Public endpoints. Everybody's are their own; another person's are not there.

use super::commands::{self, Wish};
use super::{CHOICES, Jira, Kind, LONGEST_URL, secret};
use crate::accounts::{self, Zone, session};
use crate::db::to_micros;
use crate::error::Error;
use crate::event::EventType;
use crate::outbox::Cause;
use crate::state::State;
use chrono::{Datelike, NaiveDate};
use leptos::prelude::*;

/// The longest a description may be.
const DESCRIPTION: usize = 200;
/// The longest a name, an address or a token of Jira's may be.
const WORD: usize = 500;

/// Adds a Standard Webhooks receiver. Its secret is shown by its page, once.
/// Errors: `Invalid` fields; `Conflict`.
#[server(prefix = "/api", endpoint = "webhooks/add/webhook")]
pub async fn add_webhook(
    #[server(default)] url: String,
    #[server(default)] description: String,
    #[server(default)] types: Vec<String>,
) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let wish = Wish {
        kind: Kind::Webhook,
        url: url_of(&state, &url, "url").await?,
        description: description_of(&description)?,
        types: types_of(&types)?,
        secret: secret::generate(),
        jira: None,
    };
    add(state, cause, wish).await
}

/// Adds a Slack channel, by the address of its incoming webhook. Errors: `Invalid` fields; `Conflict`.
#[server(prefix = "/api", endpoint = "webhooks/add/slack")]
pub async fn add_slack(
    #[server(default)] url: String,
    #[server(default)] description: String,
    #[server(default)] types: Vec<String>,
) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let url = url.trim();
    // Tests have a Slack of their own.
    if !state.gate.allows_private() && !is_slack(url) {
        return Err(Error::invalid(
            "url",
            "Copy the address from Slack's page of incoming webhooks: it begins with \
             https://hooks.slack.com/services/.",
        ));
    }
    let wish = Wish {
        kind: Kind::Slack,
        url: url_of(&state, url, "url").await?,
        description: description_of(&description)?,
        types: types_of(&types)?,
        secret: String::new(),
        jira: None,
    };
    add(state, cause, wish).await
}

/// Adds a Jira project. Errors: `Invalid` fields; `Conflict`.
#[allow(clippy::too_many_arguments)] // A form's fields.
#[server(prefix = "/api", endpoint = "webhooks/add/jira")]
pub async fn add_jira(
    #[server(default)] url: String,
    #[server(default)] description: String,
    #[server(default)] types: Vec<String>,
    #[server(default)] email: String,
    #[server(default)] token: String,
    #[server(default)] project: String,
    #[server(default)] issue_type: String,
    #[server(default)] done: String,
    #[server(default)] open: String,
    #[server(default)] on_delete: String,
) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let project = word(&project, "project", "Give the project's key, such as TODO.")?;
    let is_key = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !project.chars().all(is_key) || project.len() > 50 {
        return Err(Error::invalid(
            "project",
            "Give the project's key: letters and digits, such as TODO.",
        ));
    }
    let jira = Jira {
        email: word(
            &email,
            "email",
            "Give the e-mail address of the account at Atlassian.",
        )?,
        project,
        issue_type: word(
            &issue_type,
            "issue_type",
            "Give the issues' type, such as Task.",
        )?,
        done: word(
            &done,
            "done",
            "Name the status of what is completed, such as Done.",
        )?,
        open: word(
            &open,
            "open",
            "Name the status of what is open, such as To Do.",
        )?,
        comment_on_delete: on_delete == "comment",
    };
    let url = url_of(&state, &url, "url").await?;
    if url.contains(['?', '#']) {
        return Err(Error::invalid(
            "url",
            "Give the address of the site only, such as https://example.atlassian.net.",
        ));
    }
    let wish = Wish {
        kind: Kind::Jira,
        url: url.trim_end_matches('/').into(),
        description: description_of(&description)?,
        types: types_of(&types)?,
        secret: word(&token, "token", "Give an API token of that account.")?,
        jira: Some(jira),
    };
    add(state, cause, wish).await
}

async fn add(state: State, cause: Cause, wish: Wish) -> Result<(), Error> {
    let id = state
        .db
        .write(move |tx| Box::pin(async move { commands::add(tx, &cause, &wish).await }))
        .await?;
    leptos_axum::redirect(&format!("/webhooks/{id}"));
    Ok(())
}

/// Changes what it is called, and what it is sent from now on. Errors: `NotFound`, `Invalid` fields.
#[server(prefix = "/api", endpoint = "webhooks/edit")]
pub async fn edit_endpoint(
    endpoint_id: String,
    #[server(default)] description: String,
    #[server(default)] types: Vec<String>,
) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let (description, types) = (description_of(&description)?, types_of(&types)?);
    let id = endpoint_id.clone();
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::edit(tx, &cause, &id, &description, &types).await })
        })
        .await?;
    to(&endpoint_id);
    Ok(())
}

/// A new secret, which its page shows once; the one before signs too for 24 hours.
/// Errors: `NotFound`, `Conflict`.
#[server(prefix = "/api", endpoint = "webhooks/rotate")]
pub async fn rotate_secret(endpoint_id: String) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let id = endpoint_id.clone();
    state
        .db
        .write(move |tx| Box::pin(async move { commands::rotate(tx, &cause, &id).await }))
        .await?;
    to(&endpoint_id);
    Ok(())
}

/// Keeps another API token of Jira's. Errors: `NotFound`, `Conflict`, `Invalid`.
#[server(prefix = "/api", endpoint = "webhooks/token")]
pub async fn set_token(endpoint_id: String, #[server(default)] token: String) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let token = word(&token, "token", "Give an API token of the account.")?;
    let id = endpoint_id.clone();
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::set_token(tx, &cause, &id, &token).await })
        })
        .await?;
    to(&endpoint_id);
    Ok(())
}

/// Sends it an example. Errors: `NotFound`, `Conflict`.
#[server(prefix = "/api", endpoint = "webhooks/test")]
pub async fn test_endpoint(endpoint_id: String) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let id = endpoint_id.clone();
    state
        .db
        .write(move |tx| Box::pin(async move { commands::test(tx, &cause, &id).await }))
        .await?;
    to(&endpoint_id);
    Ok(())
}

/// Switches it on or off. Errors: `NotFound`.
#[server(prefix = "/api", endpoint = "webhooks/switch")]
pub async fn switch_endpoint(
    endpoint_id: String,
    #[server(default)] on: bool,
) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let id = endpoint_id.clone();
    state
        .db
        .write(move |tx| Box::pin(async move { commands::switch(tx, &cause, &id, on).await }))
        .await?;
    to(&endpoint_id);
    Ok(())
}

/// Removes it; what waits is not sent. Errors: `NotFound`.
#[server(prefix = "/api", endpoint = "webhooks/remove")]
pub async fn remove_endpoint(endpoint_id: String) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    state
        .db
        .write(move |tx| Box::pin(async move { commands::remove(tx, &cause, &endpoint_id).await }))
        .await?;
    leptos_axum::redirect("/webhooks");
    Ok(())
}

/// Sends one delivery once more, under its id. Errors: `NotFound`, `Conflict`.
#[server(prefix = "/api", endpoint = "webhooks/redeliver")]
pub async fn redeliver_to_endpoint(endpoint_id: String, delivery: i64) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let id = endpoint_id.clone();
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::redeliver(tx, &cause, &id, delivery).await })
        })
        .await?;
    to(&endpoint_id);
    Ok(())
}

/// Queues everything again that has happened from this day of the person's on, such as "2026-11-01",
/// under the same ids. Errors: `NotFound`, `Conflict`, `Invalid`.
#[server(prefix = "/api", endpoint = "webhooks/replay")]
pub async fn replay_to_endpoint(
    endpoint_id: String,
    #[server(default)] from: String,
) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let day = NaiveDate::parse_from_str(from.trim(), "%Y-%m-%d").ok();
    let day = day
        .filter(|day| (1970..10_000).contains(&day.year()))
        .ok_or_else(|| Error::invalid("from", "Give a date, such as 2026-11-01."))?;
    let id = endpoint_id.clone();
    state
        .db
        .write(move |tx| {
            Box::pin(async move {
                let zone = accounts::queries::zone(tx, &cause.actor_id).await?;
                let from = zone.unwrap_or(Zone::UTC).begins_on(day);
                commands::replay(tx, &cause, &id, to_micros(from)).await
            })
        })
        .await?;
    to(&endpoint_id);
    Ok(())
}

/// To the endpoint's page. The command has found the id, so it is well formed.
fn to(id: &str) {
    leptos_axum::redirect(&format!("/webhooks/{id}"));
}

async fn url_of(state: &State, url: &str, field: &str) -> Result<String, Error> {
    let url = url.trim();
    if url.is_empty() {
        return Err(Error::invalid(
            field,
            "Give the address, such as https://example.com/hooks.",
        ));
    }
    if url.len() > LONGEST_URL {
        return Err(Error::invalid(
            field,
            format!(
                "At most {LONGEST_URL} characters. This address has {}.",
                url.len()
            ),
        ));
    }
    match state.gate.check(url).await {
        Ok(()) => Ok(url.into()),
        Err(why) => Err(Error::invalid(
            field,
            format!("This address cannot be used: {why}."),
        )),
    }
}

fn is_slack(url: &str) -> bool {
    [
        "https://hooks.slack.com/services/",
        "https://hooks.slack-gov.com/services/",
    ]
    .iter()
    .any(|start| url.starts_with(start))
}

fn description_of(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let is_long = text.chars().count() > DESCRIPTION;
    if is_long || text.chars().any(char::is_control) {
        return Err(Error::invalid(
            "description",
            format!("Describe it in one line of at most {DESCRIPTION} characters."),
        ));
    }
    Ok(text.into())
}

fn types_of(names: &[String]) -> Result<Vec<EventType>, Error> {
    let known = |name: &String| {
        let event_type = EventType::parse(name);
        event_type.filter(|event_type| CHOICES.contains(event_type))
    };
    let types: Option<Vec<EventType>> = names.iter().map(known).collect();
    match types {
        Some(types) if !types.is_empty() => Ok(types),
        _ => Err(Error::invalid(
            "types",
            "Choose at least one of the events that the page offers.",
        )),
    }
}

/// One line that has to be there.
fn word(text: &str, field: &str, ask: &str) -> Result<String, Error> {
    let text = text.trim();
    let is_fine = !text.is_empty() && text.len() <= WORD && !text.chars().any(char::is_control);
    match is_fine {
        true => Ok(text.into()),
        false => Err(Error::invalid(field, ask)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slacks_own_addresses_are_slacks() {
        assert!(is_slack("https://hooks.slack.com/services/T0/B0/x"));
        for other in [
            "https://hooks.slack.com.example.com/services/T0/B0/x",
            "http://hooks.slack.com/services/T0/B0/x",
            "https://example.com/https://hooks.slack.com/services/",
        ] {
            assert!(!is_slack(other), "{other}");
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_refused_by_its_field() {
        let types =
            |names: &[&str]| types_of(&names.iter().map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(types(&["task.created"]).unwrap(), [EventType::TaskCreated]);
        for bad in [&[][..], &["user.registered"], &["task.created", "x"]] {
            assert_eq!(
                types(bad).unwrap_err().field.as_deref(),
                Some("types"),
                "{bad:?}"
            );
        }
        assert_eq!(description_of(" Mine ").unwrap(), "Mine");
        assert!(description_of(&"x".repeat(201)).is_err() && description_of("a\nb").is_err());
        assert!(
            word(" ", "email", "Say it").is_err() && word("a\u{0}", "email", "Say it").is_err()
        );
    }
}
