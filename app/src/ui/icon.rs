//! The icons: one set, 24 px, strokes of 1.5 px, only those in use.

use leptos::prelude::*;

/// An icon beside a word, or inside of something that has a name: it says nothing itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    Mark,
    Tasks,
    Search,
    Feed,
    Stats,
    Add,
    Person,
    Check,
    Chevron,
    Note,
    Up,
    Trash,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Mark => "M4 7h9M4 12h6M4 17h4M12.5 16.5l3 3 5.5-8",
            Icon::Tasks => {
                "M9.5 6.5h11M9.5 12h11M9.5 17.5h11M3.5 6.5l1 1 2-2M3.5 12l1 1 2-2M3.5 17.5l1 1 2-2"
            }
            Icon::Search => "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.2 15.2l5.3 5.3",
            Icon::Feed => "M3 12h4l3-7 4.5 14 3-7H21",
            Icon::Stats => "M4 20h16M7 16v-5M12 16V5M17 16V9",
            Icon::Add => "M12 5v14M5 12h14",
            Icon::Person => {
                "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c.8-3.4 3.800-5.500 7.500-5.500s6.700 2.100 7.500 5.500"
            }
            Icon::Check => "M6.500 12.500l3.700 3.700 7.300-8.200",
            Icon::Chevron => "M9 6l6 6-6 6",
            Icon::Note => "M5 7h14M5 12h14M5 17h8",
            Icon::Trash => "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
            Icon::Up => "M12 19V5M6 11l6-6 6 6",
        }
    }

    pub fn view(self) -> impl IntoView {
        view! {
            <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
                <path d=self.path()></path>
            </svg>
        }
    }
}
