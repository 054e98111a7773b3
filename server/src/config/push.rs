//! The settings for messages in browsers. Without any it works too.

use super::Secret;
use crate::delivery::push::vapid::{Settings, Vapid};
use anyhow::{Context, ensure};
use clap::Args;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Web Push")]
pub struct PushArgs {
    /// A file that holds the private key by which push services know this installation, as `todo
    /// vapid` prints one; or set TODO_VAPID_PRIVATE_KEY in the environment. Unset: the database
    /// keeps one that was made at the first start. With another key, browsers have to be switched
    /// on again
    #[arg(
        long,
        env = "TODO_VAPID_PRIVATE_KEY_FILE",
        value_name = "FILE",
        global = true
    )]
    pub vapid_private_key_file: Option<PathBuf>,

    /// TODO_VAPID_PRIVATE_KEY.
    #[arg(skip = std::env::var("TODO_VAPID_PRIVATE_KEY").ok().map(Secret::from))]
    pub vapid_private_key: Option<Secret>,

    /// Whom push services write to if we misbehave, such as mailto:admin@example.com. Unset: the
    /// site's address
    #[arg(long, env = "TODO_VAPID_SUBJECT", global = true)]
    pub vapid_subject: Option<String>,
}

impl PushArgs {
    /// What the channel needs, with the file read. `origin` is the site's. Errors: a sentence that
    /// says what to set. It never quotes a secret.
    pub fn resolve(&self, origin: Option<String>) -> anyhow::Result<Settings> {
        let private = super::secret::read(
            &self.vapid_private_key,
            &self.vapid_private_key_file,
            "TODO_VAPID_PRIVATE_KEY",
        )?;
        let subject = match &self.vapid_subject {
            Some(subject) => subject.clone(),
            None => origin
                .filter(|origin| origin.starts_with("https://"))
                // Who tries it out on a machine of their own: nobody could write there anyway.
                .unwrap_or_else(|| "mailto:todo@localhost".into()),
        };
        ensure!(
            ["mailto:", "https://"].iter().any(|start| subject
                .strip_prefix(start)
                .is_some_and(|rest| !rest.is_empty())),
            "TODO_VAPID_SUBJECT is {subject:?}. Give it an address that somebody reads, such as mailto:admin@example.com."
        );
        if let Some(private) = &private {
            Vapid::new(private, &subject).context("TODO_VAPID_PRIVATE_KEY cannot be used")?;
        }
        Ok(Settings { private, subject })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::push::vapid::new_private_key;

    fn resolve(key: Option<&str>, subject: Option<&str>, origin: &str) -> anyhow::Result<Settings> {
        let args = PushArgs {
            vapid_private_key_file: None,
            vapid_private_key: key.map(|key| key.to_owned().into()),
            vapid_subject: subject.map(str::to_owned),
        };
        args.resolve(Some(origin.into()))
    }

    #[test]
    fn somebody_can_be_written_to() {
        let subject = |subject, origin| resolve(None, subject, origin).unwrap().subject;
        assert_eq!(subject(None, "https://a.example"), "https://a.example");
        assert_eq!(subject(None, "http://a.example"), "mailto:todo@localhost");
        let given = "mailto:ada@example.com";
        assert_eq!(subject(Some(given), "https://a.example"), given);
        for bad in ["ada@example.com", "mailto:", "http://a.example", ""] {
            let error = resolve(None, Some(bad), "").unwrap_err().to_string();
            assert!(error.contains("TODO_VAPID_SUBJECT"), "{error}");
        }
    }

    #[test]
    fn a_key_is_one_or_is_refused_without_being_quoted() {
        let key = new_private_key();
        let settings = resolve(Some(&key), None, "").unwrap();
        assert_eq!(settings.private.as_deref(), Some(&*key));
        for bad in ["hush", ""] {
            let error = format!("{:#}", resolve(Some(bad), None, "").unwrap_err());
            assert!(
                error.contains("TODO_VAPID_PRIVATE_KEY") && !error.contains("hush"),
                "{error}"
            );
        }
    }
}
