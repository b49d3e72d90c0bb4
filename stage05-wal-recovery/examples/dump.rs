//! Prints the frames of a log, one a line, and with `--records` the records in them. Nothing is changed.
//!
//! ```text
//! cargo run -p stage05 --example dump -- DIR [--records]
//! ```
//!
//! Exits with 0 if all is well, 1 if there is a torn tail, 2 if records are damaged or missing, and 3 if the log cannot
//! be read.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;
use std::{env, sync::Arc};

use anyhow::{Context, bail};
use stage05::dump::dump;
use stage05::verify::verify;
use stage05::{Disk, Error, OsDisk};

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(3)
        }
    }
}

fn run() -> anyhow::Result<u8> {
    let mut arguments = env::args_os().skip(1);
    let directory = arguments.next().context("usage: dump DIR [--records]")?;
    let records = match arguments.next() {
        None => false,
        Some(option) if option == "--records" => true,
        Some(other) => bail!("usage: dump DIR [--records], not {}", other.display()),
    };
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory)?);
    let outcome = verify(&disk)?.outcome;
    let mut output = BufWriter::new(io::stdout().lock());
    match dump(&disk, records, &mut output).and_then(|()| output.flush().map_err(|e| Error::io("write", "", e))) {
        // Whoever reads has enough, like `head`.
        Err(Error::Io { cause, .. }) if cause.kind() == ErrorKind::BrokenPipe => {}
        dumped => dumped?,
    }
    Ok(outcome.exit_code())
}
