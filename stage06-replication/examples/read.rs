//! Prints the values in a tablet from an offset on, one a line. Two of its three directories are enough.
//!
//! ```text
//! cargo run -p stage06 --example read -- DIR [OFFSET]
//! ```

use std::io::{self, BufWriter, ErrorKind, Write};
use std::{env, sync::Arc};

use anyhow::Context;
use stage06::{Offset, OsDisk, Reader, Scan, Stage, Stage06};

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let directory = arguments.next().context("usage: read DIR [OFFSET]")?;
    let from = match arguments.next() {
        Some(offset) => offset.to_string_lossy().parse().context("OFFSET is a number: 0, 1, 2, …")?,
        None => 0,
    };
    let reader = Stage06::open_reader(Arc::new(OsDisk::existing(directory)?))?;
    let mut scan = reader.scan(Offset(from))?;
    let mut output = BufWriter::new(io::stdout().lock());
    while let Some(entry) = scan.next()? {
        match output.write_all(&entry.record.value).and_then(|()| output.write_all(b"\n")) {
            // Whoever reads has enough, like `head`.
            Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(output.flush()?)
}
