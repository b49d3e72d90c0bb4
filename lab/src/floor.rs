//! What this machine can do at best: the row to which every number of a log is compared.
//!
//! A durable append cannot be faster than a data sync, a buffered one no faster than the disk takes bytes, a scan no
//! faster than a file is read. These three are measured in the same run and the same directory as the logs, without
//! any log: bare files and system calls.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use hdrhistogram::Histogram;

use crate::workloads::{DURABLE_VALUE_BYTES, Rounds, Work, note_call};

/// The name of the criterion group.
pub const GROUP: &str = "floor";

/// The size of the file that the two bandwidths write and read in a round.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of one write or read of the two bandwidths: what a scan reads at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A bare operation of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Floor {
    /// 256 bytes to the end of a growing file, and `fdatasync`: what any durable append has to do.
    Fdatasync,
    /// 64 KiB after 64 KiB into a new file, and one sync at the end.
    SequentialWrite,
    /// 64 KiB after 64 KiB out of a file that is in the page cache.
    SequentialRead,
}

impl Floor {
    /// All of them, in the order of the tables.
    pub const ALL: [Floor; 3] = [Floor::Fdatasync, Floor::SequentialWrite, Floor::SequentialRead];

    /// The name in results and tables.
    pub fn name(self) -> &'static str {
        match self {
            Floor::Fdatasync => "fdatasync",
            Floor::SequentialWrite => "sequential_write",
            Floor::SequentialRead => "sequential_read",
        }
    }

    /// How much one round does.
    pub fn work(self) -> Work {
        match self {
            Floor::Fdatasync => Work::Operations(1),
            Floor::SequentialWrite | Floor::SequentialRead => Work::Bytes(FILE_BYTES),
        }
    }

    /// Sets the measurement up in `directory`.
    pub fn set_up(self, directory: &Path) -> anyhow::Result<Box<dyn Rounds>> {
        let path = directory.join(format!("floor-{}", self.name()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(match self {
            Floor::Fdatasync => Box::new(Syncs { file, end: 0 }),
            Floor::SequentialWrite => Box::new(Writes { file }),
            Floor::SequentialRead => {
                write_all(&file)?;
                Box::new(Reads { file })
            }
        })
    }
}

struct Syncs {
    file: File,
    end: u64,
}

impl Rounds for Syncs {
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration> {
        let start = Instant::now();
        for _ in 0..rounds {
            let call = Instant::now();
            self.file.write_all_at(&[b'x'; DURABLE_VALUE_BYTES], self.end)?;
            self.file.sync_data()?;
            self.end += DURABLE_VALUE_BYTES as u64;
            note_call(calls, call.elapsed());
        }
        Ok(start.elapsed())
    }
}

struct Writes {
    file: File,
}

fn write_all(file: &File) -> io::Result<()> {
    let chunk = vec![b'x'; CHUNK_BYTES];
    for position in (0..FILE_BYTES).step_by(CHUNK_BYTES) {
        file.write_all_at(&chunk, position)?;
    }
    file.sync_data()
}

impl Rounds for Writes {
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration> {
        let mut time = Duration::ZERO;
        for _ in 0..rounds {
            self.file.set_len(0)?;
            let call = Instant::now();
            write_all(&self.file)?;
            time += call.elapsed();
            note_call(calls, call.elapsed());
        }
        Ok(time)
    }
}

struct Reads {
    file: File,
}

impl Rounds for Reads {
    fn run(&mut self, rounds: u64, calls: &mut Histogram<u64>) -> anyhow::Result<Duration> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let start = Instant::now();
        for _ in 0..rounds {
            let call = Instant::now();
            let mut position = 0;
            loop {
                match self.file.read_at(&mut chunk, position)? {
                    0 => break,
                    read => position += read as u64,
                }
            }
            ensure!(position == FILE_BYTES, "{position} of {FILE_BYTES} bytes were read");
            note_call(calls, call.elapsed());
        }
        Ok(start.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workloads::call_times;

    #[test]
    fn every_floor_does_its_rounds() {
        let directory = tempfile::tempdir().unwrap();
        for floor in Floor::ALL {
            let mut rounds = floor.set_up(directory.path()).unwrap();
            let mut calls = call_times();
            assert!(rounds.run(3, &mut calls).unwrap() > Duration::ZERO, "{}", floor.name());
            assert_eq!(calls.len(), 3, "{}", floor.name());
        }
    }
}
