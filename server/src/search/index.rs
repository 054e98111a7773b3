//! One index in one folder: tantivy's files, and how far it has followed the documents.
//!
//! Texts are kept nowhere in it, only which words stand where: what a task is called is read from
//! its row.

use super::ask;
use anyhow::{Context, bail};
use app::crash;
use app::db::to_micros;
use app::id::{TaskId, UserId};
use app::search::queries::Document;
use app::search::query::Query;
use app::search::words::words;
use app::search::{Matches, PAGE};
use app::tasks::marks::{self, Mark};
use std::path::Path;
use tantivy::collector::sort_key::{SortBySimilarityScore, SortByStaticFastValue};
use tantivy::collector::{Count, TopDocs};
use tantivy::directory::MmapDirectory;
use tantivy::indexer::IndexWriterOptions;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{
    Index, IndexReader, IndexWriter, Order, ReloadPolicy, TantivyDocument, TantivyError, Term,
};

/// What is written, and how words are made. Another number here, and every index is built anew.
pub const SCHEMA: u32 = 2;

/// What one thread gathers before it writes to the disk, in bytes.
const MEMORY: usize = 24 * 1024 * 1024;

#[derive(Clone, Copy)]
pub struct Fields {
    pub task_id: Field,
    pub user_id: Field,
    pub title: Field,
    pub description: Field,
    pub done: Field,
    /// The keys of the lists it is in, and of the labels it has.
    pub list: Field,
    pub label: Field,
    /// Days since 1970, if it is due at all.
    pub due: Field,
    pub has_due: Field,
    /// Open before done, then the newer first.
    pub rank: Field,
}

impl Fields {
    fn schema() -> (Schema, Fields) {
        let mut schema = Schema::builder();
        let positions = TextFieldIndexing::default()
            .set_index_option(IndexRecordOption::WithFreqsAndPositions)
            .set_fieldnorms(false);
        let text = TextOptions::default().set_indexing_options(positions);
        let fields = Fields {
            task_id: schema.add_i64_field("task_id", INDEXED | FAST),
            user_id: schema.add_text_field("user_id", STRING),
            title: schema.add_text_field("title", text.clone()),
            description: schema.add_text_field("description", text),
            done: schema.add_bool_field("done", INDEXED),
            list: schema.add_text_field("list", STRING),
            label: schema.add_text_field("label", STRING),
            due: schema.add_i64_field("due", INDEXED | FAST),
            has_due: schema.add_bool_field("has_due", INDEXED),
            rank: schema.add_u64_field("rank", FAST),
        };
        (schema.build(), fields)
    }

    fn document(&self, document: &Document) -> TantivyDocument {
        let mut entry = TantivyDocument::new();
        entry.add_i64(self.task_id, document.task_id.0);
        entry.add_text(self.user_id, &document.user_id.0);
        entry.add_pre_tokenized_text(self.title, tokens(&document.title));
        entry.add_pre_tokenized_text(self.description, tokens(&document.description));
        entry.add_bool(self.done, document.done);
        for text in [&document.title, &document.description] {
            for (field, mark) in [(self.list, Mark::List), (self.label, Mark::Label)] {
                for name in marks::named(text, mark) {
                    entry.add_text(field, name.key);
                }
            }
        }
        let due = marks::due(&document.title);
        if let Some(day) = due {
            entry.add_i64(self.due, day);
        }
        entry.add_bool(self.has_due, due.is_some());
        let updated_at = to_micros(document.updated_at).max(0) as u64;
        entry.add_u64(self.rank, u64::from(!document.done) << 63 | updated_at);
        entry
    }
}

fn tokens(text: &str) -> PreTokenizedString {
    let tokens = words(text).into_iter().enumerate();
    let tokens = tokens.map(|(position, word)| Token {
        offset_from: word.range.start,
        offset_to: word.range.end,
        position,
        text: word.folded,
        position_length: 1,
    });
    PreTokenizedString {
        text: String::new(),
        tokens: tokens.collect(),
    }
}

/// Writes to an index; one at a time has a folder. What it does blocks.
pub struct Writer {
    writer: IndexWriter,
    reader: Reader,
    /// The number of the last change that is in it.
    pub cursor: i64,
    /// How many documents are not findable yet.
    pub pending: usize,
}

impl Writer {
    /// Opens the index in `folder`, or begins one there.
    /// Errors: it is damaged, of another make, or cannot be written to.
    pub fn open(folder: &Path) -> anyhow::Result<Writer> {
        std::fs::create_dir_all(folder)?;
        let (schema, fields) = Fields::schema();
        let index = Index::open_or_create(MmapDirectory::open(folder)?, schema)?;
        let damaged = index.validate_checksum()?;
        if !damaged.is_empty() {
            bail!("damaged: {damaged:?}");
        }
        let cursor = match index.load_metas()?.payload {
            Some(cursor) => cursor.parse().context("not an index of ours")?,
            None => 0,
        };
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(MEMORY)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer = index.writer_with_options(options)?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        Ok(Writer {
            writer,
            reader: Reader { reader, fields },
            cursor,
            pending: 0,
        })
    }

    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Takes in what changed, in order; each replaces what was known of its task. Findable only
    /// after [`Writer::commit`].
    pub fn add(&mut self, documents: &[Document]) -> Result<(), TantivyError> {
        let fields = self.reader.fields;
        for document in documents {
            let task_id = Term::from_field_i64(fields.task_id, document.task_id.0);
            self.writer.delete_term(task_id);
            if !document.deleted {
                self.writer.add_document(fields.document(document))?;
            }
            self.cursor = document.change;
        }
        self.pending += documents.len();
        Ok(())
    }

    /// Makes what was taken in durable and findable, together with how far it is.
    pub fn commit(&mut self) -> Result<(), TantivyError> {
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(&self.cursor.to_string());
        crash::point("search:before-commit");
        prepared.commit()?;
        crash::point("search:after-commit");
        self.pending = 0;
        self.reader.reader.reload()
    }
}

/// Looks into an index; cheap to clone. Goes on when its files are removed.
#[derive(Clone)]
pub struct Reader {
    reader: IndexReader,
    fields: Fields,
}

impl Reader {
    /// The tasks of `user_id` that match, the best first. Blocks for some milliseconds.
    pub fn find(&self, user_id: &UserId, query: &Query) -> Result<Matches, TantivyError> {
        let searcher = self.reader.searcher();
        let rank = SortByStaticFastValue::<u64>::for_field("rank");
        let best = TopDocs::with_limit(PAGE)
            .order_by(((SortBySimilarityScore, Order::Desc), (rank, Order::Desc)));
        let asked = ask::of(&self.fields, user_id, query);
        let (best, total) = searcher.search(&asked, &(best, Count))?;
        let mut task_ids = Vec::with_capacity(best.len());
        for (_, place) in best {
            let segment = searcher.segment_reader(place.segment_ord);
            let column = segment.fast_fields().i64("task_id")?;
            task_ids.extend(column.first(place.doc_id).map(TaskId));
        }
        Ok(Matches {
            task_ids,
            total,
            building: false,
        })
    }
}
