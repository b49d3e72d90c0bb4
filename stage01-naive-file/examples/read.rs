//! Prints the values in a log from an offset on, one a line.
//!
//! ```text
//! cargo run -p stage01 --example read -- DIR [OFFSET]
//! ```

use std::env;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::sync::Arc;

use anyhow::Context;
use stage01::{Offset, OsDisk, Reader, Scan, Stage, Stage01};

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let directory = arguments.next().context("usage: read DIR [OFFSET]")?;
    let from = match arguments.next() {
        Some(offset) => offset.to_string_lossy().parse().context("OFFSET is a number: 0, 1, 2, …")?,
        None => 0,
    };
    let reader = Stage01::open_reader(Arc::new(OsDisk::existing(directory)?))?;
    match print(reader.scan(Offset(from))?) {
        // Whoever reads the output has enough, like `head`.
        Err(e) if e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) => Ok(()),
        printed => printed,
    }
}

fn print(mut scan: impl Scan) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    while let Some(entry) = scan.next()? {
        output.write_all(&entry.record.value)?;
        output.write_all(b"\n")?;
    }
    Ok(output.flush()?)
}
