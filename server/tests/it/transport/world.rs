//! A database, a transport, people who do things, and a consumer that writes down what it applies.

use crate::support::{Place, Stack, eventually};
use app::db::{Backend, Db, Tx};
use app::error::Error;
use app::event::{Event, EventType};
use app::id::{Seq, UserId};
use app::outbox::{self, Cause};
use app::tasks::commands;
use server::consumer::policy::Policy;
use server::consumer::{self, Consumer, HandleError};
use server::relay;
use server::transport::{Transport, connect};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Of every event that is made here.
pub const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub struct World {
    pub place: Place,
    pub db: Db,
}

impl World {
    pub async fn new(stack: Stack) -> World {
        Self::at(Place::new(stack).await).await
    }

    pub async fn at(place: Place) -> World {
        let db = Db::connect(&place.database_url).await.unwrap();
        let key = match db.backend() {
            Backend::Sqlite => "integer primary key autoincrement",
            Backend::Postgres => "bigint generated always as identity primary key",
        };
        execute(
            &db,
            format!(
                "create table recorded (n {key}, user_id text not null, seq bigint not null, \
                 event_type text not null, member text not null); \
                 create index recorded_stream on recorded (user_id, seq)"
            ),
        )
        .await;
        World { place, db }
    }

    /// A transport as another process would have it.
    pub async fn transport(&self) -> Arc<dyn Transport> {
        connect(&self.place.config(), &self.db).await.unwrap()
    }

    /// The transport of another member: on Kafka one of its own. What is embedded is shared by
    /// all of a process, who then race for each event.
    pub async fn another(&self, transport: &Arc<dyn Transport>) -> Arc<dyn Transport> {
        match self.place.kafka {
            Some(_) => self.transport().await,
            None => transport.clone(),
        }
    }

    /// A relay as another process would have it, on a transport that others may share.
    pub async fn relay(&self, transport: &Arc<dyn Transport>) -> Running {
        let db = Db::connect(&self.place.database_url).await.unwrap();
        let transport = transport.clone();
        Running::start(|stop| relay::run(db, transport, Arc::default(), stop))
    }

    /// A member of the recorder's group.
    pub async fn member(&self, transport: &Arc<dyn Transport>, recorder: Recorder) -> Running {
        self.member_of(transport, recorder).await
    }

    /// A member of any consumer's group.
    pub async fn member_of<C: Consumer>(
        &self,
        transport: &Arc<dyn Transport>,
        consumer: C,
    ) -> Running {
        let policy = self.place.config().retry.of(C::NAME);
        self.member_that_retries(transport, consumer, policy).await
    }

    pub async fn member_that_retries<C: Consumer>(
        &self,
        transport: &Arc<dyn Transport>,
        consumer: C,
        policy: Policy,
    ) -> Running {
        let db = Db::connect(&self.place.database_url).await.unwrap();
        self.member_on(db, transport, consumer, policy)
    }

    pub fn member_on<C: Consumer>(
        &self,
        db: Db,
        transport: &Arc<dyn Transport>,
        consumer: C,
        policy: Policy,
    ) -> Running {
        let transport = transport.clone();
        Running::start(move |stop| consumer::run(consumer, db, transport, policy, stop))
    }

    /// Someone whose stream is empty as yet.
    pub async fn person(&self) -> UserId {
        let user_id = UserId::new();
        let id = user_id.clone();
        self.db
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    outbox::open_stream(tx, &id).await?;
                    sqlx::query(
                        "insert into users (user_id, email, name, password_hash, created_at) \
                         values ($1, $1, 'Ada', 'hash', 0)",
                    )
                    .bind(&id.0)
                    .execute(&mut **tx)
                    .await?;
                    Ok(())
                })
            })
            .await
            .unwrap();
        user_id
    }

    pub async fn people(&self, count: usize) -> Vec<UserId> {
        let mut people = Vec::new();
        for _ in 0..count {
            people.push(self.person().await);
        }
        people
    }

    /// Five events, each of another type.
    pub async fn five(&self, user_id: &UserId) -> Vec<Event> {
        let cause = Cause {
            traceparent: Some(TRACEPARENT.into()),
            ..Cause::unasked(&*user_id.0)
        };
        self.db
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    let created = commands::create(tx, &cause, "Milk", "").await?.unwrap();
                    let id = created.envelope.data.task_id().unwrap();
                    let edited = commands::edit(tx, &cause, id, Some("Oat milk"), None).await?;
                    let completed = commands::complete(tx, &cause, id).await?;
                    let reopened = commands::reopen(tx, &cause, id).await?;
                    let deleted = commands::delete(tx, &cause, id).await?;
                    let others = [edited, completed, reopened, deleted];
                    Ok([created]
                        .into_iter()
                        .chain(others.into_iter().flatten())
                        .collect())
                })
            })
            .await
            .unwrap()
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        let n: Option<i64> = sqlx::query_scalar(sql)
            .fetch_one(self.db.pool())
            .await
            .unwrap();
        n.unwrap_or(0)
    }

    pub async fn execute(&self, sql: &str) {
        execute(&self.db, sql.to_owned()).await;
    }

    pub async fn everything_is_marked(&self) {
        eventually("every event is marked as published", async || {
            self.number("select count(*) from events where published_at is null")
                .await
                == 0
        })
        .await;
    }

    /// The places in the log are 1, 2, 3 … and follow the order in which the events were born.
    pub async fn the_log_is_dense_and_ordered(&self) {
        let places: Vec<(i64, i64)> =
            sqlx::query_as("select log_offset, position from events order by log_offset")
                .fetch_all(self.db.pool())
                .await
                .unwrap();
        assert!(
            places.iter().map(|p| p.0).eq(1..=places.len() as i64),
            "{places:?}"
        );
        let streams: Vec<(String, i64)> =
            sqlx::query_as("select user_id, seq from events order by log_offset")
                .fetch_all(self.db.pool())
                .await
                .unwrap();
        assert_each_in_order(streams);
    }

    /// Waits until every event there is was applied, then for one more of everybody, so that what
    /// was on its way has arrived: each must have been applied once, and everyone's in order.
    pub async fn each_is_applied_once_in_order(&self, people: &[UserId]) {
        self.everything_is_applied().await;
        for user_id in people {
            self.five(user_id).await;
        }
        self.everything_is_applied().await;
        let recorded: Vec<(String, i64)> =
            sqlx::query_as("select user_id, seq from recorded order by n")
                .fetch_all(self.db.pool())
                .await
                .unwrap();
        let applied = recorded.len() as i64;
        assert_each_in_order(recorded);
        assert_eq!(applied, self.number("select count(*) from events").await);
    }

    pub async fn everything_is_applied(&self) {
        eventually("every event is applied", async || {
            self.number(
                "select count(*) from events e where not exists \
                 (select 1 from recorded r where r.user_id = e.user_id and r.seq = e.seq)",
            )
            .await
                == 0
        })
        .await;
    }

    /// What the recorder wrote down of one person.
    pub async fn recorded(&self, user_id: &UserId) -> Vec<i64> {
        sqlx::query_scalar("select seq from recorded where user_id = $1 order by n")
            .bind(&user_id.0)
            .fetch_all(self.db.pool())
            .await
            .unwrap()
    }

    pub async fn members(&self) -> BTreeSet<String> {
        let members: Vec<String> = sqlx::query_scalar("select distinct member from recorded")
            .fetch_all(self.db.pool())
            .await
            .unwrap();
        members.into_iter().collect()
    }
}

fn assert_each_in_order(rows: Vec<(String, i64)>) {
    let mut streams: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (user_id, seq) in rows {
        streams.entry(user_id).or_default().push(seq);
    }
    for (user_id, seqs) in streams {
        assert!(
            seqs.iter().copied().eq(1..=seqs.len() as i64),
            "{user_id}: {seqs:?}"
        );
    }
}

async fn execute(db: &Db, sql: String) {
    db.write::<_, sqlx::Error, _>(move |tx| {
        Box::pin(async move {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&mut **tx)
                .await
                .map(|_| ())
        })
    })
    .await
    .unwrap();
}

/// A part of the application, running as a task.
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start<F: Future<Output = ()> + Send + 'static>(
        run: impl FnOnce(CancellationToken) -> F,
    ) -> Self {
        let stop = CancellationToken::new();
        Running {
            task: tokio::spawn(run(stop.clone())),
            stop,
        }
    }

    /// Asks it to end, and waits for it.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Writes down what it applies, by whom, without looking whether it is there already.
#[derive(Clone, Default)]
pub struct Recorder {
    pub member: &'static str,
    /// Whose events fail for now.
    pub failing: Arc<Mutex<HashSet<UserId>>>,
    /// Which events fail for now; `true`: for good.
    pub failing_at: Arc<Mutex<HashMap<(UserId, i64), bool>>>,
    /// At which events it panics.
    pub panicking_at: Arc<Mutex<HashSet<(UserId, i64)>>>,
    /// When each of those that fail was tried.
    pub attempts: Arc<Mutex<Vec<(UserId, i64, Instant)>>>,
}

impl Recorder {
    pub fn new(member: &'static str) -> Self {
        Recorder {
            member,
            ..Default::default()
        }
    }
}

impl Consumer for Recorder {
    const NAME: &'static str = "recorder";
    const TOPICS: &'static [EventType] = EventType::ALL;

    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        sqlx::query(
            "insert into recorded (user_id, seq, event_type, member) values ($1, $2, $3, $4)",
        )
        .bind(&event.user_id().0)
        .bind(event.seq.0)
        .bind(event.envelope.event_type.as_str())
        .bind(self.member)
        .execute(&mut **tx)
        .await?;
        if self.failing.lock().unwrap().contains(event.user_id()) {
            return Err(HandleError::Passing(anyhow::anyhow!("asked to fail")));
        }
        let key = (event.user_id().clone(), event.seq.0);
        let panics = self.panicking_at.lock().unwrap().contains(&key);
        assert!(!panics, "asked to panic");
        if let Some(permanent) = self.failing_at.lock().unwrap().get(&key) {
            let attempt = (key.0, key.1, Instant::now());
            self.attempts.lock().unwrap().push(attempt);
            let error = anyhow::anyhow!("asked to fail\0at {}", key.1);
            return Err(match permanent {
                true => HandleError::Permanent(error),
                false => HandleError::Passing(error),
            });
        }
        Ok(())
    }
}

/// The same event with another number.
pub fn numbered(event: &Event, seq: i64) -> Event {
    Event {
        seq: Seq(seq),
        ..event.clone()
    }
}
