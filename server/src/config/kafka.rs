//! The settings for Apache Kafka: where it is, how the connection is secured, what is made there.

use super::Secret;
use crate::transport::{KafkaConfig, Mechanism, Sasl, Tls};
use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// How the connection to a broker is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Security {
    /// Not at all
    Plaintext,
    /// Encrypted; a client certificate says who we are, if there is one
    #[value(alias = "ssl")]
    Tls,
    /// With user name and password, not encrypted
    SaslPlaintext,
    /// With user name and password, encrypted
    #[value(alias = "sasl_ssl")]
    SaslTls,
}

impl Security {
    fn tls(self) -> bool {
        matches!(self, Security::Tls | Security::SaslTls)
    }
    fn sasl(self) -> bool {
        matches!(self, Security::SaslPlaintext | Security::SaslTls)
    }
    fn name(self) -> &'static str {
        match self {
            Security::Plaintext => "plaintext",
            Security::Tls => "tls",
            Security::SaslPlaintext => "sasl_plaintext",
            Security::SaslTls => "sasl_tls",
        }
    }
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub struct KafkaArgs {
    /// Kafka's HOST:PORT, or several with commas. Unset: events travel inside the database,
    /// without a broker
    #[arg(long = "kafka-brokers", env = "KAFKA_BROKERS", global = true)]
    pub brokers: Option<String>,

    /// Put before the names of topics and consumer groups, to share a broker between installations
    #[arg(
        long = "kafka-prefix",
        env = "KAFKA_PREFIX",
        default_value = "",
        global = true
    )]
    pub prefix: String,

    /// Partitions of each topic, when it is made. Changing it later moves people between partitions
    #[arg(long = "kafka-partitions", env = "KAFKA_PARTITIONS", default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=1000), global = true)]
    pub partitions: i32,

    /// Copies of each topic, when it is made: 3 for a cluster that may lose a broker
    #[arg(long = "kafka-replication", env = "KAFKA_REPLICATION", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=9), global = true)]
    pub replication: i32,

    /// How the connection is secured. Unset: sasl_tls with a user name, tls with a CA or a client
    /// certificate, otherwise plaintext
    #[arg(
        long = "kafka-security",
        env = "KAFKA_SECURITY",
        value_enum,
        ignore_case = true,
        global = true
    )]
    pub security: Option<Security>,

    /// How user name and password are proved. Unset: SCRAM-SHA-512
    #[arg(
        long = "kafka-sasl-mechanism",
        env = "KAFKA_SASL_MECHANISM",
        value_enum,
        ignore_case = true,
        global = true
    )]
    pub mechanism: Option<Mechanism>,

    /// The user to log in as
    #[arg(long = "kafka-username", env = "KAFKA_USERNAME", global = true)]
    pub username: Option<String>,

    /// A file that holds the user's password. Or set KAFKA_PASSWORD in the environment: there is no
    /// flag for it, because everyone on a machine can read command lines
    #[arg(
        long = "kafka-password-file",
        env = "KAFKA_PASSWORD_FILE",
        value_name = "FILE",
        global = true
    )]
    pub password_file: Option<PathBuf>,

    /// KAFKA_PASSWORD.
    #[arg(skip = std::env::var("KAFKA_PASSWORD").ok().map(Secret::from))]
    pub password: Option<Secret>,

    /// The certificates (PEM) of the authority that signed the brokers' certificates. Unset: those
    /// the system trusts
    #[arg(
        long = "kafka-ca-file",
        env = "KAFKA_CA_FILE",
        value_name = "FILE",
        global = true
    )]
    pub ca_file: Option<PathBuf>,

    /// Our own certificate (PEM), for brokers that ask who we are
    #[arg(
        long = "kafka-certificate-file",
        env = "KAFKA_CERTIFICATE_FILE",
        value_name = "FILE",
        global = true
    )]
    pub certificate_file: Option<PathBuf>,

    /// The private key (PEM, not encrypted) of our certificate
    #[arg(
        long = "kafka-key-file",
        env = "KAFKA_KEY_FILE",
        value_name = "FILE",
        global = true
    )]
    pub key_file: Option<PathBuf>,

    /// Allow an unencrypted connection to a broker that is not on this machine
    #[arg(
        long = "kafka-allow-plaintext",
        env = "KAFKA_ALLOW_PLAINTEXT",
        global = true
    )]
    pub allow_plaintext: bool,
}

impl KafkaArgs {
    /// What the transport needs, with the files read; `None` without a broker.
    /// Errors: a sentence that says what to set. It never quotes a secret.
    pub fn resolve(&self) -> anyhow::Result<Option<KafkaConfig>> {
        let prefix_is_fine = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        ensure!(
            self.prefix.chars().all(prefix_is_fine),
            "KAFKA_PREFIX may hold letters, digits, dots, hyphens and underscores only."
        );
        let Some(brokers) = &self.brokers else {
            if let Some(name) = self.login().or(self.files()) {
                bail!(
                    "{name} is set, but KAFKA_BROKERS is not, so events would not reach Kafka. Set KAFKA_BROKERS, or unset {name}."
                );
            }
            return Ok(None);
        };
        let security = self.security();
        self.check_brokers(brokers, security)?;
        Ok(Some(KafkaConfig {
            brokers: brokers.clone(),
            prefix: self.prefix.clone(),
            partitions: self.partitions,
            replication: self.replication,
            publishes: true,
            tls: self.tls(security)?,
            sasl: self.sasl(security)?,
        }))
    }

    fn security(&self) -> Security {
        self.security
            .unwrap_or(match (&self.username, self.files()) {
                (Some(_), _) => Security::SaslTls,
                (None, Some(_)) => Security::Tls,
                (None, None) => Security::Plaintext,
            })
    }

    /// The first setting that is there to log in by name.
    fn login(&self) -> Option<&'static str> {
        let given = [
            (self.username.is_some(), "KAFKA_USERNAME"),
            (self.password.is_some(), "KAFKA_PASSWORD"),
            (self.password_file.is_some(), "KAFKA_PASSWORD_FILE"),
            (self.mechanism.is_some(), "KAFKA_SASL_MECHANISM"),
        ];
        given
            .into_iter()
            .find_map(|(given, name)| given.then_some(name))
    }

    /// The first setting that is there for TLS.
    fn files(&self) -> Option<&'static str> {
        let given = [
            (self.ca_file.is_some(), "KAFKA_CA_FILE"),
            (self.certificate_file.is_some(), "KAFKA_CERTIFICATE_FILE"),
            (self.key_file.is_some(), "KAFKA_KEY_FILE"),
        ];
        given
            .into_iter()
            .find_map(|(given, name)| given.then_some(name))
    }

    fn check_brokers(&self, brokers: &str, security: Security) -> anyhow::Result<()> {
        for broker in brokers.split(',') {
            let (host, port) = broker.trim().rsplit_once(':').with_context(|| {
                format!("KAFKA_BROKERS holds {broker:?}. Write each as HOST:PORT, with commas between them.")
            })?;
            ensure!(
                port.parse::<u16>().is_ok(),
                "KAFKA_BROKERS holds {broker:?}, whose port is not a number from 1 to 65535."
            );
            let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
            ensure!(
                local || security.tls() || self.allow_plaintext,
                "{host} is not this machine, and the connection would not be encrypted. Set KAFKA_SECURITY=tls or sasl_tls, or KAFKA_ALLOW_PLAINTEXT=true if you trust the network between."
            );
        }
        Ok(())
    }

    fn sasl(&self, security: Security) -> anyhow::Result<Option<Sasl>> {
        if !security.sasl() {
            if let Some(name) = self.login() {
                match self.security {
                    None => bail!(
                        "{name} is set, but KAFKA_USERNAME is not. Set it too, or unset {name}."
                    ),
                    Some(security) => bail!(
                        "{name} is set, but KAFKA_SECURITY={} does not log in by name. Set KAFKA_SECURITY=sasl_tls, or unset {name}.",
                        security.name()
                    ),
                }
            }
            return Ok(None);
        }
        let name = security.name();
        let username = self.username.clone().with_context(|| {
            format!("KAFKA_SECURITY={name} logs in by name. Set KAFKA_USERNAME.")
        })?;
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                bail!("Both KAFKA_PASSWORD and KAFKA_PASSWORD_FILE are set. Unset one of them.")
            }
            (Some(password), None) => password.clone(),
            (None, Some(path)) => {
                let text = read(path, "KAFKA_PASSWORD_FILE")?;
                Secret::from(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            (None, None) => bail!(
                "KAFKA_USERNAME needs a password. Set KAFKA_PASSWORD_FILE to a file that holds it, or KAFKA_PASSWORD."
            ),
        };
        ensure!(
            !username.is_empty() && !password.is_empty(),
            "The user name or the password for Kafka is empty. Check KAFKA_USERNAME and KAFKA_PASSWORD_FILE or KAFKA_PASSWORD."
        );
        Ok(Some(Sasl {
            mechanism: self.mechanism.unwrap_or(Mechanism::ScramSha512),
            username,
            password,
        }))
    }

    fn tls(&self, security: Security) -> anyhow::Result<Option<Tls>> {
        if !security.tls() {
            if let Some(name) = self.files() {
                let (now, better) = (
                    security.name(),
                    if security.sasl() { "sasl_tls" } else { "tls" },
                );
                bail!(
                    "{name} is set, but KAFKA_SECURITY={now} does not encrypt. Set KAFKA_SECURITY={better}, or unset {name}."
                );
            }
            return Ok(None);
        }
        if let Some(path) = &self.ca_file {
            check_pem(path, "KAFKA_CA_FILE", "CERTIFICATE")?;
        }
        let identity = match (&self.certificate_file, &self.key_file) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                check_pem(certificate, "KAFKA_CERTIFICATE_FILE", "CERTIFICATE")?;
                let text = check_pem(key, "KAFKA_KEY_FILE", "PRIVATE KEY")?;
                // librdkafka would ask for its password on the terminal.
                ensure!(
                    !text.contains("ENCRYPTED"),
                    "KAFKA_KEY_FILE ({}) is encrypted. Give the key without a password, in a file only this program may read.",
                    key.display()
                );
                Some((certificate.clone(), key.clone()))
            }
            (Some(_), None) => bail!(
                "KAFKA_CERTIFICATE_FILE needs the private key that belongs to it. Set KAFKA_KEY_FILE."
            ),
            (None, Some(_)) => bail!(
                "KAFKA_KEY_FILE needs the certificate that belongs to it. Set KAFKA_CERTIFICATE_FILE."
            ),
        };
        Ok(Some(Tls {
            ca: self.ca_file.clone(),
            identity,
        }))
    }
}

fn read(path: &Path, setting: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("{setting} ({}) cannot be read", path.display()))
}

/// The file's text, which has a PEM block of that kind.
fn check_pem(path: &Path, setting: &str, kind: &str) -> anyhow::Result<String> {
    let text = read(path, setting)?;
    ensure!(
        text.contains(&format!("{kind}-----")),
        "{setting} ({}) holds no {kind} in PEM form.",
        path.display()
    );
    Ok(text)
}

#[cfg(test)]
#[path = "kafka_tests.rs"]
mod tests;
