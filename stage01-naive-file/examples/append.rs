//! Appends each line of standard input to the log in a directory: any text, any JSON, any bytes.
//!
//! ```text
//! cargo run -p stage01 --example append -- DIR < FILE
//! ```

use std::env;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use anyhow::Context;
use stage01::{Log, OsDisk, RECORD_BYTES_MAX, Record, Stage, Stage01};

fn main() -> anyhow::Result<()> {
    let directory = env::args_os().nth(1).context("usage: append DIR < FILE")?;
    let mut log = Stage01::open(Arc::new(OsDisk::create(directory)?))?;
    let first = log.next_offset();

    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    // A line that is longer than any record is read far enough to be refused, and no further.
    while input.by_ref().take(RECORD_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line)? > 0 {
        line.pop_if(|last| *last == b'\n');
        // Durable when this returns: killed at any moment, the log has every line up to here.
        let appended = log.append_durable(&Record::now(line.as_slice()));
        appended.with_context(|| format!("line {} was not appended", log.next_offset().0 - first.0 + 1))?;
        line.clear();
    }
    eprintln!("{} records appended, the next offset is {}", log.next_offset().0 - first.0, log.next_offset());
    Ok(())
}
