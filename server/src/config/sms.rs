//! The settings for SMS: which gateway takes them, and from which number they are.

use super::Secret;
use crate::delivery::sms::Settings;
use anyhow::{Context, bail, ensure};
use clap::Args;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "SMS")]
pub struct SmsArgs {
    /// The gateway, such as https://api.twilio.com: it takes POST
    /// /2010-04-01/Accounts/ACCOUNT/Messages.json with To, From and Body. Unset: there are no SMS
    #[arg(long, env = "TODO_SMS_URL", global = true)]
    pub sms_url: Option<String>,

    /// The account at the gateway
    #[arg(long, env = "TODO_SMS_ACCOUNT", global = true)]
    pub sms_account: Option<String>,

    /// A file that holds the account's token. Or set TODO_SMS_TOKEN in the environment
    #[arg(long, env = "TODO_SMS_TOKEN_FILE", value_name = "FILE", global = true)]
    pub sms_token_file: Option<PathBuf>,

    /// TODO_SMS_TOKEN.
    #[arg(skip = std::env::var("TODO_SMS_TOKEN").ok().map(Secret::from))]
    pub sms_token: Option<Secret>,

    /// The number or name that SMS are from
    #[arg(long, env = "TODO_SMS_FROM", global = true)]
    pub sms_from: Option<String>,
}

impl SmsArgs {
    /// What the channel needs, with the file read; `None` without a gateway.
    /// Errors: a sentence that says what to set. It never quotes a secret.
    pub fn resolve(&self) -> anyhow::Result<Option<Settings>> {
        let Some(base) = &self.sms_url else {
            let others = [
                (self.sms_account.is_some(), "TODO_SMS_ACCOUNT"),
                (self.sms_token_file.is_some(), "TODO_SMS_TOKEN_FILE"),
                (self.sms_token.is_some(), "TODO_SMS_TOKEN"),
                (self.sms_from.is_some(), "TODO_SMS_FROM"),
            ];
            if let Some((_, name)) = others.into_iter().find(|(given, _)| *given) {
                bail!(
                    "{name} is set, but TODO_SMS_URL is not, so there would be no SMS. Set TODO_SMS_URL, or unset {name}."
                );
            }
            return Ok(None);
        };
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let local = local.iter().any(|start| {
            let rest = base.strip_prefix(start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        });
        ensure!(
            base.starts_with("https://") || local,
            "TODO_SMS_URL is {base:?}. It must begin with https://, as a token is sent there; http:// is for this machine only."
        );
        let token = super::secret::read(&self.sms_token, &self.sms_token_file, "TODO_SMS_TOKEN")?;
        let account = self.sms_account.clone();
        let account = account.context("TODO_SMS_URL needs an account. Set TODO_SMS_ACCOUNT.")?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        ensure!(
            !account.is_empty() && account.chars().all(is_plain),
            "TODO_SMS_ACCOUNT may hold letters, digits, hyphens and underscores only."
        );
        Ok(Some(Settings {
            base: base.trim_end_matches('/').into(),
            account,
            token: token.context(
                "TODO_SMS_URL needs the account's token. Set TODO_SMS_TOKEN_FILE to a file that holds it, or TODO_SMS_TOKEN.",
            )?,
            from: self.sms_from.clone().context(
                "TODO_SMS_URL needs to know whom SMS are from. Set TODO_SMS_FROM to a number such as +351210000000.",
            )?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: Option<&str>) -> SmsArgs {
        SmsArgs {
            sms_url: url.map(str::to_owned),
            sms_account: Some("AC1".into()),
            sms_token_file: None,
            sms_token: Some("hush".to_owned().into()),
            sms_from: Some("+351210000000".into()),
        }
    }

    #[test]
    fn a_token_goes_over_https_or_stays_on_this_machine() {
        for url in [
            "https://api.twilio.com/",
            "http://127.0.0.1:9",
            "http://localhost",
        ] {
            let settings = args(Some(url)).resolve().unwrap().unwrap();
            assert_eq!(settings.base, url.trim_end_matches('/'));
        }
        for url in [
            "http://example.com",
            "http://localhost.example.com",
            "gateway",
        ] {
            let error = args(Some(url)).resolve().unwrap_err().to_string();
            assert!(
                error.contains("https://") && !error.contains("hush"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = args(None).resolve().unwrap_err().to_string();
        assert!(error.contains("Set TODO_SMS_URL"), "{error}");
        let https = Some("https://api.twilio.com");
        let without = |change: fn(&mut SmsArgs)| {
            let mut args = args(https);
            change(&mut args);
            args.resolve().unwrap_err().to_string()
        };
        assert!(without(|args| args.sms_account = None).contains("TODO_SMS_ACCOUNT"));
        assert!(without(|args| args.sms_account = Some("a/b".into())).contains("TODO_SMS_ACCOUNT"));
        assert!(without(|args| args.sms_token = None).contains("TODO_SMS_TOKEN_FILE"));
        assert!(without(|args| args.sms_from = None).contains("TODO_SMS_FROM"));
    }
}
