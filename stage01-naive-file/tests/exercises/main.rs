//! The tests of the exercises, a file for each part. `cargo course check 1` runs them.
//!
//! A name begins with its stage and part: `s01p2_` is part 2 of stage 1.

mod append;
mod durable_readers;
mod find_end;
mod lines;
mod window;

use std::sync::Arc;

use stage01::{Access, Disk, DiskFile, Format, JsonLines, Offset, Record};

/// The name of the log's file.
const LOG: &str = "log.jsonl";

/// The line of one record.
fn line(offset: u64, record: &Record<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    JsonLines.encode(Offset(offset), record, &mut line);
    line
}

/// The lines of the laboratory's records, from `first` on, each by itself.
fn lines(first: u64, count: u64) -> Vec<Vec<u8>> {
    (first..first + count).map(|offset| line(offset, &lab::records::record(Offset(offset)))).collect()
}

/// The log's file on this disk, opened for writing.
fn log_file(disk: &Arc<dyn Disk>) -> Arc<dyn DiskFile> {
    disk.open(LOG, Access::Write).expect("the log's file is there")
}
