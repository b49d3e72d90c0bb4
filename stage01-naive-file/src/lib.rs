//! # Stage 1: a naive file
//!
//! One file, one JSON object a line, one `write` and one `fsync` for each append, and a read that scans from the
//! start. It is the log that everybody writes first, and it is written here with care, so that whatever it loses is
//! lost by its design and not by a slip.
//!
//! ## What it promises
//!
//! [`Stage01::KEEPS`](Stage::KEEPS) is the list that the laboratory checks:
//!
//! - a record whose append returned survives a kill of the process at any moment ([`Promise::SurvivesKill`]);
//! - it survives a power cut that keeps a prefix of what was written to each file ([`Promise::SurvivesPowerCut`]).
//!
//! ## What it does not promise yet
//!
//! A disk that writes the sectors of one append in any order, one flipped bit, a sync that failed, a full disk: each
//! of these loses records here, and `tests/promises.rs` shows each loss happening. Reading offset *n* costs *n*
//! records, and so does opening.
//!
//! ## Layout on disk
//!
//! ```text
//! DIR/log.jsonl
//!     {"offset":0,"timestamp_ms":1736937000000,"key":"k1","value":"text stays text"}
//!     {"offset":1,"timestamp_ms":1736937000001,"value_base64":"AP8="}
//! ```
//!
//! ## Invariants
//!
//! Those of every [`Log`]:
//!
//! - **L1** Offsets are given by the log: the first is 0, and each next one is greater by one.
//! - **L2** The end of its frame is a record's commit mark: a record without it was never acknowledged. Here it is the
//!   newline.
//! - **L3** `durable <= written <= length of the file`, and a reader never passes the watermark that it chose.
//! - **L4** What a reader was shown as durable is never taken back.
//!
//! ## Reading order
//!
//! [`offset`], [`record`], [`disk`], [`os_disk`], [`format`](mod@format), [`json_lines`], [`scan`], [`log`],
//! [`naive`], [`recover`], [`stage`], [`error`].

pub mod disk;
pub mod error;
pub mod format;
pub mod json_lines;
pub mod log;
pub mod naive;
pub mod offset;
pub mod os_disk;
pub mod record;
pub mod recover;
pub mod scan;
pub mod stage;

pub use disk::{Access, Disk, DiskFile, DiskLock};
pub use error::{Error, Result};
pub use format::{FRAME_BYTES_MAX, Format, FormatError};
pub use json_lines::JsonLines;
pub use log::{Entry, Log, Reader, Scan, SharedLog, Visibility};
pub use naive::{NaiveLog, NaiveReader};
pub use offset::{Offset, Place};
pub use os_disk::OsDisk;
pub use record::{RECORD_BYTES_MAX, Record};
pub use scan::FileScan;
pub use stage::{Promise, Stage, Stage01};
