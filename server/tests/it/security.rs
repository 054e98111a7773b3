//! Apache Kafka with logins, certificates and access control: what works with the right credentials,
//! and what is said, once, about the wrong ones.

use crate::kcat;
use crate::logged::Logged;
use crate::support::{Person, Place, Proxy, Stack, env, eventually};
use app::db::Db;
use std::path::Path;
use tokio::process::Command;
use uuid::Uuid;

/// What the secure broker's folder says: an address, as a listener is named, or an administrator's.
fn brokers(file: &str) -> String {
    let folder = env("TEST_KAFKA_SECURE_DIR");
    let text = std::fs::read_to_string(Path::new(&folder).join(file)).unwrap();
    text.trim().to_owned()
}

fn administrators() -> String {
    brokers("brokers")
}

/// A file of its folder of certificates, as the value of a setting.
fn file(setting: &str, name: &str) -> String {
    let folder = env("TEST_KAFKA_SECURE_DIR");
    format!("--kafka-{setting}={folder}/tls/{name}")
}

/// SQLite, and topics of one's own on a broker.
async fn place(brokers: &str) -> Place {
    let mut place = Place::new(Stack::Embedded).await;
    let prefix = format!("t{}.", Uuid::new_v4().simple());
    place.kafka = Some((brokers.to_owned(), prefix));
    place
}

/// How a process shows who it is.
#[derive(Clone)]
struct Login {
    args: Vec<String>,
    password: Option<&'static str>,
}

impl Login {
    fn by_name(name: &str, password: &'static str) -> Login {
        let user = format!("--kafka-username={name}");
        Login {
            args: vec![user, file("ca-file", "ca.pem")],
            password: Some(password),
        }
    }

    fn with(mut self, arg: &str) -> Login {
        self.args.push(arg.into());
        self
    }

    fn by_certificate(certificate: &str) -> Login {
        let mut args = vec![file("ca-file", "ca.pem")];
        args.push(file("certificate-file", &format!("{certificate}.pem")));
        args.push(file("key-file", &format!("{certificate}.key")));
        Login {
            args,
            password: None,
        }
    }

    fn start(&self, place: &Place) -> Logged {
        let password = self.password.map(|password| ("KAFKA_PASSWORD", password));
        Logged::start(place, &self.args, password.as_slice())
    }
}

/// Does exactly what `todo kafka acls` prints.
async fn allow(place: &Place, principal: &str, role: &str) {
    let (_, prefix) = place.kafka.clone().unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(["kafka", "acls", "--principal", principal, "--role", role])
        .args([
            "--kafka-brokers",
            &administrators(),
            "--kafka-prefix",
            &prefix,
        ])
        .output();
    let printed = printed.await.unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts");
    let path = format!("{scripts}:{}", env("PATH"));
    let done = Command::new("sh")
        .args(["-e", "-c", str::from_utf8(&printed.stdout).unwrap()])
        .env("PATH", path)
        .output();
    let done = done.await.unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// Gives a user of the broker a password, by name.
async fn set_password(user: &str, password: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/kafka");
    let done = Command::new(script)
        .args(["tool", "kafka.admin.ConfigCommand", "--alter"])
        .args(["--bootstrap-server", &administrators()])
        .args(["--entity-type", "users", "--entity-name", user])
        .args([
            "--add-config",
            &format!("SCRAM-SHA-512=[password={password}]"),
        ])
        .output();
    let done = done.await.unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// An event goes from the form over Kafka to the feed and to another window.
async fn travels(server: &Logged, place: &Place) {
    server.is_ready().await;
    let ada = Person::register(server.addr).await;
    let mut window = ada.elsewhere().await.socket(1).await;
    window.live().await;
    let created = ada.creates("Milk").await;
    assert_eq!(window.event().await, created);
    everything_is_in_the_feed(place, 2).await;
    let (_, prefix) = place.kafka.clone().unwrap();
    let records = kcat::read(&administrators(), &format!("{prefix}task.created"));
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["key"], created.user_id().0.as_str());
}

async fn everything_is_in_the_feed(place: &Place, events: i64) {
    let db = Db::connect(&place.database_url).await.unwrap();
    eventually("everything is in the feed", async || {
        let lines = sqlx::query_scalar::<_, i64>("select count(*) from activity");
        lines.fetch_one(db.pool()).await.unwrap() == events
    })
    .await;
}

async fn works(listener: &str, principal: &str, login: Login) {
    let place = place(&brokers(listener)).await;
    allow(&place, principal, "all").await;
    let server = login.start(&place);
    travels(&server, &place).await;
    assert_eq!(server.complaints(), []);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scram_works() {
    let login = Login::by_name("todo", "todo-secret");
    works("brokers-sasl", "User:todo", login).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_works() {
    let login = Login::by_name("todo", "todo-secret").with("--kafka-sasl-mechanism=plain");
    works("brokers-sasl", "User:todo", login).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_works() {
    let login = Login::by_certificate("client");
    works("brokers-tls", "User:CN=todo", login).await;
}

/// Each process of an installation with a user of its own, who may do its part only.
#[tokio::test(flavor = "multi_thread")]
async fn the_roles_may_have_users_of_their_own() {
    let mut place = place(&brokers("brokers-sasl")).await;
    place.database_url = Place::new(Stack::Kafka).await.database_url;
    let mut servers = Vec::new();
    for role in ["relay", "consumers", "web"] {
        let user = format!("{role}-{}", Uuid::new_v4().simple());
        set_password(&user, "role-secret").await;
        allow(&place, &format!("User:{user}"), role).await;
        let login = Login::by_name(&user, "role-secret").with(&format!("--role={role}"));
        servers.push(login.start(&place));
    }
    travels(&servers[2], &place).await;
    for server in servers {
        // Until the relay has made the topics, the others wait for them.
        let complaints = server.complaints().into_iter();
        let wrong =
            complaints.filter(|(text, _)| !text.starts_with("Kafka's topics are not there yet"));
        assert_eq!(wrong.collect::<Vec<_>>(), []);
        server.stop().await;
    }
}

/// What cannot be mended but by other settings.
async fn fails(address: &str, login: Login, cause: &str) {
    let place = place(address).await;
    let server = login.start(&place);
    server.tells_once(cause).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_authority_is_told_once() {
    let mut login = Login::by_name("todo", "todo-secret");
    login.args[1] = file("ca-file", "other-ca.pem");
    let cause = "Kafka's certificate is not signed by an authority we trust. Check KAFKA_CA_FILE";
    fails(&brokers("brokers-sasl"), login, cause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_host_name_is_told_once() {
    let address = brokers("brokers-sasl").replace("localhost", "127.0.0.1");
    let cause = "Kafka's certificate is for another host name. Check KAFKA_BROKERS";
    fails(&address, Login::by_name("todo", "todo-secret"), cause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_client_certificate_is_told_once() {
    let login = Login {
        args: vec![file("ca-file", "ca.pem")],
        password: None,
    };
    let cause = "Kafka does not accept our certificate, or wants one. Check KAFKA_CERTIFICATE_FILE";
    fails(&brokers("brokers-tls"), login, cause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_of_somebody_else_is_told_once() {
    let cause = "Kafka does not accept our certificate, or wants one. Check KAFKA_CERTIFICATE_FILE";
    let login = Login::by_certificate("other-ca");
    fails(&brokers("brokers-tls"), login, cause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_where_a_certificate_is_wanted_is_told_once() {
    let cause = "Kafka does not accept our certificate, or wants one. Check KAFKA_CERTIFICATE_FILE";
    let login = Login::by_name("todo", "todo-secret");
    fails(&brokers("brokers-tls"), login, cause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_to_an_encrypted_port_is_told_once() {
    // The broker hangs up without a word.
    let cause = "Kafka does not answer. Check that it is running, KAFKA_BROKERS and KAFKA_SECURITY";
    let login = Login {
        args: Vec::new(),
        password: None,
    };
    fails(&brokers("brokers-sasl"), login, cause).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_once_and_may_be_mended() {
    let user = format!("late-{}", Uuid::new_v4().simple());
    let place = place(&brokers("brokers-sasl")).await;
    set_password(&user, "right-secret").await;
    allow(&place, &format!("User:{user}"), "all").await;
    let server = Login::by_name(&user, "wrong-secret").start(&place);
    let cause = "Kafka refuses the user name or the password. Check KAFKA_USERNAME, and KAFKA_PASSWORD_FILE or KAFKA_PASSWORD";
    server.tells_once(cause).await;
    set_password(&user, "wrong-secret").await;
    travels(&server, &place).await;
    assert_eq!(server.complaints().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_is_told_once_and_may_be_given_them() {
    let place = place(&brokers("brokers-sasl")).await;
    let server = Login::by_name("stranger", "stranger-secret").start(&place);
    let cause =
        "Kafka does not allow us to see or make its topics. `todo kafka acls` prints the commands";
    server.tells_once(cause).await;
    allow(&place, "User:stranger", "all").await;
    travels(&server, &place).await;
    // Rights are given one after the other; whatever was missing in between is told once, too.
    let mut complaints = server.complaints();
    let all = complaints.len();
    complaints.sort();
    complaints.dedup_by(|one, other| one.0 == other.0);
    assert_eq!(complaints.len(), all, "{complaints:#?}");
    let about_rights = |(text, _): &(String, String)| text.starts_with("Kafka does not allow us");
    assert!(complaints.iter().all(about_rights), "{complaints:#?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_rights_is_told_once_and_may_be_given_them() {
    let place = place(&brokers("brokers-sasl")).await;
    let user = format!("part-{}", Uuid::new_v4().simple());
    set_password(&user, "part-secret").await;
    for role in ["relay", "web"] {
        allow(&place, &format!("User:{user}"), role).await;
    }
    let server = Login::by_name(&user, "part-secret").start(&place);
    eventually("it is told", async || !server.complaints().is_empty()).await;
    let ada = Person::register(server.addr).await;
    let mut window = ada.socket(1).await;
    window.live().await;
    let created = ada.creates("Milk").await;
    assert_eq!(window.event().await, created, "what is allowed goes on");
    assert_eq!(server.status("/readyz").await, 503);
    allow(&place, &format!("User:{user}"), "consumers").await;
    everything_is_in_the_feed(&place, 2).await;
    server.is_ready().await;
    let consumers = server::consumers::all();
    let mut complaints: Vec<String> = server
        .complaints()
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    complaints.sort();
    let mut expected: Vec<String> = consumers.iter().map(|(name, _)| format!(
        "Kafka does not allow us to read as the group {name}. `todo kafka acls` prints the commands that allow it; check KAFKA_USERNAME and KAFKA_PREFIX too"
    )).collect();
    expected.sort();
    assert_eq!(complaints, expected);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_to_a_plaintext_port_is_told_once_and_may_be_mended() {
    let proxy = Proxy::to(&administrators()).await;
    let place = place(&format!("localhost:{}", proxy.address.port())).await;
    allow(&place, "User:todo", "all").await;
    let server = Login::by_name("todo", "todo-secret").start(&place);
    let cause = "Kafka's connection is secured in another way than we expect. Check KAFKA_SECURITY, and the port in KAFKA_BROKERS";
    server.tells_once(cause).await;
    proxy.lead(Some(&brokers("brokers-sasl")));
    travels(&server, &place).await;
    assert_eq!(server.complaints().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn help_shows_no_secret() {
    for args in [
        &["--help"][..],
        &["serve", "--help"],
        &["kafka", "acls", "--help"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_todo"))
            .args(args)
            .env("KAFKA_PASSWORD", "kafka-secret")
            .env("KAFKA_USERNAME", "todo")
            .env("TODO_METRICS_TOKEN", "metrics-secret")
            .env(
                "DATABASE_URL",
                "postgres://todo:database-secret@localhost/todo",
            )
            .output();
        let output = output.await.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains("KAFKA_PASSWORD_FILE"), "{text}");
        assert!(!text.contains("-secret"), "{text}");
    }
}
