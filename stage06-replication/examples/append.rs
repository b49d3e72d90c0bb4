//! Appends each line of standard input to the tablet in a directory, in three copies.
//!
//! ```text
//! cargo run -p stage06 --example append -- DIR < FILE
//! rm -r DIR/replica-2
//! cargo run -p stage06 --example read -- DIR
//! ```

use std::io::{self, BufRead, Read};
use std::{env, sync::Arc};

use anyhow::Context;
use stage06::{Log as _, OsDisk, RECORD_BYTES_MAX, Record, Stage, Stage06};

fn main() -> anyhow::Result<()> {
    let directory = env::args_os().nth(1).context("usage: append DIR < FILE")?;
    let log = Stage06::open(Arc::new(OsDisk::create(directory)?))?;
    let mut lines = 0;

    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    // A line that is longer than any record is read far enough to be refused, and no further.
    while input.by_ref().take(RECORD_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line)? > 0 {
        line.pop_if(|last| *last == b'\n');
        lines += 1;
        // Handed in and not waited for: lines gather while the disks are busy, and share their next sync.
        let submitted = log.submit(Record::now(std::mem::take(&mut line)));
        let _ticket = submitted.with_context(|| format!("line {lines} was not appended"))?;
    }
    let next = log.close()?.next_offset();
    eprintln!("{lines} records appended, the next offset is {next}");
    Ok(())
}
