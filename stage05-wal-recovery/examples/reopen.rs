//! How long a log takes to open after a kill, small and large.
//!
//! ```text
//! cargo run --release -p stage05 --example reopen [-- DIR [GIB...]]     default: target, 1 10
//! ```
//!
//! For each size, another process fills a log in DIR and is killed in the middle of a segment. The log is opened here,
//! and removed.

use std::env;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use stage05::{Framed, Log as _, OsDisk, Record, SegmentOptions, SegmentWriter as _, SegmentedLog};

const GIB: u64 = 1024 * 1024 * 1024;
const RECORD_BYTES: usize = 1024;
const BATCH: usize = 1000;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [fill, directory, bytes] = arguments.as_slice()
        && fill == "fill"
    {
        return fill_until_killed(Path::new(directory), bytes.parse()?);
    }
    let (directory, sizes) = match arguments.split_first() {
        Some((directory, sizes)) => (PathBuf::from(directory), sizes.to_vec()),
        None => (PathBuf::from("target"), Vec::new()),
    };
    let sizes = if sizes.is_empty() { vec!["1".to_string(), "10".to_string()] } else { sizes };
    println!("   GiB   segments   opened in   frames read   of bytes   written again");
    for size in &sizes {
        let gib: u64 = size.parse().with_context(|| format!("`{size}` is no number of GiB"))?;
        let log = directory.join(format!("reopen-{}-{gib}", std::process::id()));
        let measured = measure(&log, gib);
        fs::remove_dir_all(&log).with_context(|| format!("cannot remove {}", log.display()))?;
        measured?;
    }
    Ok(())
}

fn measure(directory: &Path, gib: u64) -> Result<()> {
    let mut filler = Command::new(env::current_exe()?)
        .args(["fill".as_ref(), directory.as_os_str(), (gib * GIB).to_string().as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // It says one byte when it is done, and waits.
    let said = filler.stdout.as_mut().context("a pipe")?.read(&mut [0])?;
    filler.kill()?;
    filler.wait()?;
    ensure!(said == 1, "the log was not filled");
    let start = Instant::now();
    let disk: Arc<dyn stage05::Disk> = Arc::new(OsDisk::create(directory)?);
    let log = SegmentedLog::open(&disk, Framed::default(), SegmentOptions::default())?;
    let took = start.elapsed();
    let report = log.newest().recovery().context("a log that was there was recovered")?;
    println!(
        "{gib:6}   {:8}   {:6.1} ms   {:11}   {:8}   {:13}",
        log.reader().segments(),
        took.as_secs_f64() * 1e3,
        report.frames,
        report.bytes_scanned,
        report.bytes_written_again
    );
    Ok(())
}

fn fill_until_killed(directory: &Path, bytes: u64) -> Result<()> {
    let disk: Arc<dyn stage05::Disk> = Arc::new(OsDisk::create(directory)?);
    let mut log = SegmentedLog::open(&disk, Framed::default(), SegmentOptions::default())?;
    let records = vec![Record::now(vec![b'x'; RECORD_BYTES]); BATCH];
    let mut written = 0;
    // To the middle of a segment: as much as an opening has to read, on average.
    while written < bytes || log.newest().end_position() < SegmentOptions::default().segment_bytes_max / 2 {
        log.append(&records)?;
        log.sync()?;
        written += (RECORD_BYTES * BATCH) as u64;
    }
    println!();
    // Until the kill comes, or whoever would send it is gone.
    std::io::stdin().read_exact(&mut [0]).ok();
    Ok(())
}
