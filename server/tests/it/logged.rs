//! A server in a process of its own whose log is read: what it says is part of what it promises.

use crate::support::{Place, eventually, free_addr};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

pub struct Logged {
    pub addr: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Logged {
    /// Starts `todo` in `place`, with more arguments, and waits for nothing.
    pub fn start(place: &Place, args: &[String], envs: &[(&str, &str)]) -> Logged {
        let addr = free_addr();
        let log = place.folder.path().join(format!("{}.log", addr.port()));
        let usual = place.args(addr).into_iter();
        let child = Command::new(env!("CARGO_BIN_EXE_todo"))
            .args(usual.filter(|arg| !arg.starts_with("--log=")))
            .args(["--log=info,server=debug", "--log-format=json"])
            .args(args)
            .envs(envs.iter().copied())
            .stderr(Stdio::from(std::fs::File::create(&log).unwrap()))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Logged { addr, child, log }
    }

    pub async fn status(&self, path: &str) -> u16 {
        match reqwest::get(format!("http://{}{path}", self.addr)).await {
            Ok(answer) => answer.status().as_u16(),
            Err(_) => 0,
        }
    }

    pub async fn is_ready(&self) {
        eventually("the server is ready", async || {
            self.status("/readyz").await == 200
        })
        .await;
    }

    /// Everything it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// What it has said as a warning or an error: the sentence, and what else is in the line.
    pub fn complaints(&self) -> Vec<(String, String)> {
        let complaint = |line: &Value| {
            ["WARN", "ERROR"]
                .iter()
                .any(|level| line["level"] == *level)
        };
        let lines = self.lines().into_iter().filter(complaint);
        lines
            .map(|line| {
                let text = line["fields"]["message"].as_str().unwrap().to_owned();
                (text, line["fields"].to_string())
            })
            .collect()
    }

    /// How often something about Kafka did not work.
    fn attempts(&self) -> usize {
        let trouble = "server::transport::kafka::trouble";
        let lines = self.lines().into_iter();
        lines.filter(|line| line["target"] == trouble).count()
    }

    fn lines(&self) -> Vec<Value> {
        let log = self.log();
        // The last line may be under way.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        whole.lines().map(line).collect()
    }

    /// One line tells the cause, however often it is tried again; meanwhile it serves, but says that
    /// it is not ready, and it does not spin. A dozen clients that each try again take part of a core
    /// in a debug build; one that spins takes all of it.
    pub async fn tells_once(&self, cause: &str) {
        eventually(cause, async || !self.complaints().is_empty()).await;
        let (before, cpu, since) = (self.attempts(), self.cpu(), Instant::now());
        eventually("it has been tried thirty times more", async || {
            self.attempts() >= before + 30
        })
        .await;
        let (cpu, took) = (self.cpu() - cpu, since.elapsed());
        let attempts = self.attempts() - before;
        assert_eq!(self.status("/readyz").await, 503);
        assert_eq!(self.status("/healthz").await, 200);
        let complaints = self.complaints();
        assert_eq!(complaints.len(), 1, "{complaints:#?}");
        assert!(complaints[0].0.starts_with(cause), "{complaints:?}");
        println!(
            "{}\n  {}\n  {attempts} attempts in {took:.1?}, {cpu:?} of CPU",
            complaints[0].0, complaints[0].1
        );
        assert!(cpu < took * 3 / 4, "{cpu:?} of CPU in {took:?}");
    }

    /// The time it has computed so far.
    fn cpu(&self) -> Duration {
        let stat = format!("/proc/{}/stat", self.child.id().unwrap());
        let stat = std::fs::read_to_string(stat).unwrap();
        // After the name in parentheses come the state and, twelfth and thirteenth, hundredths of
        // a second in user and kernel mode.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Asks it to end, which it does within 10 s whatever is wrong; and then no secret is in its log.
    pub async fn stop(mut self) {
        let (pid, asked) = (self.child.id().unwrap().to_string(), Instant::now());
        let kill = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(kill.unwrap().success());
        let status = self.child.wait().await.unwrap();
        assert!(status.success(), "{status}\n{}", self.log());
        assert!(asked.elapsed() < Duration::from_secs(10));
        let log = self.log();
        assert!(!log.is_empty());
        for secret in ["-secret", crate::support::PASSWORD, "PRIVATE KEY"] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}
