//! People: who they are, how they log in, and their sessions.

pub mod api;

#[cfg(feature = "ssr")]
pub mod commands;
#[cfg(feature = "ssr")]
pub mod password;
#[cfg(feature = "ssr")]
pub mod queries;
#[cfg(feature = "ssr")]
pub mod session;
#[cfg(feature = "ssr")]
pub mod view;
#[cfg(feature = "ssr")]
mod zone;

#[cfg(feature = "ssr")]
pub use zone::{Zone, quarter};

use crate::error::Error;
use crate::event::Timestamp;
use crate::id::{SessionId, UserId};
use serde::{Deserialize, Serialize};

/// The person a page is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Me {
    pub user_id: UserId,
    pub name: String,
}

#[cfg(feature = "ssr")]
impl From<session::Session> for Me {
    fn from(session: session::Session) -> Self {
        Me {
            user_id: session.user_id,
            name: session.name,
        }
    }
}

/// One of a person's logins, as the list of them shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionInfo {
    pub session_id: SessionId,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// The browser, as it calls itself.
    pub user_agent: String,
    pub address: String,
    /// The one that asks.
    pub current: bool,
}

/// An e-mail address as it is kept: trimmed, lower case. As RFC 5321 has it, without quotes: letters go
/// there, so there must be one way only to write it, and one that every mail server takes.
pub fn email(text: &str) -> Result<String, Error> {
    let text = text.trim().to_lowercase();
    let of = |others: &'static str| move |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    let dotted = |text: &str, others| {
        let mut parts = text.split('.');
        parts.all(|part| !part.is_empty() && part.chars().all(of(others)))
    };
    let well_formed = text.len() <= 254
        && text.split_once('@').is_some_and(|(name, host)| {
            name.len() <= 64 && dotted(name, "!#$%&'*+/=?^_`{|}~-") && dotted(host, "-")
        });
    if !well_formed {
        return Err(Error::invalid(
            "email",
            "Give an e-mail address such as ada@example.com.",
        ));
    }
    Ok(text)
}

/// A name as it is kept: trimmed, 1 to 100 characters.
pub fn name(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "Give a name of 1 to 100 characters.",
        ));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_mail_addresses_are_lower_case_and_have_two_sides() {
        assert_eq!(email(" Ada@Example.COM ").unwrap(), "ada@example.com");
        for good in ["o'hara+todo@mail.example.com", "a_b-c.d@x", "ada@localhost"] {
            assert_eq!(email(good).unwrap(), good);
        }
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a b@example.com",
            "a@b@c",
            "a\0@b.c",
            "ada.@example.com",
            "ada@example..com",
            "ada<ada@example.com>",
            "\"ada\"@example.com",
            "ädä@example.com",
            "ada@[127.0.0.1]",
        ] {
            assert_eq!(
                email(bad).unwrap_err().field.as_deref(),
                Some("email"),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn names_are_1_to_100_characters() {
        assert_eq!(name("  Ada Lovelace ").unwrap(), "Ada Lovelace");
        for bad in ["", "   ", "a\nb", &"x".repeat(101)] {
            assert_eq!(name(bad).unwrap_err().status, 422, "{bad:?}");
        }
    }
}
