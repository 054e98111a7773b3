//! The settings for e-mail: which server takes it, and from whom it is.

use super::Secret;
use crate::delivery::email::{Encryption, Settings};
use anyhow::{Context, bail, ensure};
use clap::Args;
use lettre::message::Mailbox;
use reqwest::Url;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "E-mail")]
pub struct MailArgs {
    /// The SMTP server: smtp://[USER@]HOST[:PORT], which asks for STARTTLS, or smtps:// for TLS from
    /// the start. On this machine smtp:// does not encrypt; ?tls=starttls or ?tls=none say otherwise.
    /// Unset: there is no e-mail
    #[arg(long, env = "TODO_SMTP_URL", global = true, hide_env_values = true)]
    pub smtp_url: Option<Secret>,

    /// A file that holds the password of the USER in TODO_SMTP_URL. Or set TODO_SMTP_PASSWORD in the
    /// environment: there is no flag for it, because everyone on a machine can read command lines
    #[arg(
        long,
        env = "TODO_SMTP_PASSWORD_FILE",
        value_name = "FILE",
        global = true
    )]
    pub smtp_password_file: Option<PathBuf>,

    /// TODO_SMTP_PASSWORD.
    #[arg(skip = std::env::var("TODO_SMTP_PASSWORD").ok().map(Secret::from))]
    pub smtp_password: Option<Secret>,

    /// The certificates (PEM) of the authority that signed the SMTP server's, beside those the
    /// system trusts
    #[arg(long, env = "TODO_SMTP_CA_FILE", value_name = "FILE", global = true)]
    pub smtp_ca_file: Option<PathBuf>,

    /// Whom e-mail is from, such as "Todo <todo@example.com>"
    #[arg(long, env = "TODO_MAIL_FROM", global = true)]
    pub mail_from: Option<String>,
}

impl MailArgs {
    /// What the channel needs, with the files read; `None` without a server.
    /// Errors: a sentence that says what to set. It never quotes a secret.
    pub fn resolve(&self) -> anyhow::Result<Option<Settings>> {
        let Some(url) = &self.smtp_url else {
            if let Some(name) = self.others() {
                bail!(
                    "{name} is set, but TODO_SMTP_URL is not, so there would be no e-mail. Set TODO_SMTP_URL, or unset {name}."
                );
            }
            return Ok(None);
        };
        let url: Url = url.parse().ok().context(
            "TODO_SMTP_URL cannot be read. Write it as smtp://USER@HOST:PORT or smtps://USER@HOST:PORT.",
        )?;
        ensure!(
            url.password().is_none(),
            "TODO_SMTP_URL holds a password. Put it into a file, and set TODO_SMTP_PASSWORD_FILE."
        );
        let host = url
            .host_str()
            .context("TODO_SMTP_URL names no HOST.")?
            .to_owned();
        let encryption = encryption(&url, &host)?;
        let from = self.mail_from.as_deref().context(
            "TODO_SMTP_URL needs to know whom e-mail is from. Set TODO_MAIL_FROM, such as Todo <todo@example.com>.",
        )?;
        let from: Mailbox = from.parse().ok().with_context(|| {
            format!("TODO_MAIL_FROM is {from:?}. Write it as Todo <todo@example.com>.")
        })?;
        let ca = match &self.smtp_ca_file {
            Some(path) => Some(std::fs::read(path).with_context(|| {
                format!("TODO_SMTP_CA_FILE ({}) cannot be read", path.display())
            })?),
            None => None,
        };
        let port = url.port().unwrap_or(match encryption {
            Encryption::FromTheStart => 465,
            Encryption::StartTls => 587,
            Encryption::None => 25,
        });
        Ok(Some(Settings {
            login: self.login(&url)?,
            host,
            port,
            encryption,
            ca,
            from,
        }))
    }

    fn others(&self) -> Option<&'static str> {
        let given = [
            (self.mail_from.is_some(), "TODO_MAIL_FROM"),
            (self.smtp_password.is_some(), "TODO_SMTP_PASSWORD"),
            (self.smtp_password_file.is_some(), "TODO_SMTP_PASSWORD_FILE"),
            (self.smtp_ca_file.is_some(), "TODO_SMTP_CA_FILE"),
        ];
        given
            .into_iter()
            .find_map(|(given, name)| given.then_some(name))
    }

    fn login(&self, url: &Url) -> anyhow::Result<Option<(String, Secret)>> {
        let password = super::secret::read(
            &self.smtp_password,
            &self.smtp_password_file,
            "TODO_SMTP_PASSWORD",
        )?;
        // "@" in a name is written %40.
        let user = form_urlencoded::parse(url.username().replace('+', "%2B").as_bytes())
            .next()
            .map(|(user, _)| user.into_owned());
        match (user, password) {
            (Some(user), Some(password)) => Ok(Some((user, password))),
            (None, None) => Ok(None),
            (Some(_), None) => bail!(
                "TODO_SMTP_URL names a user, who needs a password. Set TODO_SMTP_PASSWORD_FILE to a file that holds it, or TODO_SMTP_PASSWORD."
            ),
            (None, Some(_)) => bail!(
                "There is a password for SMTP, but TODO_SMTP_URL names no user. Write it as smtp://USER@HOST."
            ),
        }
    }
}

fn encryption(url: &Url, host: &str) -> anyhow::Result<Encryption> {
    let asked = url.query_pairs().find(|(name, _)| name == "tls");
    let asked = asked.map(|(_, value)| value.into_owned());
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    match (url.scheme(), asked.as_deref()) {
        ("smtps", None) => Ok(Encryption::FromTheStart),
        ("smtp", None) if local => Ok(Encryption::None),
        ("smtp", None | Some("starttls")) => Ok(Encryption::StartTls),
        ("smtp", Some("none")) => Ok(Encryption::None),
        ("smtp" | "smtps", _) => {
            bail!("TODO_SMTP_URL may end in ?tls=starttls or ?tls=none, with smtp:// only.")
        }
        _ => bail!("TODO_SMTP_URL must begin with smtp:// or smtps://."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(url: &str, password: Option<&str>) -> Result<Option<Settings>, String> {
        let args = MailArgs {
            smtp_url: Some(url.to_owned().into()),
            smtp_password_file: None,
            smtp_password: password.map(|password| password.to_owned().into()),
            smtp_ca_file: None,
            mail_from: Some("Todo <todo@example.com>".into()),
        };
        args.resolve().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_told_otherwise() {
        for (url, encryption, port) in [
            ("smtp://mail.example.com", Encryption::StartTls, 587),
            ("smtps://mail.example.com", Encryption::FromTheStart, 465),
            (
                "smtp://mail.example.com:2525?tls=none",
                Encryption::None,
                2525,
            ),
            ("smtp://localhost", Encryption::None, 25),
            (
                "smtp://127.0.0.1:1025?tls=starttls",
                Encryption::StartTls,
                1025,
            ),
        ] {
            let settings = resolve(url, None).unwrap().unwrap();
            assert_eq!(
                (settings.encryption, settings.port),
                (encryption, port),
                "{url}"
            );
        }
    }

    #[test]
    fn a_user_may_have_signs_in_the_name() {
        let settings = resolve("smtp://ada%40example.com@localhost", Some("hush")).unwrap();
        let (user, password) = settings.unwrap().login.unwrap();
        assert_eq!((user.as_str(), &*password), ("ada@example.com", "hush"));
    }

    #[test]
    fn a_wrong_value_says_what_to_do_and_no_secret() {
        for (url, password, expected) in [
            ("http://localhost", None, "smtp:// or smtps://"),
            ("localhost", None, "TODO_SMTP_URL"),
            ("smtp://ada:hush@localhost", None, "TODO_SMTP_PASSWORD_FILE"),
            ("smtp://ada@localhost", None, "TODO_SMTP_PASSWORD"),
            ("smtp://localhost", Some("hush"), "smtp://USER@HOST"),
            ("smtps://localhost?tls=none", None, "smtp:// only"),
        ] {
            let error = resolve(url, password).expect_err(url);
            assert!(
                error.contains(expected) && !error.contains("hush"),
                "{url}: {error}"
            );
        }
    }
}
