//! What was typed, understood. Any text is a query; none is an error but one that is too long.

use super::words::words;
use crate::error::Error;
use crate::tasks::marks::{Mark, day, is_quote, key};
use std::ops::Range;

/// Longest query, in characters.
pub const MAX_QUERY: usize = 200;
/// The most words and phrases of a query: each is looked for in every task.
pub const MAX_TERMS: usize = 10;

/// What a task must be like to be found: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Each is in the title or in the description.
    pub terms: Vec<Term>,
    /// None of these is: each some words in a row.
    pub without: Vec<Vec<String>>,
    /// Done, or open.
    pub done: Vec<bool>,
    /// In which lists it is, and which labels it has.
    pub named: Vec<Named>,
    pub due: Vec<Due>,
    /// The day it is where the person is, counted from 1970. The text does not say it: whoever
    /// searches does, if the query [asks for it](Query::asks_for_today).
    pub today: i64,
    /// What was asked for and is not understood.
    pub unknown: Vec<Filter>,
}

/// A list or a label that a task must have, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub mark: Mark,
    pub key: String,
    /// As typed.
    pub said: String,
    pub negated: bool,
}

/// When a task must be due, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub when: When,
    pub negated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    Never,
    /// Before today, and still open.
    Overdue,
    /// From one day until before another, counted from 1970; no further than what there is.
    Days(Range<i64>),
    /// The same, counted from today.
    FromToday(Range<i64>),
}

/// A word, or several in a row, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// At least one.
    pub words: Vec<String>,
    /// As it stands: no more letters to come, no typing errors.
    pub exact: bool,
}

/// `name:value`, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub name: &'static str,
    pub value: String,
    pub negated: bool,
}

/// The names of filters.
const NAMES: [&str; 4] = ["is", "list", "label", "due"];

impl Query {
    /// Errors: `Invalid` above [`MAX_QUERY`] or [`MAX_TERMS`].
    pub fn parse(text: &str) -> Result<Query, Error> {
        let length = text.chars().count();
        if length > MAX_QUERY {
            return Err(Error::invalid(
                "q",
                format!(
                    "This search has {length} characters; at most {MAX_QUERY} fit. Shorten it."
                ),
            ));
        }
        let mut query = Query::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (chunk, after) = chunk(rest);
            query.add(chunk);
            rest = after.trim_start();
        }
        let terms = query.terms.len() + query.without.len();
        if terms > MAX_TERMS {
            return Err(Error::invalid(
                "q",
                format!(
                    "This search has {terms} words and phrases; at most {MAX_TERMS} are looked for. Leave some out."
                ),
            ));
        }
        Ok(query)
    }

    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Query::default()
    }

    /// What is due depends on which day it is.
    pub fn asks_for_today(&self) -> bool {
        let depends = |due: &Due| matches!(due.when, When::Overdue | When::FromToday(_));
        self.due.iter().any(depends)
    }

    /// No task can match, whatever tasks there are.
    pub fn is_hopeless(&self) -> bool {
        self.unknown.iter().any(|filter| !filter.negated)
            || (self.done.contains(&true) && self.done.contains(&false))
    }

    /// What to tell of a query that asks for what is not there: a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.unknown.iter().map(Filter::note).collect();
        if self.done.contains(&true) && self.done.contains(&false) {
            notes.push("No task is both done and open.".into());
        }
        notes
    }

    fn add(&mut self, chunk: Chunk) {
        let Chunk {
            negated,
            filter,
            value,
            closed,
        } = chunk;
        match (filter, value.to_lowercase().as_str()) {
            (Some("is"), "done") => self.done.push(!negated),
            (Some("is"), "open") => self.done.push(negated),
            (Some(name), folded) => {
                let mark = match name {
                    "list" => Some(Mark::List),
                    "label" => Some(Mark::Label),
                    _ => None,
                };
                let key = key(value);
                match (mark, When::read(folded)) {
                    (Some(mark), _) if !key.is_empty() => self.named.push(Named {
                        mark,
                        key,
                        said: value.into(),
                        negated,
                    }),
                    (None, Some(when)) if name == "due" => self.due.push(Due { when, negated }),
                    _ => self.unknown.push(Filter {
                        name,
                        value: value.into(),
                        negated,
                    }),
                }
            }
            (None, _) => {
                let words: Vec<String> = words(value).into_iter().map(|w| w.folded).collect();
                match negated {
                    _ if words.is_empty() => {}
                    true => self.without.push(words),
                    false => self.terms.push(Term {
                        words,
                        exact: closed,
                    }),
                }
            }
        }
    }
}

impl Filter {
    fn note(&self) -> String {
        let Filter {
            name,
            value,
            negated,
        } = self;
        let may_be = match *name {
            "list" => "A list has a name, as in list:home",
            "label" => "A label has a name, as in label:phone",
            "due" => {
                "A task is due on a day such as due:2026-12-01, due:today, due:tomorrow, due:week, \
                 due:overdue or due:none, or due:<2026-12-01"
            }
            _ => "A task is:open or is:done",
        };
        match negated {
            false => format!("{may_be}; nothing is known of {name}:{value}."),
            true => format!("{may_be}; -{name}:{value} leaves nothing out."),
        }
    }
}

impl Named {
    /// What to tell of it if no task of the person has it.
    pub fn note(&self) -> String {
        let said = &self.said;
        match self.mark {
            Mark::List => format!("No task is in the list {said}: none says #{said}."),
            Mark::Label => format!("No task has the label {said}: none says @{said}."),
        }
    }
}

impl When {
    /// What stands behind `due:`, in lower case.
    fn read(text: &str) -> Option<When> {
        const END: i64 = i64::MAX;
        match text {
            "none" => return Some(When::Never),
            "overdue" => return Some(When::Overdue),
            _ => {}
        }
        let days = text.trim_start_matches(['<', '>', '=']);
        let (from_today, Range { start, end }) = match days {
            "today" => (true, 0..1),
            "tomorrow" => (true, 1..2),
            "week" => (true, 0..7),
            _ => day(days).map(|day| (false, day..day + 1))?,
        };
        let range = match &text[..text.len() - days.len()] {
            "" => start..end,
            "<" => i64::MIN..start,
            "<=" => i64::MIN..end,
            ">" => end..END,
            ">=" => start..END,
            _ => return None,
        };
        Some(match from_today {
            true => When::FromToday(range),
            false => When::Days(range),
        })
    }
}

/// A piece of what was typed.
struct Chunk<'a> {
    negated: bool,
    filter: Option<&'static str>,
    value: &'a str,
    /// In quotes, both of them.
    closed: bool,
}

/// The first piece of a text that begins with one, and what follows it.
fn chunk(text: &str) -> (Chunk<'_>, &str) {
    let (negated, body) = match text.strip_prefix('-') {
        Some(body) if !body.starts_with(char::is_whitespace) => (true, body),
        _ => (false, text),
    };
    let (filter, body) = filter(body);
    let mut chunk = Chunk {
        negated,
        filter,
        value: "",
        closed: false,
    };
    if let Some(quoted) = body.strip_prefix(is_quote) {
        let end = quoted.find(is_quote);
        chunk.value = &quoted[..end.unwrap_or(quoted.len())];
        chunk.closed = end.is_some();
        let mut after = quoted[chunk.value.len()..].chars();
        after.next();
        return (chunk, after.as_str());
    }
    let end = body.find(|c: char| c.is_whitespace() || is_quote(c));
    let (value, after) = body.split_at(end.unwrap_or(body.len()));
    chunk.value = value;
    (chunk, after)
}

/// The filter a text begins with, if it does, and what follows its colon.
fn filter(text: &str) -> (Option<&'static str>, &str) {
    let found = text.split_once(':').and_then(|(name, value)| {
        let name = NAMES.into_iter().find(|n| n.eq_ignore_ascii_case(name))?;
        Some((name, value))
    });
    match found {
        Some((name, value)) => (Some(name), value),
        None => (None, text),
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
