//! Part 5: what a crash leaves of a log that was being shortened.

use lab::sim::{Lens, Sampling, SimDisk};
use stage04::{Log, Offset, Part, Reader, Retention, Scan, SegmentName};

use crate::{open, record};

/// Retention takes the oldest segments away, and power may fail at any moment of it. Whatever is left of the log then
/// has to be its end, from some segment on, without a hole (S4): a consumer that reads it gets each record up to the
/// last one.
#[test]
fn s04p5_a_log_that_loses_power_while_it_is_shortened_has_no_hole() {
    const RECORDS: u64 = 40;
    let sim = SimDisk::new();
    let mut log = open(&sim);
    for offset in 0..RECORDS {
        log.append_durable(&record(offset)).unwrap();
    }
    // From here on the names alone are unsynced, and few of them: the power cut makes of them all that it can.
    sim.write_back();
    let every_state = Sampling { states_max: 1 << 12, seed: 1 };
    let from = sim.trace().events().len();
    let limit = Offset(u64::MAX);
    let deleted = log.maintenance().retain(&Retention { bytes_min: Some(0), ..Retention::default() }, 0, limit);
    let deleted = deleted.unwrap().segments;
    assert!(deleted > 2 && log.reader().start() > Offset(20), "{deleted} segments were deleted");
    drop(log);
    let trace = sim.trace();
    let mut replay = trace.replay();
    for point in from..=trace.events().len() {
        replay.advance_to(point);
        for state in replay.crash(Lens::TornWrite).states(every_state) {
            let segments: Vec<String> = state.disk.names().into_iter().filter(|name| is_segment(name)).collect();
            let log = open(&state.disk);
            let reader = log.reader();
            let mut next = reader.start();
            let mut scan = reader.scan(next).unwrap();
            let end = loop {
                match scan.next() {
                    Ok(Some(entry)) => next = entry.offset.next(),
                    Ok(None) => break Ok(next),
                    Err(error) => break Err(error),
                }
            };
            let done: Vec<String> = trace.events()[from..point].iter().map(ToString::to_string).collect();
            assert!(
                matches!(end, Ok(Offset(RECORDS))),
                "the log that a power cut has left has a hole: a scan from its start says {end:?}.\n\
                 Its segments are {segments:#?}.\nBefore the power cut, this was done to the disk: {done:#?}"
            );
        }
    }
}

fn is_segment(name: &str) -> bool {
    matches!(SegmentName::parse(name), Some((_, Part::Log)))
}
