//! A line over the last quarter of an hour, drawn on the server.

use super::history::KEPT;
use leptos::prelude::*;
use std::fmt::Write;

/// How high a picture is, in units of its own. It is as wide as there are samples.
const HEIGHT: f64 = 100.0;

/// What was at each sample, oldest first; `None` leaves a gap.
pub type Series = Vec<Option<f64>>;

/// Lines on one scale, from zero up. `label` says in words what they show; of two, the second is
/// the fainter.
pub fn plot(label: String, lines: &[Series]) -> impl IntoView + use<> {
    let top = top(most(lines).unwrap_or(0.0));
    let paths = lines.iter().enumerate().map(|(at, line)| {
        let class = if at == 0 { "first" } else { "second" };
        view! { <path class=class d=path(line, top)></path> }
    });
    let paths: Vec<_> = paths.collect();
    let view_box = format!("0 0 {} {HEIGHT}", KEPT - 1);
    view! {
        <svg class="lines" viewBox=view_box preserveAspectRatio="none" role="img" aria-label=label>
            {paths}
        </svg>
    }
}

/// The largest of all.
pub fn most(lines: &[Series]) -> Option<f64> {
    lines.iter().flatten().flatten().copied().reduce(f64::max)
}

/// The end of the scale: 1, 2 or 5 and zeros, so that it stays while the values move.
fn top(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= most)
        .unwrap_or(steps[3])
}

/// The newest sample is at the right edge.
fn path(line: &[Option<f64>], top: f64) -> String {
    let left = KEPT.saturating_sub(line.len());
    let height = |value: f64| (HEIGHT - value / top * HEIGHT).round() as i64;
    let points: Vec<Option<i64>> = line.iter().map(|value| value.map(height)).collect();
    let mut path = String::new();
    for (at, point) in points.iter().enumerate() {
        let Some(y) = point else { continue };
        let before = at.checked_sub(1).and_then(|at| points[at]);
        let after = points.get(at + 1).copied().flatten();
        // What is level is drawn from its ends.
        if before == Some(*y) && after == Some(*y) {
            continue;
        }
        let pen = if before.is_some() { 'L' } else { 'M' };
        // Alone it is a dot.
        let dot = match (before, after) {
            (None, None) => "h0",
            _ => "",
        };
        let _ = write!(path, "{pen}{} {y}{dot}", left + at);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_gaps_and_level_stretches() {
        let last = KEPT - 1;
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Series>();
        assert_eq!(path(&[], 1.0), "");
        assert_eq!(path(&[None, None], 1.0), "");
        assert_eq!(path(&some(&[0.5]), 1.0), format!("M{last} 50h0"));
        assert_eq!(
            path(&some(&[0.0, 0.0, 0.0, 0.0, 2.0]), 2.0),
            format!("M{} 100L{} 100L{last} 0", last - 4, last - 1)
        );
        let gap = [Some(1.0), Some(0.0), None, Some(1.0)];
        assert_eq!(
            path(&gap, 1.0),
            format!("M{} 0L{} 100M{last} 0h0", last - 3, last - 2)
        );
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (most, end) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (3.0, 5.0),
            (51.0, 100.0),
        ] {
            assert_eq!(top(most), end, "{most}");
        }
        assert!((top(0.0031) - 0.005).abs() < 1e-12);
    }
}
