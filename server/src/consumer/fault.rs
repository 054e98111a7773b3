//! A consumer that fails when it is told to, for the tests of retries. Nothing in release builds.

use super::HandleError;
use anyhow::anyhow;
use app::event::Event;
use std::sync::OnceLock;

/// Fails if `TODO_FAIL_AT` is `CONSUMER:PREFIX` and the title that the event tells begins so.
pub fn point(consumer: &str, event: &Event) -> Result<(), HandleError> {
    if cfg!(debug_assertions)
        && let Some((name, prefix)) = PLAN.get_or_init(plan)
        && name == consumer
        && title(event).is_some_and(|title| title.starts_with(prefix))
    {
        return Err(HandleError::Passing(anyhow!("TODO_FAIL_AT says so")));
    }
    Ok(())
}

static PLAN: OnceLock<Option<(String, String)>> = OnceLock::new();

fn plan() -> Option<(String, String)> {
    let text = std::env::var("TODO_FAIL_AT").ok()?;
    let (consumer, prefix) = text.split_once(':')?;
    Some((consumer.into(), prefix.into()))
}

fn title(event: &Event) -> Option<String> {
    let data = serde_json::to_value(&event.envelope.data).ok()?;
    Some(data["title"].as_str()?.into())
}
