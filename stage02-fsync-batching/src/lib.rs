//! # Stage 2: fsync batching
//!
//! Stage 1 pays one sync for each record. A sync costs the same for one record as for a thousand, so this stage lets
//! everybody who waits share one: [`GroupCommit`] goes around any [`Log`], takes records from many threads, writes
//! them in groups, syncs once for a group, and answers each producer when its record is durable.
//!
//! ## What it promises
//!
//! All of stage 1, from any number of threads, and two things more
//! ([`Stage02::KEEPS`](stage01::Stage::KEEPS)):
//!
//! - after a failed sync, no record is acknowledged that the failure may have lost
//!   ([`Promise::SurvivesFailedSync`]);
//! - a disk that fills up loses nothing that was acknowledged ([`Promise::SurvivesFullDisk`]).
//!
//! Both come from one rule: the first error poisons the log, and only reopening it cures it.
//!
//! [`Durability`] offers less for more speed: an answer before the sync, and a sync now and then or never. What a
//! power cut takes then is shown in `tests/durability.rs`.
//!
//! ## What it does not promise yet
//!
//! Stage 1's file is under it as it was: torn writes, flipped bits, a read and an open that scan the whole log.
//!
//! ## Layout on disk
//!
//! Stage 1's. How records are grouped leaves no trace in the file.
//!
//! ## Invariants
//!
//! - **G1** The queue is the next group: memory is bounded by two groups.
//! - **G2** Whoever takes the log from the desk is the writer, until it is put back.
//! - **G3** `synced <= answered <= next offset`.
//! - **G4** Once failed, a log stays failed, and nothing is written after it.
//! - **G5** An answer means what [`Durability`] says, and answers come in the order of the offsets.
//! - **G6** The first failed write or sync poisons: it is the cause that every waiter gets, and nothing is retried.
//! - **G7** Closing or dropping the log writes and syncs all that was handed in.
//!
//! ## Reading order
//!
//! [`options`], `queue`, `desk`, `writer`, [`ticket`], [`group_commit`], [`stats`], [`stage`].

pub mod group_commit;
pub mod options;
pub mod stage;
pub mod stats;
pub mod ticket;

mod desk;
mod queue;
mod writer;

pub use group_commit::{GroupCommit, Refused};
pub use options::{Durability, Options};
pub use stage::Stage02;
pub use stage01::*;
pub use stats::Stats;
pub use ticket::Ticket;
