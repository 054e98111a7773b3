//! Plots, drawn on the server. The drawing stretches with the page, so all words stand beside it.

use leptos::prelude::*;
use std::fmt::Write;

/// Width of a column and height of a plot, in the drawing's own units.
const COLUMN: usize = 10;
const HEIGHT: f64 = 100.0;

/// Columns side by side, and if there are other values to compare them with, those as an outline.
#[component]
pub fn Plot(
    /// What there is to see, in a sentence.
    summary: String,
    values: Vec<i64>,
    #[prop(optional)] outline: Vec<i64>,
    /// What stands below, from the first column to the last.
    labels: Vec<String>,
    /// Whether each column has its label.
    #[prop(optional)]
    labelled: bool,
    /// The numbers themselves.
    children: Children,
) -> impl IntoView {
    let most = values.iter().chain(&outline).copied().max();
    let most = most.unwrap_or(0).max(1);
    let width = values.len() * COLUMN;
    let outline = (!outline.is_empty()).then(|| {
        view! { <path class="outline" d=steps(&outline, most)></path> }
    });
    let labels = labels
        .into_iter()
        .map(|label| view! { <span>{label}</span> });
    view! {
        <figure class="plot">
            <div class="plot-area">
                <svg
                    role="img"
                    aria-label=summary
                    viewBox=format!("0 0 {width} {HEIGHT}")
                    preserveAspectRatio="none"
                >
                    <path class="rule" d=format!("M0 0H{width}M0 {HEIGHT}H{width}")></path>
                    <path class="columns" d=columns(&values, most)></path>
                    {outline}
                </svg>
                <span class="most" aria-hidden="true">{most}</span>
            </div>
            <p class=if labelled { "below each" } else { "below" } aria-hidden="true">
                {labels.collect_view()}
            </p>
            <details class="behind">
                <summary>"As a table"</summary>
                {children()}
            </details>
        </figure>
    }
}

/// The numbers behind a plot: a name a row, and its numbers.
pub fn table(head: &[&'static str], rows: Vec<(String, Vec<i64>)>) -> impl IntoView + use<> {
    let head = head
        .iter()
        .map(|name| view! { <th scope="col">{*name}</th> });
    let head = head.collect_view();
    let row = |(name, numbers): (String, Vec<i64>)| {
        let numbers = numbers.into_iter().map(|n| view! { <td>{n}</td> });
        view! { <tr><th scope="row">{name}</th> {numbers.collect_view()}</tr> }
    };
    view! {
        <table class="numbers">
            <thead><tr>{head}</tr></thead>
            <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
}

/// A path of columns that stand on the ground.
fn columns(values: &[i64], most: i64) -> String {
    let mut path = String::new();
    for (n, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
        let (left, top) = (n * COLUMN + 1, top(*value, most));
        // A writer that is a string cannot fail.
        let _ = write!(path, "M{left}.5 {HEIGHT}V{top:.1}h7V{HEIGHT}z");
    }
    path
}

/// A path along the tops of such columns.
fn steps(values: &[i64], most: i64) -> String {
    let mut path = String::new();
    for (n, value) in values.iter().enumerate() {
        let command = if n == 0 { "M0 " } else { "V" };
        let right = (n + 1) * COLUMN;
        let _ = write!(path, "{command}{:.1}H{right}", top(*value, most));
    }
    path
}

fn top(value: i64, most: i64) -> f64 {
    HEIGHT - HEIGHT * value as f64 / most as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_column_fills_the_plot_and_nothing_is_drawn_for_none() {
        assert_eq!(
            columns(&[4, 0, 1], 4),
            "M1.5 100V0.0h7V100zM21.5 100V75.0h7V100z"
        );
        assert_eq!(steps(&[0, 2, 4], 4), "M0 100.0H10V50.0H20V0.0H30");
        assert_eq!(columns(&[0, 0], 1), "");
    }
}
