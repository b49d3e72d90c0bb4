//! Says of each copy of a tablet what is in it, and what its controller has said. Nothing is changed.
//!
//! ```text
//! cargo run -p stage06 --example inspect -- DIR
//! ```

use std::{env, sync::Arc};

use anyhow::Context;
use stage06::local::{DIRECTORIES, QuorumState};
use stage06::tablet_log::TabletReader;
use stage06::{Access, Disk, Framed, OsDisk, SegmentOptions};

fn main() -> anyhow::Result<()> {
    let directory = env::args_os().nth(1).context("usage: inspect DIR")?;
    let root = OsDisk::existing(directory)?;
    for name in DIRECTORIES {
        match root.directory(name, Access::Read).map_err(anyhow::Error::from).and_then(|disk| describe(&disk)) {
            Ok(what) => println!("{name}: {what}"),
            Err(error) => println!("{name}: {error:#}"),
        }
    }
    Ok(())
}

fn describe(disk: &Arc<dyn Disk>) -> anyhow::Result<String> {
    let log = TabletReader::open(disk, Framed::default(), &SegmentOptions::default())?;
    let mut what = format!("records {}..{}", log.start(), log.end());
    for entry in log.epochs()?.entries() {
        what += &format!(", {} from {}", entry.epoch, entry.start);
    }
    let Some(QuorumState { written_in, controller, .. }) = QuorumState::read(disk)? else {
        return Ok(what + "; its controller has not spoken");
    };
    for state in controller.tablets().values() {
        let isr: Vec<String> = state.isr.iter().map(ToString::to_string).collect();
        let leader = state.leader.map_or("nobody".to_string(), |leader| leader.to_string());
        what +=
            &format!("; in term {written_in}, {leader} leads in {}, in sync: {}", state.leader_epoch, isr.join(", "));
    }
    Ok(what)
}
