//! The lists of the page, whose items come and go one by one.

use super::{Line, Page, Told, Trouble};
use crate::activity::view::{day, line};
use crate::tasks::row::row_view;
use crate::tasks::view::stray;
use leptos::either::EitherOf4;
use leptos::prelude::*;

/// Whatever stands in a list.
pub enum Item {
    Row(Line),
    /// A heading of the feed: days since 1970 where the reader is.
    Day(i64),
    Told(Told),
    Stray(Trouble),
}

impl Item {
    /// Unlike that of any other item of its list.
    fn key(&self) -> i64 {
        match self {
            Item::Row(line) => line.id(),
            // Below zero, where no entry is.
            Item::Day(day) => -1 - day,
            Item::Told(told) => told.key.0,
            Item::Stray(trouble) => trouble.command_id.0.as_u128() as i64,
        }
    }
}

/// Items that stay keep their elements. One type for all lists, because each kind of list would be
/// paid for in WebAssembly again.
pub fn list(
    page: Page,
    class: &'static str,
    items: Box<dyn Fn() -> Vec<Item> + Send>,
) -> impl IntoView {
    let view = move |item| match item {
        Item::Row(line) => EitherOf4::A(move || page.see_row(&line, |row| row_view(page, row))),
        Item::Day(its_day) => EitherOf4::B(day(page, its_day)),
        Item::Told(told) => EitherOf4::C(move || page.see_told(&told, |group| line(page, group))),
        Item::Stray(trouble) => EitherOf4::D(stray(trouble)),
    };
    view! {
        <ol class=class>
            <For each=items key=Item::key children=view/>
        </ol>
    }
}
