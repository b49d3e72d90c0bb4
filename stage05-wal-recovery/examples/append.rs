//! Appends each line of standard input to the log in a directory: any text, any JSON, any bytes.
//!
//! ```text
//! cargo run -p stage05 --example append -- DIR < FILE
//! ```

use std::io::{self, BufRead, Read};
use std::{env, sync::Arc};

use anyhow::Context;
use stage05::{Log as _, OsDisk, RECORD_BYTES_MAX, Record, Stage, Stage05};

fn main() -> anyhow::Result<()> {
    let directory = env::args_os().nth(1).context("usage: append DIR < FILE")?;
    let log = Stage05::open(Arc::new(OsDisk::create(directory)?))?;
    let mut lines = 0;

    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    // A line that is longer than any record is read far enough to be refused, and no further.
    while input.by_ref().take(RECORD_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line)? > 0 {
        line.pop_if(|last| *last == b'\n');
        lines += 1;
        // Handed in and not waited for: lines gather while the disk is busy, and share its next sync. Killed at any
        // moment, the log has the lines from the first to some other, each of them whole.
        let submitted = log.submit(Record::now(std::mem::take(&mut line)));
        let _ticket = submitted.with_context(|| format!("line {lines} was not appended"))?;
    }
    let next = log.close()?.next_offset();
    eprintln!("{lines} records appended, the next offset is {next}");
    Ok(())
}
