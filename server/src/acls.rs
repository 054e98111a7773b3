//! `todo kafka`: who may publish and read what, and how to tell Kafka's authorizer so.

use crate::config::{Config, Role};
use crate::consumers;
use crate::scopes::{Action, LIVE, RELAY, Scopes};
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Clone, Debug, Subcommand)]
pub enum Kafka {
    /// Print who may publish and read which topic, as TODO_SCOPES takes it
    Scopes,
    /// Print the commands that let a user of Kafka do what the scopes allow, and nothing more
    Acls(Acls),
}

#[derive(Clone, Debug, Args)]
pub struct Acls {
    /// Who it is to Kafka, such as User:todo, or User:CN=todo by certificate. Unset: KAFKA_USERNAME
    #[arg(long)]
    pub principal: Option<String>,

    /// Only for this name in the scopes. Unset: for all that run in a process of --role
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,

    /// The administrator's settings, handed on to kafka-acls.sh
    #[arg(long, value_name = "FILE")]
    pub command_config: Option<PathBuf>,
}

/// What is to be printed. Errors: what is missing to know it.
pub fn run(config: &Config, command: &Kafka) -> anyhow::Result<String> {
    let scopes = config.scopes()?;
    match command {
        Kafka::Scopes => Ok(scopes.to_string()),
        Kafka::Acls(options) => acls(config, &scopes, options),
    }
}

fn acls(config: &Config, scopes: &Scopes, options: &Acls) -> anyhow::Result<String> {
    let kafka = &config.kafka;
    let brokers = kafka.brokers.as_deref().context(
        "Where is Kafka? Set KAFKA_BROKERS to an address at which an administrator can reach it.",
    )?;
    let principal = match (&options.principal, &kafka.username) {
        (Some(principal), _) => principal.clone(),
        (None, Some(username)) => format!("User:{username}"),
        (None, None) => "User:todo".to_owned(),
    };
    ensure!(
        principal.starts_with("User:"),
        "To Kafka, a principal is User: and a name. Write --principal {}.",
        quoted(&format!("User:{principal}"))
    );
    let mut start = format!("kafka-acls.sh --bootstrap-server {}", quoted(brokers));
    if let Some(file) = &options.command_config {
        start += &format!(" --command-config {}", quoted(&file.to_string_lossy()));
    }
    start += &format!(" --add --allow-principal {}", quoted(&principal));

    let apps = apps(config.role, options.app.as_deref());
    let needs = Needs::of(scopes, &apps);
    let named = |name: &str, topics: &BTreeSet<&str>| -> String {
        let full = |topic| quoted(&format!("{}{topic}", kafka.prefix));
        topics
            .iter()
            .map(|topic| format!(" --{name} {}", full(topic)))
            .collect()
    };
    let (publishes, reads) = (
        named("topic", &needs.publishes),
        named("topic", &needs.reads),
    );
    let mut text = String::new();
    if !publishes.is_empty() {
        // Whoever may write may describe, and be given the number of an idempotent producer.
        text += &format!("{start} --operation Create --operation Write{publishes}\n");
    }
    if !reads.is_empty() {
        let groups = named("group", &needs.groups);
        text += &format!("{start} --operation Read{reads}{groups}\n");
    }
    if needs.live {
        // It reads without a group, but librdkafka looks for one all the same.
        text += &format!(
            "{start} --operation Describe --group {} --resource-pattern-type prefixed\n",
            quoted(&format!("{}{LIVE}-", kafka.prefix))
        );
    }
    ensure!(
        !text.is_empty(),
        "The scopes allow nothing there. `todo kafka scopes` prints them."
    );
    Ok(text)
}

/// The names in the scopes of what a process of `role` runs, or the one that was asked for.
fn apps(role: Role, only: Option<&str>) -> Vec<String> {
    if let Some(app) = only {
        return vec![app.to_owned()];
    }
    let mut apps = Vec::new();
    if role.relay() {
        apps.push(RELAY.to_owned());
    }
    if role.web() {
        apps.push(LIVE.to_owned());
    }
    if role.consumers() {
        apps.extend(
            consumers::all()
                .into_iter()
                .map(|(name, _)| name.to_owned()),
        );
    }
    apps
}

/// What somebody does.
#[derive(Default)]
struct Needs<'a> {
    publishes: BTreeSet<&'a str>,
    reads: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
    live: bool,
}

impl<'a> Needs<'a> {
    fn of(scopes: &'a Scopes, apps: &'a [String]) -> Self {
        let mut needs = Needs::default();
        for app in apps {
            needs.publishes.extend(scopes.topics(app, Action::Publish));
            let reads: Vec<&str> = scopes.topics(app, Action::Read).collect();
            match (reads.is_empty(), app == LIVE) {
                (true, _) => {}
                (false, true) => needs.live = true,
                (false, false) => _ = needs.groups.insert(app),
            }
            needs.reads.extend(reads);
        }
        needs
    }
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:=/@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: Kafka,
        #[command(flatten)]
        config: Config,
    }

    fn print(args: &[&str]) -> Result<String, String> {
        let brokers = "--kafka-brokers=localhost:9092";
        let cli = Cli::parse_from([&["todo"], args, &[brokers]].concat());
        run(&cli.config, &cli.command).map_err(|error| error.to_string())
    }

    #[test]
    fn each_role_gets_what_it_needs_and_no_more() {
        let acls = |args: &[&str]| print(&[&["acls"], args].concat()).unwrap();
        let relay = acls(&["--role=relay", "--kafka-prefix=a."]);
        assert_eq!(relay.lines().count(), 1);
        assert!(relay.starts_with(
            "kafka-acls.sh --bootstrap-server localhost:9092 --add --allow-principal User:todo \
             --operation Create --operation Write --topic a."
        ));
        assert!(
            relay.contains(" --topic a.task.created --topic a.task.created.dlq "),
            "{relay}"
        );

        let consumers = acls(&[
            "--role=consumers",
            "--principal=User:CN=todo,O=O'Neill & Co",
        ]);
        assert_eq!(consumers.lines().count(), 1);
        assert!(consumers.contains(r" 'User:CN=todo,O=O'\''Neill & Co' --operation Read --topic"));
        assert!(consumers.contains(" --topic task.created "), "{consumers}");
        assert!(consumers.contains(" --group activity"), "{consumers}");
        for missing in ["Write", "Create", "Describe", "dlq", " live", "prefixed"] {
            assert!(!consumers.contains(missing), "{missing}: {consumers}");
        }

        let web = acls(&["--role=web", "--kafka-username=web", "--kafka-prefix=a."]);
        let [read, describe] = web.lines().collect::<Vec<_>>()[..] else {
            panic!("{web}");
        };
        assert!(read.contains("User:web --operation Read --topic a."));
        assert!(!read.contains("--group"), "{read}");
        assert!(
            describe
                .ends_with("--operation Describe --group a.live- --resource-pattern-type prefixed")
        );

        assert_eq!(acls(&[]).lines().count(), 3);
        let all = acls(&["--command-config", "my admin"]);
        assert!(all.contains(" --command-config 'my admin' --add "), "{all}");
    }

    #[test]
    fn what_is_not_allowed_cannot_be_printed() {
        let error = print(&["acls", "--app=stranger"]).unwrap_err();
        assert!(error.contains("`todo kafka scopes`"), "{error}");
        let error = print(&["acls", "--principal=todo"]).unwrap_err();
        assert!(error.contains("--principal User:todo"), "{error}");
        assert_eq!(print(&["scopes"]).unwrap().parse(), Ok(Scopes::default()));
    }
}
