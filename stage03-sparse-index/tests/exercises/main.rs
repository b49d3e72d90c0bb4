//! What the parts of the stage's exercises have to do. Part K is judged by the tests whose names begin `s03pK_`.

#[path = "../common/mod.rs"]
mod common;
mod part1;
mod part2;
mod part3;
mod part4;
mod part5;
mod watched;

use common::{INDEX, INTERVAL, LOG, index_file};
use lab::records::records;
use lab::sim::{Event, SimDisk};
use stage03::{JsonLines, Log, NaiveLog, Offset, Place};

fn place(offset: u64, position: u64) -> Place {
    Place { offset: Offset(offset), position }
}

/// The file of a log of the laboratory's first `count` records, and the index that belongs to it: both made without
/// the code of this stage.
fn log_and_index(count: u64) -> (Vec<u8>, Vec<u8>) {
    let sim = SimDisk::new();
    let mut log = NaiveLog::open(&sim.disk(), JsonLines).expect("a new log opens");
    log.append(&records(Offset(0), count)).expect("the disk takes the records");
    let (mut entries, mut last) = (Vec::new(), 0);
    for (offset, &position) in (0..).zip(log.starts()) {
        if position - last > INTERVAL {
            entries.push((offset, position as u32));
            last = position;
        }
    }
    (sim.cached(LOG).unwrap(), index_file(&entries))
}

/// The events of the disk that changed an index file, or brought one in.
fn index_events(sim: &SimDisk) -> Vec<String> {
    let is_of_index = |event: &&Event| match event {
        Event::Create { name, .. }
        | Event::Write { name, .. }
        | Event::Truncate { name, .. }
        | Event::SyncData { name, .. }
        | Event::Remove { name }
        | Event::Rename { from: name, .. } => name.starts_with(INDEX),
        _ => false,
    };
    sim.trace().events().iter().filter(is_of_index).map(ToString::to_string).collect()
}
