//! Appends each line of standard input to the log in a directory: any text, any JSON, any bytes.
//!
//! ```text
//! cargo run -p stage04 --example append -- DIR [SEGMENT_BYTES] < FILE
//! ```
//!
//! A line such as `name=value` becomes a record with a key, so that compaction has something to do.

use std::io::{self, BufRead, Read};
use std::{env, sync::Arc};

use anyhow::Context;
use stage04::{
    Disk, GroupCommit, JsonSegments, Log as _, Options, OsDisk, RECORD_BYTES_MAX, Record, SegmentOptions, SegmentedLog,
};

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let directory = arguments.next().context("usage: append DIR [SEGMENT_BYTES] < FILE")?;
    let options = match arguments.next() {
        Some(bytes) => SegmentOptions::with_segment_bytes(
            bytes.to_string_lossy().parse().context("SEGMENT_BYTES is a number, such as 100000")?,
        ),
        None => SegmentOptions::default(),
    };
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(directory)?);
    let log = GroupCommit::new(SegmentedLog::open(&disk, JsonSegments, options)?, Options::default());
    let mut lines = 0;

    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    // A line that is longer than any record is read far enough to be refused, and no further.
    while input.by_ref().take(RECORD_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line)? > 0 {
        line.pop_if(|last| *last == b'\n');
        lines += 1;
        // Handed in and not waited for: lines gather while the disk is busy, and share its next sync. Killed at any
        // moment, the log has the lines from the first to some other, each of them whole.
        let submitted = log.submit(with_key(std::mem::take(&mut line)));
        let _ticket = submitted.with_context(|| format!("line {lines} was not appended"))?;
    }
    let next = log.close()?.next_offset();
    eprintln!("{lines} records appended, the next offset is {next}");
    Ok(())
}

/// What is in front of the first `=` is the key, if it is one word; the value is the whole line.
fn with_key(line: Vec<u8>) -> Record<'static> {
    let equals = line.iter().position(|byte| *byte == b'=');
    let key = equals.map(|at| &line[..at]).filter(|key| !key.is_empty() && key.iter().all(u8::is_ascii_alphanumeric));
    match key.map(<[u8]>::to_vec) {
        Some(key) => Record::now(line).with_key(key),
        None => Record::now(line),
    }
}
