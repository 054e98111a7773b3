//! What a query leaves out, asked for carefully.
//!
//! tantivy 0.27 asks what is left out whether it holds a document that it may have passed already,
//! and phrases must not be asked that: their debug assertions end the search. Here they are not.

use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SegmentReader};

#[derive(Debug)]
pub struct Careful(pub Box<dyn Query>);

impl Clone for Careful {
    fn clone(&self) -> Self {
        Careful(self.0.box_clone())
    }
}

impl Query for Careful {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(CarefulWeight(self.0.weight(scoring)?)))
    }
}

struct CarefulWeight(Box<dyn Weight>);

impl Weight for CarefulWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(Box::new(CarefulScorer(self.0.scorer(reader, boost)?)))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.0.explain(reader, doc)
    }
}

/// Its `seek_danger` is the trait's own, which looks before it seeks.
struct CarefulScorer(Box<dyn Scorer>);

impl DocSet for CarefulScorer {
    fn advance(&mut self) -> DocId {
        self.0.advance()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.0.seek(target)
    }

    fn doc(&self) -> DocId {
        self.0.doc()
    }

    fn size_hint(&self) -> u32 {
        self.0.size_hint()
    }
}

impl Scorer for CarefulScorer {
    fn score(&mut self) -> Score {
        self.0.score()
    }
}
