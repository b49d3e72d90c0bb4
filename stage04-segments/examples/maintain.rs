//! Keeps a log in shape: gives up its oldest segments, drops what a later record of the same key has made obsolete,
//! compresses, or begins the next segment.
//!
//! ```text
//! cargo run -p stage04 --example maintain -- DIR roll
//! cargo run -p stage04 --example maintain -- DIR retain BYTES
//! cargo run -p stage04 --example maintain -- DIR compact
//! cargo run -p stage04 --example maintain -- DIR compress
//! ```

use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, sync::Arc};

use anyhow::{Context, bail};
use stage04::{
    CompactOptions, Compacted, Compression, Deleted, Disk, JsonSegments, Log as _, Maintenance, Offset, OsDisk,
    PackOptions, Reader as _, Retention, SegmentOptions, SegmentedLog,
};

const USAGE: &str = "usage: maintain DIR roll | retain BYTES | compact | compress";

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let directory = arguments.next().context(USAGE)?;
    let command = arguments.next().context(USAGE)?;
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory)?);
    let mut log = SegmentedLog::open(&disk, JsonSegments, SegmentOptions::default())?;
    let maintenance = log.maintenance();
    match command.to_str() {
        Some("roll") => log.roll()?,
        Some("retain") => {
            let bytes = arguments.next().context(USAGE)?;
            let bytes = bytes.to_string_lossy().parse().context("BYTES is a number: what has to stay")?;
            let rules = Retention { bytes_min: Some(bytes), ..Retention::default() };
            let Deleted { segments, bytes } = maintenance.retain(&rules, now_ms(), Offset(u64::MAX))?;
            println!("{segments} segments deleted, {bytes} bytes given back");
        }
        Some("compact") => compact(&maintenance)?,
        Some("compress") => println!("{} bytes given back", maintenance.compress()?),
        _ => bail!(USAGE),
    }
    let reader = log.reader();
    println!(
        "the log has {} segments, from record {} on; the next is {}",
        reader.segments(),
        reader.start(),
        reader.end()
    );
    Ok(())
}

fn compact(maintenance: &Maintenance<JsonSegments>) -> anyhow::Result<()> {
    let pack = Some(PackOptions { compression: Compression::Lz4, ..PackOptions::default() });
    let options = CompactOptions { pack, ..CompactOptions::default() };
    let Compacted { clean_until, kept, dropped } = maintenance.compact(now_ms(), &options)?;
    println!("compacted up to record {clean_until}: {kept} records written anew, {dropped} dropped");
    Ok(())
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
