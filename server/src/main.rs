//! The `todo` program.

use clap::{Parser, Subcommand};
use server::acls::Kafka;
use server::audit::Audit;
use server::config::Config;
use server::deliveries::Deliveries;
use server::delivery::push::vapid;
use server::dlq::Dlq;
use server::events::Events;
use server::rebuild::Rebuild;
use server::republish::Republish;
use server::search::command::SearchCommand;
use std::process::ExitCode;

/// Todo Evolution: tasks in the browser, in which every change is an event.
///
/// Without a command it serves: on http://127.0.0.1:3000, with its data in data/todo.db and nothing
/// else to install. Give it DATABASE_URL and KAFKA_BROKERS to run on PostgreSQL and Apache Kafka.
#[derive(Parser)]
#[command(name = "todo", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: Config,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Run the application until SIGTERM or Ctrl-C, then finish within 10 seconds (the default)
    Serve,
    /// Check that what the tables say equals the fold of all events; exit 1 if anything differs
    Verify,
    /// Look after dead letters: what a consumer could not apply, and records that are no events
    #[command(subcommand)]
    Dlq(Dlq),
    /// Look into the audit log: who did what, when, from where
    #[command(subcommand)]
    Audit(Audit),
    /// Look after deliveries: e-mail, SMS and what else leaves the house
    #[command(subcommand)]
    Deliveries(Deliveries),
    /// Publish history again, after the broker was lost; consumers drop what they have applied
    Republish(Republish),
    /// Build a consumer's read model anew from history, while the old one serves
    Rebuild(Rebuild),
    /// Print what events look like, for programs and for people outside
    #[command(subcommand)]
    Events(Events),
    /// Look after the search index
    #[command(subcommand)]
    Search(SearchCommand),
    /// Say who may look after the system in the page
    #[command(subcommand)]
    Admin(Admin),
    /// Print a new key pair for messages in browsers. Without one of yours, the database keeps one
    Vapid,
    /// Print who may do what with Kafka's topics, and the commands that tell Kafka
    #[command(subcommand)]
    Kafka(Kafka),
}

#[derive(Clone, Subcommand)]
enum Admin {
    /// Make the person with this e-mail address an administrator
    Grant { email: String },
    /// Make them a member like everybody else
    Revoke { email: String },
}

const EXAMPLES: &str = "Examples:
  todo                                     everything in one process, SQLite, no broker
  KAFKA_BROKERS=localhost:9092 \\
  DATABASE_URL=postgres://todo@localhost/todo todo serve
                                           the same over Apache Kafka and PostgreSQL
  todo serve --role web                    only pages and sockets; run `--role relay` and
                                           `--role consumers` beside it, as many as you like
  todo verify                              prove that no change is without its event
  todo dlq list --status open              what waits for a decision
  todo events asyncapi                     what events look like, for programs
  todo rebuild activity                    a read model anew from history, the old one serving
  todo audit verify --head HASH            prove that nobody has written the audit log anew
  todo search rebuild                      build every search index anew, the old one serving
  todo deliveries list --status failed     what could not be delivered
  todo republish --from 1                  after the broker was lost: all of history, in order
  todo kafka acls --principal User:todo    what an administrator of Kafka has to allow

Health: GET /healthz (it runs), GET /readyz (database, migrations and transport answer).";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let checked = match cli.command {
        // It prints what an administrator is to do, who has neither our database nor our password.
        // And who asks for a key may not have the one that is set.
        Some(Command::Kafka(_) | Command::Vapid) => Ok(()),
        _ => cli.config.check(),
    };
    let result = checked.and_then(|()| {
        server::telemetry::start(&cli.config)?;
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(async { run(cli.command.unwrap_or(Command::Serve), cli.config).await })
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("todo: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `false`: it was done, and what it found or did is not as it should be.
async fn run(command: Command, config: Config) -> anyhow::Result<bool> {
    match command {
        Command::Serve => server::serve(config).await.map(|()| true),
        Command::Verify => server::verify::print(&config).await,
        Command::Dlq(command) => server::dlq::run(&server::open(&config).await?, command).await,
        Command::Audit(command) => server::audit::run(&server::open(&config).await?, command).await,
        Command::Deliveries(command) => {
            server::deliveries::run(&server::open(&config).await?, command).await
        }
        Command::Republish(options) => {
            let db = server::open(&config).await?;
            let (events, letters) = server::republish::run(&db, &options).await?;
            println!(
                "{events} events and {letters} dead letters are published again by the relay that runs, or by the next"
            );
            Ok(true)
        }
        Command::Rebuild(options) => server::rebuild::run(&config, &options).await,
        Command::Kafka(command) => {
            print!("{}", server::acls::run(&config, &command)?);
            Ok(true)
        }
        Command::Vapid => {
            print!("{}", vapid::pair()?);
            Ok(true)
        }
        Command::Events(command) => server::events::run(&command).map(|()| true),
        Command::Search(command) => {
            server::search::command::run(&server::open(&config).await?, command).await?;
            Ok(true)
        }
        Command::Admin(command) => {
            let (email, role) = match command {
                Admin::Grant { email } => (email, "admin"),
                Admin::Revoke { email } => (email, "member"),
            };
            let db = server::open(&config).await?;
            let found = app::accounts::commands::set_role(&db, &email, role).await?;
            match found {
                true => println!("{email} is {role} now"),
                false => println!("Nobody has the e-mail address {email}."),
            }
            Ok(found)
        }
    }
}
