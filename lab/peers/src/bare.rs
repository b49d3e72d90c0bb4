//! What a file can do, without any log around it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The file that is written over and over.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Writes of `bytes`, each followed by a sync, in a second; into a file that is full of zeros, as a prepared segment is.
pub fn durable(directory: &Path, bytes: usize, time: Duration) -> Result<f64> {
    run(directory, bytes, time, true)
}

/// Writes of `bytes` in a second.
pub fn buffered(directory: &Path, bytes: usize, time: Duration) -> Result<f64> {
    run(directory, bytes, time, false)
}

fn run(directory: &Path, bytes: usize, time: Duration, sync: bool) -> Result<f64> {
    let directory = tempfile::tempdir_in(directory)?;
    let file = File::create_new(directory.path().join("bare"))?;
    file.write_all_at(&vec![0; FILE_BYTES as usize], 0)?;
    file.sync_all()?;
    let chunk = vec![b'x'; bytes];
    let (mut position, mut writes) = (0, 0_u64);
    let start = Instant::now();
    while start.elapsed() < time {
        file.write_all_at(&chunk, position)?;
        if sync {
            file.sync_data()?;
        }
        position = if position + 2 * bytes as u64 > FILE_BYTES { 0 } else { position + bytes as u64 };
        writes += 1;
    }
    Ok(writes as f64 / start.elapsed().as_secs_f64())
}
