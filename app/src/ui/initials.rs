//! A person in two letters.

use crate::id::UserId;
use leptos::prelude::*;

/// How many tints the stylesheet knows (`.tint-0` and so on).
const TINTS: u32 = 12;

/// The first letters of the first and the last name (the stylesheet makes them capitals), in a tint of the person's own.
#[component]
pub fn Initials(user_id: UserId, name: String) -> impl IntoView {
    let class = format!("initials tint-{}", tint(&user_id));
    view! { <span class=class aria-hidden="true">{initials(&name)}</span> }
}

fn initials(name: &str) -> String {
    let mut words = name
        .split_whitespace()
        .filter_map(|word| word.chars().next());
    let letters = [words.next(), words.next_back()];
    letters.into_iter().flatten().collect()
}

/// FNV-1a: the same person has the same tint everywhere.
fn tint(user_id: &UserId) -> u32 {
    let hash = user_id.0.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % TINTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_the_outer_two() {
        assert_eq!(initials("Ada King Lovelace"), "AL");
        assert_eq!(initials("ada"), "a");
        assert_eq!(initials("  øystein  ß "), "øß");
        assert_eq!(initials(""), "");
    }
}
