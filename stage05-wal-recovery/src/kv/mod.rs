//! # A key-value store over the log
//!
//! What a write-ahead log is for. The store is a map in memory; the log is the truth. Each write is one record of the
//! log, and the map is what comes out when the records are applied in their order: a state machine over the log. After a
//! crash the map is gone, and the same records give the same map again.
//!
//! Since a log only grows, reading it from the start takes ever longer. So from time to time the whole map is written
//! to a file, a *checkpoint*, which says up to which offset it holds. From then on
//!
//! > recovery = the newest checkpoint + the log from its offset on
//!
//! and the log in front of that offset is given up. PostgreSQL recovers in this way, and so do Redis and etcd.
//!
//! ## Layout on disk
//!
//! ```text
//! DIR/00000000000000001000.log           the log; the value of each record is a batch, see `batch`
//! DIR/checkpoint-00000000000000001234    the map after record 1233, see `checkpoint_format`
//! DIR/checkpoint-….new                   one that is being written; worth nothing after a crash
//! ```
//!
//! ## Invariants
//!
//! - **K1** The table at offset `n` is what the records in front of `n` make of an empty one, each applied once, in
//!   order. Running and recovering apply them with the same function.
//! - **K2** Nothing is seen that is not in the log; and what a sync write wrote is not seen before it is durable.
//! - **K3** A batch is one record: it is there as a whole or not at all.
//! - **K4** A checkpoint gets its name when it is whole and durable, and when the log is durable up to its offset.
//! - **K5** The log is given up below an offset once a checkpoint of that offset is durable under its name.
//! - **K6** The store opens with the latest state, or with an error: never with an earlier one.
//!
//! ## What a real engine does otherwise
//!
//! All keys and values are in memory, as in Redis; the disk may not hold more than the memory does. A log-structured
//! merge tree, such as RocksDB's, starts a new map when one is full and writes the old one to a sorted file, once, which
//! it reads from then on: that file is its checkpoint, and many of them are merged in the background. Here each
//! checkpoint writes everything.
//!
//! ## Reading order
//!
//! [`batch`] (what a record holds), [`table`] (the map), [`wal`] (what the store asks of a log), `applying` (where writes
//! meet the map), [`store`], [`scan`], then the way back: `checkpoint_format`, `checkpoint_writer`, `checkpoint_reader`,
//! `checkpoints` (the files), [`recover`], [`options`].

pub mod batch;
pub mod options;
pub mod recover;
pub mod scan;
pub mod store;
pub mod table;
pub mod wal;

mod applying;
mod checkpoint_format;
mod checkpoint_reader;
mod checkpoint_writer;
mod checkpoints;

pub use batch::WriteBatch;
pub use options::{KvOptions, WriteOptions};
pub use recover::Replayed;
pub use scan::KvScan;
pub use store::KvStore;
pub use wal::WriteAheadLog;
