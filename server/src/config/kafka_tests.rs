//! What stops the start, and what each combination of settings means.

use super::{KafkaArgs, Secret};
use crate::transport::{KafkaConfig, Mechanism};
use clap::Parser;
use std::io::Write;
use tempfile::NamedTempFile;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    kafka: KafkaArgs,
}

const LOCAL: &str = "--kafka-brokers=localhost:9092";
const FAR: &str = "--kafka-brokers=kafka.example.com:9093";

fn resolve(args: &[&str], password: Option<&str>) -> Result<Option<KafkaConfig>, String> {
    let cli = Cli::try_parse_from([&["todo"], args].concat()).map_err(|e| e.to_string())?;
    let mut kafka = cli.kafka;
    kafka.password = password.map(|text| Secret::from(text.to_owned()));
    kafka.resolve().map_err(|e| format!("{e:#}"))
}

fn with_kafka(args: &[&str], password: Option<&str>) -> KafkaConfig {
    resolve(args, password).unwrap().unwrap()
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(setting: &str, file: &NamedTempFile) -> String {
    format!("{setting}={}", file.path().display())
}

#[test]
fn how_the_connection_is_secured_follows_from_what_is_given() {
    assert!(resolve(&[], None).unwrap().is_none());

    let plain = with_kafka(&["--kafka-brokers=localhost:9092,127.0.0.1:9093"], None);
    assert!(plain.tls.is_none() && plain.sasl.is_none());

    let system = with_kafka(&[FAR, "--kafka-security=TLS"], None);
    assert!(system.sasl.is_none());
    assert!(
        system
            .tls
            .is_some_and(|tls| tls.ca.is_none() && tls.identity.is_none())
    );

    let pem = file("-----BEGIN CERTIFICATE-----");
    let key = file("-----BEGIN PRIVATE KEY-----");
    let (ca, certificate, key) = (
        path("--kafka-ca-file", &pem),
        path("--kafka-certificate-file", &pem),
        path("--kafka-key-file", &key),
    );
    let mutual = with_kafka(&[FAR, &ca, &certificate, &key], None);
    assert!(mutual.sasl.is_none());
    assert!(
        mutual
            .tls
            .is_some_and(|tls| tls.ca.is_some() && tls.identity.is_some())
    );

    let password = file("secret with space \r\n");
    let password = path("--kafka-password-file", &password);
    let login = with_kafka(&[FAR, "--kafka-username=todo", &password], None);
    assert!(login.tls.is_some());
    assert!(!format!("{login:?}").contains("secret with"));
    let sasl = login.sasl.unwrap();
    assert_eq!(sasl.mechanism, Mechanism::ScramSha512);
    assert_eq!(
        (sasl.username.as_str(), &*sasl.password),
        ("todo", "secret with space ")
    );

    let args = [
        LOCAL,
        "--kafka-security=sasl_plaintext",
        "--kafka-username=todo",
        "--kafka-sasl-mechanism=plain",
    ];
    let near = with_kafka(&args, Some("secret"));
    assert!(near.tls.is_none());
    assert_eq!(near.sasl.unwrap().mechanism, Mechanism::Plain);
}

#[test]
fn a_wrong_combination_stops_the_start_and_says_what_to_do() {
    let pem = file("-----BEGIN CERTIFICATE-----");
    let encrypted = file("-----BEGIN ENCRYPTED PRIVATE KEY-----");
    let empty = file("\n");
    let (ca, certificate, as_key) = (
        path("--kafka-ca-file", &pem),
        path("--kafka-certificate-file", &pem),
        path("--kafka-key-file", &pem),
    );
    let encrypted = path("--kafka-key-file", &encrypted);
    let empty_ca = path("--kafka-ca-file", &empty);
    let empty = path("--kafka-password-file", &empty);
    let (user, tls) = ("--kafka-username=todo", "--kafka-security=tls");
    for (args, password, expected) in [
        (&["--kafka-brokers=localhost"][..], None, "HOST:PORT"),
        (&["--kafka-brokers=localhost:x"], None, "port"),
        (
            &[FAR],
            None,
            "Set KAFKA_SECURITY=tls or sasl_tls, or KAFKA_ALLOW_PLAINTEXT",
        ),
        (
            &[FAR, user, "--kafka-security=sasl_plaintext"],
            Some("secret"),
            "KAFKA_ALLOW_PLAINTEXT",
        ),
        (&[LOCAL, "--kafka-partitions=0"], None, "1..=1000"),
        (&["--kafka-prefix=a b"], None, "KAFKA_PREFIX"),
        (&[LOCAL, "--kafka-security=on"], None, "sasl_tls"),
        (&[user], None, "Set KAFKA_BROKERS, or unset KAFKA_USERNAME"),
        (&[LOCAL, user], None, "Set KAFKA_PASSWORD_FILE"),
        (&[LOCAL], Some("secret"), "KAFKA_USERNAME is not"),
        (
            &[LOCAL, user, tls],
            Some("secret"),
            "Set KAFKA_SECURITY=sasl_tls, or unset KAFKA_USERNAME",
        ),
        (
            &[LOCAL, "--kafka-security=sasl_tls"],
            None,
            "Set KAFKA_USERNAME",
        ),
        (&[LOCAL, user, &empty], Some("secret"), "Unset one of them"),
        (&[LOCAL, user, &empty], None, "is empty"),
        (
            &[LOCAL, user, "--kafka-password-file=/nowhere"],
            None,
            "KAFKA_PASSWORD_FILE (/nowhere) cannot be read",
        ),
        (
            &[LOCAL, &ca, "--kafka-security=plaintext"],
            None,
            "Set KAFKA_SECURITY=tls, or unset KAFKA_CA_FILE",
        ),
        (
            &[LOCAL, "--kafka-ca-file=/nowhere"],
            None,
            "KAFKA_CA_FILE (/nowhere) cannot be read",
        ),
        (&[LOCAL, &empty_ca], None, "holds no CERTIFICATE"),
        (&[LOCAL, &certificate], None, "Set KAFKA_KEY_FILE"),
        (&[LOCAL, &as_key], None, "Set KAFKA_CERTIFICATE_FILE"),
        (
            &[LOCAL, &certificate, &as_key],
            None,
            "holds no PRIVATE KEY",
        ),
        (&[LOCAL, &certificate, &encrypted], None, "is encrypted"),
    ] {
        let error = resolve(args, password).expect_err(&format!("{args:?} must not start"));
        assert!(error.contains(expected), "{args:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
