//! Points at which the crash tests end the process, as a power cut would. Nothing in release builds.

use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ends the process here and now if `TODO_CRASH_AT` is `label`, or `label:N` at the N-th passing.
pub fn point(label: impl Display) {
    if cfg!(debug_assertions)
        && let Some(plan) = PLAN.get_or_init(|| Plan::parse(&std::env::var("TODO_CRASH_AT").ok()?))
        && plan.is_due(&label.to_string())
    {
        std::process::abort();
    }
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

struct Plan {
    label: String,
    /// Which passing of the label is the last one, from 1.
    passing: u64,
    passed: AtomicU64,
}

impl Plan {
    fn parse(text: &str) -> Option<Plan> {
        let counted = text
            .rsplit_once(':')
            .and_then(|(label, n)| Some((label, n.parse().ok()?)));
        let (label, passing) = counted.unwrap_or((text, 1));
        (!label.is_empty()).then(|| Plan {
            label: label.into(),
            passing,
            passed: AtomicU64::new(0),
        })
    }

    fn is_due(&self, label: &str) -> bool {
        label == self.label && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.passing
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    fn due(plan: &str, labels: &[&str]) -> Option<usize> {
        let plan = Plan::parse(plan)?;
        labels.iter().position(|label| plan.is_due(label))
    }

    #[test]
    fn a_label_is_due_at_its_first_or_nth_passing() {
        let labels = [
            "relay:after-mark",
            "relay:after-publish",
            "relay:after-publish",
        ];
        assert_eq!(due("relay:after-publish", &labels), Some(1));
        assert_eq!(due("relay:after-publish:2", &labels), Some(2));
        assert_eq!(due("relay:after-publish:3", &labels), None);
        assert_eq!(due("", &labels), None);
    }
}
