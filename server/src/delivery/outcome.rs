//! How an attempt went, told apart by what is to become of the delivery.

use crate::consumer::policy::Policy;
use app::db::now;
use app::deliveries::Verdict;
use app::deliveries::commands::Ended;
use app::event::Timestamp;
use std::time::Duration;

/// The longest a receiver may ask us to wait.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Sent(Answer),
    /// It may work later.
    Passing(Answer),
    /// It will never work: the message or its address is wrong.
    Permanent(Answer),
    /// The target wants no more, of anything.
    Gone(Answer),
    /// It was not tried: now is not the time. It counts as no attempt.
    NotYet(Timestamp),
}

/// What was answered, or what went wrong; its first 4 KiB are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// What the protocol calls it: an HTTP status, an SMTP code.
    pub status: Option<i64>,
    pub text: String,
    /// How long the receiver asked us to wait.
    pub retry_after: Option<Duration>,
    /// Everything else of the lane would fail too: it is unreachable or broken as a whole.
    pub blames_lane: bool,
    /// What was asked, for people who look why it was refused. Never a password.
    pub request: String,
}

impl Answer {
    pub fn text(text: impl Into<String>) -> Self {
        Answer {
            text: text.into(),
            ..Answer::default()
        }
    }

    pub fn blaming(self) -> Self {
        Answer {
            blames_lane: true,
            ..self
        }
    }
}

impl Outcome {
    /// Tells what was asked too.
    pub fn asked(mut self, request: &str) -> Self {
        match &mut self {
            Outcome::Sent(answer)
            | Outcome::Passing(answer)
            | Outcome::Permanent(answer)
            | Outcome::Gone(answer) => answer.request = request.into(),
            Outcome::NotYet(_) => {}
        }
        self
    }

    /// What is kept of the attempt, which was the `tries`-th, and what becomes of the delivery.
    pub(super) fn judge(self, took: Duration, tries: i64, policy: Policy) -> (Ended, Verdict) {
        let tries = tries.clamp(1, i64::from(u32::MAX)) as u32;
        let (outcome, answer, verdict) = match self {
            Outcome::Sent(answer) => ("sent", answer, Verdict::Sent),
            Outcome::Permanent(answer) => ("permanent", answer, Verdict::Permanent),
            Outcome::Gone(answer) => ("gone", answer, Verdict::Gone),
            Outcome::NotYet(due_at) => ("", Answer::default(), Verdict::NotYet { due_at }),
            Outcome::Passing(answer) => {
                let blames_lane = answer.blames_lane;
                let verdict = if policy.is_spent(tries) {
                    Verdict::Failed { blames_lane }
                } else {
                    let asked = answer.retry_after.unwrap_or_default().min(LONGEST);
                    let due_at = now() + policy.delay(tries).max(asked);
                    Verdict::Later {
                        due_at,
                        blames_lane,
                    }
                };
                ("passing", answer, verdict)
            }
        };
        let ended = Ended {
            took,
            outcome,
            status: answer.status,
            answer: answer.text,
            request: answer.request,
        };
        (ended, verdict)
    }
}

/// What it is counted as.
pub(super) fn measure(verdict: &Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Sent => Some("sent"),
        Verdict::Later { .. } => Some("retried"),
        Verdict::Failed { .. } | Verdict::Permanent => Some("failed"),
        Verdict::Gone => Some("gone"),
        Verdict::NotYet { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        retries: 2,
        first: Duration::from_secs(10),
        longest: Duration::from_secs(60),
    };

    fn wait(outcome: Outcome, tries: i64) -> Option<i64> {
        match outcome.judge(Duration::ZERO, tries, POLICY).1 {
            Verdict::Later { due_at, .. } => Some((due_at - now()).num_seconds()),
            _ => None,
        }
    }

    #[test]
    fn what_passes_is_tried_again_until_its_retries_are_spent() {
        let passing = || Outcome::Passing(Answer::text("busy"));
        assert!((9..=11).contains(&wait(passing(), 1).unwrap()));
        assert!((19..=22).contains(&wait(passing(), 2).unwrap()));
        assert_eq!(wait(passing(), 3), None);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
        let asking = |seconds| {
            Outcome::Passing(Answer {
                retry_after: Some(Duration::from_secs(seconds)),
                ..Answer::default()
            })
        };
        assert!((9..=11).contains(&wait(asking(1), 1).unwrap()));
        assert!((3_598..=3_600).contains(&wait(asking(3_600), 1).unwrap()));
        assert!(wait(asking(u64::MAX), 1).unwrap() <= 86_400);
    }

    #[test]
    fn what_can_never_work_is_not_tried_again() {
        for outcome in [
            Outcome::Permanent(Answer::default()),
            Outcome::Gone(Answer::default()),
            Outcome::Sent(Answer::default()),
        ] {
            assert_eq!(wait(outcome, 1), None);
        }
    }
}
