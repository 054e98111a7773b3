//! A query as tantivy takes it.
//!
//! Scores are steps, not statistics: how often a word occurs with other people must not matter, and
//! with steps there are ties, which the newer task wins.

use super::index::Fields;
use super::without::Careful;
use app::id::UserId;
use app::search::query::{Query, Term, When};
use app::search::words::typos;
use app::tasks::marks::Mark;
use std::ops::{Bound, Range};
use tantivy::query::{
    BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, FuzzyTermQuery, Occur, PhrasePrefixQuery,
    PhraseQuery, Query as Ask, RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

/// What a word in the title is worth more than one in the description.
const TITLE: f32 = 3.0;
const AS_TYPED: f32 = 3.0;
const BEGINS: f32 = 2.0;
const TYPO: f32 = 1.0;

/// How many ways of going on a phrase's last word may have.
const EXPANSIONS: u32 = 2_000;

/// Only ever what is `user_id`'s: it is a condition of every query.
pub fn of(fields: &Fields, user_id: &UserId, query: &Query) -> BooleanQuery {
    let own = tantivy::Term::from_field_text(fields.user_id, &user_id.0);
    let mut clauses = vec![(Occur::Must, unscored(own))];
    for &done in &query.done {
        let done = tantivy::Term::from_field_bool(fields.done, done);
        clauses.push((Occur::Must, unscored(done)));
    }
    for named in &query.named {
        let field = match named.mark {
            Mark::List => fields.list,
            Mark::Label => fields.label,
        };
        let term = tantivy::Term::from_field_text(field, &named.key);
        clauses.push(condition(unscored(term), named.negated));
    }
    for due in &query.due {
        let asked = is_due(fields, &due.when, query.today);
        clauses.push(condition(asked, due.negated));
    }
    for term in &query.terms {
        let mut ways = Vec::new();
        add_ways(&mut ways, fields.title, term, TITLE);
        add_ways(&mut ways, fields.description, term, 0.0);
        let best: Box<dyn Ask> = Box::new(DisjunctionMaxQuery::new(ways));
        clauses.push((Occur::Must, best));
    }
    for words in &query.without {
        for field in [fields.title, fields.description] {
            let careful = Careful(in_a_row(field, words));
            clauses.push((Occur::MustNot, Box::new(careful)));
        }
    }
    BooleanQuery::new(clauses)
}

/// It must be so, or must not.
fn condition(asked: Box<dyn Ask>, negated: bool) -> (Occur, Box<dyn Ask>) {
    match negated {
        true => (Occur::MustNot, Box::new(Careful(asked))),
        false => (Occur::Must, asked),
    }
}

fn is_due(fields: &Fields, when: &When, today: i64) -> Box<dyn Ask> {
    let flag = |field, value| unscored(tantivy::Term::from_field_bool(field, value));
    match when {
        When::Never => flag(fields.has_due, false),
        When::Overdue => {
            let before = (Occur::Must, days(fields, i64::MIN..today));
            let open = (Occur::Must, flag(fields.done, false));
            Box::new(BooleanQuery::new(vec![before, open]))
        }
        When::Days(range) => days(fields, range.clone()),
        When::FromToday(Range { start, end }) => days(
            fields,
            start.saturating_add(today)..end.saturating_add(today),
        ),
    }
}

/// Due on one of these days.
fn days(fields: &Fields, Range { start, end }: Range<i64>) -> Box<dyn Ask> {
    let day = |day| tantivy::Term::from_field_i64(fields.due, day);
    let range = RangeQuery::new(Bound::Included(day(start)), Bound::Excluded(day(end)));
    Box::new(ConstScoreQuery::new(Box::new(range), 0.0))
}

fn unscored(term: tantivy::Term) -> Box<dyn Ask> {
    let query = Box::new(TermQuery::new(term, IndexRecordOption::Basic));
    Box::new(ConstScoreQuery::new(query, 0.0))
}

/// How a field may hold the term, and what each way is worth.
fn add_ways(ways: &mut Vec<Box<dyn Ask>>, field: Field, term: &Term, worth: f32) {
    let mut add = |query: Box<dyn Ask>, step: f32| {
        ways.push(Box::new(ConstScoreQuery::new(query, worth + step)));
    };
    add(in_a_row(field, &term.words), AS_TYPED);
    if term.exact {
        return;
    }
    match term.words.as_slice() {
        [word] => {
            let word_term = tantivy::Term::from_field_text(field, word);
            let begins = FuzzyTermQuery::new_prefix(word_term.clone(), 0, true);
            add(Box::new(begins), BEGINS);
            let typos = typos(word);
            if typos > 0 {
                let near = FuzzyTermQuery::new(word_term, typos, true);
                add(Box::new(near), TYPO);
            }
        }
        words => {
            let mut begins = PhrasePrefixQuery::new(terms(field, words));
            begins.set_max_expansions(EXPANSIONS);
            add(Box::new(begins), BEGINS);
        }
    }
}

/// These words, one after the other.
fn in_a_row(field: Field, words: &[String]) -> Box<dyn Ask> {
    match words {
        [word] => Box::new(TermQuery::new(
            tantivy::Term::from_field_text(field, word),
            IndexRecordOption::Basic,
        )),
        words => Box::new(PhraseQuery::new(terms(field, words))),
    }
}

fn terms(field: Field, words: &[String]) -> Vec<tantivy::Term> {
    let term = |word: &String| tantivy::Term::from_field_text(field, word);
    words.iter().map(term).collect()
}
