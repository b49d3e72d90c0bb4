//! A key-value store on the command line. Kill it at any moment: what it said was done is there the next time.
//!
//! ```text
//! cargo run -p stage05 --example kv -- DIR put KEY VALUE
//! cargo run -p stage05 --example kv -- DIR get KEY
//! cargo run -p stage05 --example kv -- DIR delete KEY
//! cargo run -p stage05 --example kv -- DIR scan
//! cargo run -p stage05 --example kv -- DIR checkpoint
//! ```

use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::ffi::OsStringExt;
use std::{env, sync::Arc};

use anyhow::Context;
use stage05::kv::{KvOptions, KvScan, KvStore};
use stage05::{Disk, OsDisk};

const USAGE: &str = "usage: kv DIR (put KEY VALUE | get KEY | delete KEY | scan | checkpoint)";

/// What to do, with its arguments.
enum Command<'a> {
    Put { key: &'a [u8], value: &'a [u8] },
    Get { key: &'a [u8] },
    Delete { key: &'a [u8] },
    Scan,
    Checkpoint,
}

impl Command<'_> {
    fn parse<'a>(words: &[&'a [u8]]) -> Option<Command<'a>> {
        match *words {
            [b"put", key, value] => Some(Command::Put { key, value }),
            [b"get", key] => Some(Command::Get { key }),
            [b"delete", key] => Some(Command::Delete { key }),
            [b"scan"] => Some(Command::Scan),
            [b"checkpoint"] => Some(Command::Checkpoint),
            _ => None,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let directory = arguments.next().context(USAGE)?;
    let words: Vec<Vec<u8>> = arguments.map(OsStringExt::into_vec).collect();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let command = Command::parse(&words).context(USAGE)?;

    let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(directory)?);
    let store = KvStore::open(&disk, KvOptions::default())?;
    let replayed = store.replayed();
    eprintln!("opened with the checkpoint of offset {} and {} records", replayed.checkpoint, replayed.records);
    for error in &replayed.damaged {
        eprintln!("a damaged checkpoint was passed over: {error}");
    }

    match command {
        Command::Put { key, value } => drop(store.put(key, value)?),
        Command::Delete { key } => drop(store.delete(key)?),
        Command::Get { key } => {
            let value = store.get(key).context("there is no such key")?;
            print(|output| output.write_all(&value).and_then(|()| output.write_all(b"\n")))?;
        }
        Command::Scan => print(|output| print_pairs(store.scan(..), output))?,
        Command::Checkpoint => eprintln!("the checkpoint of offset {} is written", store.checkpoint()?),
    }
    Ok(store.close()?)
}

fn print_pairs(pairs: KvScan, output: &mut dyn Write) -> io::Result<()> {
    for (key, value) in pairs {
        writeln!(output, "{} = {}", key.escape_ascii(), value.escape_ascii())?;
    }
    Ok(())
}

fn print(text: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    match text(&mut output).and_then(|()| output.flush()) {
        // Whoever reads the output has enough, like `head`.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}
