//! Public endpoints. Everybody's are their own.

use super::push::{self, Subscription};
use super::{CHOICES, Settings, Way, commands, phone};
use crate::accounts::session;
use crate::error::Error;
use crate::event::EventType;
use leptos::prelude::*;

/// Marks these as read; none named: all of one's own.
#[server(prefix = "/api", endpoint = "notifications/read")]
pub async fn read_notifications(#[server(default)] ids: Vec<i64>) -> Result<(), Error> {
    let (state, session) = session::require().await?;
    if ids.len() > 100 {
        return Err(Error::invalid("ids", "Name at most 100, or none for all."));
    }
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::mark_read(tx, &session.user_id, &ids).await })
        })
        .await?;
    leptos_axum::redirect("/notifications");
    Ok(())
}

/// Keeps what one wants to hear of: `wanted` holds "task.created/email" and the like, and is the
/// whole of it. Quiet hours, by the clock of one's time zone, are "22:00" and the like, both or neither. Errors: `Invalid` fields.
#[server(prefix = "/api", endpoint = "notifications/settings")]
pub async fn set_notifications(
    #[server(default)] wanted: Vec<String>,
    #[server(default)] quiet_from: String,
    #[server(default)] quiet_to: String,
    #[server(default)] phone: String,
    #[server(default)] digest: String,
) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let wanted = wanted
        .iter()
        .map(|text| choice(text))
        .collect::<Result<Vec<_>, _>>()?;
    let sms = wanted.iter().any(|(_, way)| *way == Way::Sms);
    let settings = Settings {
        quiet: quiet_of(&quiet_from, &quiet_to)?,
        phone: phone_of(&phone, sms && state.ways.sms)?,
        phone_asked: String::new(),
        digest: digest == "on",
        ..Settings::default()
    };
    let ways: Vec<Way> = Way::ALL
        .into_iter()
        .filter(|way| state.ways.has(*way))
        .collect();
    state
        .db
        .write(move |tx| {
            Box::pin(async move { commands::choose(tx, &cause, &ways, &wanted, &settings).await })
        })
        .await?;
    leptos_axum::redirect("/notifications");
    Ok(())
}

/// Sends back the code that came by SMS: the number is one's own. Errors: `Invalid`.
#[server(prefix = "/api", endpoint = "notifications/phone")]
pub async fn confirm_phone(#[server(default)] code: String) -> Result<(), Error> {
    let (state, cause) = session::cause(None).await?;
    let confirmed = state
        .db
        .write::<_, Error, _>(move |tx| {
            Box::pin(async move { phone::confirm(tx, &cause, &code).await })
        })
        .await?;
    if !confirmed {
        return Err(Error::invalid(
            "code",
            "This is not the code. After five guesses it is worth nothing: have another one sent.",
        ));
    }
    leptos_axum::redirect("/notifications");
    Ok(())
}

/// Sends another code to the number that waits for one. Errors: `Conflict`, `TooMany`.
#[server(prefix = "/api", endpoint = "notifications/phone/again")]
pub async fn send_code_again() -> Result<(), Error> {
    let (state, session) = session::require().await?;
    state
        .db
        .write(move |tx| Box::pin(async move { phone::ask_again(tx, &session.user_id).await }))
        .await?;
    leptos_axum::redirect("/notifications");
    Ok(())
}

/// The browser that asks takes messages from now on, for as long as it is logged in: `endpoint`,
/// `p256dh` and `auth` are what its Push API says, `server_key` is ours. Errors: `Invalid`.
#[server(prefix = "/api", endpoint = "notifications/push/subscribe")]
pub async fn subscribe_browser(
    #[server(default)] endpoint: String,
    #[server(default)] p256dh: String,
    #[server(default)] auth: String,
    #[server(default)] server_key: String,
) -> Result<(), Error> {
    let (state, session) = session::require().await?;
    let service = state.push.clone().ok_or_else(Error::internal)?;
    let subscription = Subscription {
        endpoint,
        p256dh,
        auth,
        server_key,
    };
    service
        .check(&subscription)
        .map_err(|detail| Error::invalid("endpoint", detail))?;
    state
        .db
        .write(move |tx| {
            Box::pin(async move { push::subscribe(tx, &session, &subscription).await })
        })
        .await
}

/// One of one's own browsers takes no more messages. Errors: `NotFound`.
#[server(prefix = "/api", endpoint = "notifications/push/remove")]
pub async fn remove_browser(id: i64) -> Result<(), Error> {
    let (state, session) = session::require().await?;
    state
        .db
        .write(move |tx| Box::pin(async move { push::remove(tx, &session.user_id, id).await }))
        .await?;
    leptos_axum::redirect("/notifications");
    Ok(())
}

/// Sends a message to one of one's own browsers. Errors: `NotFound`, `TooMany`.
#[server(prefix = "/api", endpoint = "notifications/push/test")]
pub async fn test_browser(id: i64) -> Result<(), Error> {
    let (state, session) = session::require().await?;
    state
        .db
        .write(move |tx| Box::pin(async move { push::test(tx, &session.user_id, id).await }))
        .await?;
    leptos_axum::redirect("/notifications");
    Ok(())
}

fn choice(text: &str) -> Result<(EventType, Way), Error> {
    let parts = text.split_once('/').and_then(|(event_type, way)| {
        let event_type = EventType::parse(event_type)?;
        let chosen = CHOICES.contains(&event_type);
        chosen.then_some((event_type, Way::parse(way)?))
    });
    parts.ok_or_else(|| Error::invalid("wanted", "Choose from what the page offers."))
}

fn quiet_of(from: &str, to: &str) -> Result<Option<(u16, u16)>, Error> {
    if from.is_empty() && to.is_empty() {
        return Ok(None);
    }
    let missing = if from.is_empty() {
        "quiet_from"
    } else {
        "quiet_to"
    };
    match (minute(from), minute(to)) {
        (Some(from), Some(to)) if from != to => Ok(Some((from, to))),
        _ => Err(Error::invalid(
            missing,
            "Say from when and until when, such as 22:00 and 07:00, or leave both empty.",
        )),
    }
}

/// "22:00".
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// A number as E.164 has it, without what people put between its digits.
fn phone_of(text: &str, needed: bool) -> Result<String, Error> {
    let number: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !"-()./".contains(*c))
        .collect();
    let digits = number.strip_prefix('+').unwrap_or_default();
    let well_formed = (8..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    match number.as_str() {
        "" if !needed => Ok(number),
        _ if well_formed => Ok(number),
        _ => Err(Error::invalid(
            "phone",
            "Give the number with its country, such as +351 210 000 000.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_without_what_is_between_their_digits() {
        assert_eq!(
            phone_of("+351 (210) 000-000", true).unwrap(),
            "+351210000000"
        );
        assert_eq!(phone_of(" ", false).unwrap(), "");
        for bad in [
            "",
            "210000000",
            "+1",
            "+0351210000000",
            "+35121000000x",
            "+1234567890123456",
        ] {
            let refused = phone_of(bad, true).unwrap_err();
            assert_eq!(refused.field.as_deref(), Some("phone"), "{bad:?}");
        }
    }

    #[test]
    fn quiet_hours_have_a_beginning_and_an_end() {
        assert_eq!(quiet_of("22:00", "07:30").unwrap(), Some((1320, 450)));
        assert_eq!(quiet_of("", "").unwrap(), None);
        for (from, to) in [
            ("22:00", ""),
            ("", "7:00"),
            ("24:00", "7:00"),
            ("8:00", "8:00"),
            ("a", "b"),
        ] {
            assert_eq!(quiet_of(from, to).unwrap_err().status, 422, "{from} {to}");
        }
    }

    #[test]
    fn only_what_is_offered_can_be_chosen() {
        let email = (EventType::TaskCreated, Way::Email);
        assert_eq!(choice("task.created/email").unwrap(), email);
        for bad in [
            "task.created",
            "task.created/fax",
            "user.registered/email",
            "x/page",
        ] {
            assert_eq!(choice(bad).unwrap_err().status, 422, "{bad}");
        }
    }
}
