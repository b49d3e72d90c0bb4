//! Part 5: find the bug.

use lab::crash::{self, Options};
use lab::records::record;
use lab::sim::{Lens, SimDisk};
use stage01::{Log, Offset, Reader, Scan, Stage, Stage01};

/// How many records a reader finds, from the first to the last that it sees.
fn count(reader: &impl Reader) -> u64 {
    let mut scan = reader.scan(Offset(0)).expect("a scan");
    let mut count = 0;
    while scan.next().expect("a good record").is_some() {
        count += 1;
    }
    count
}

/// L4: a consumer reads beside the writer, and acts on each record that it is shown (it ships the order). No power
/// cut may take back what it saw. The failure tells a crash: which operations there were, what the consumer had been
/// served by then, and what was lost. One function of the stage has a bug.
#[test]
fn s01p5_what_a_consumer_saw_is_never_taken_back() {
    let scenario = |sim: &SimDisk| {
        let mut log = Stage01::open(sim.disk()).expect("a new log");
        let consumer = log.reader();
        for offset in 0..3 {
            log.append(&[record(Offset(offset))]).expect("an append");
            sim.served(count(&consumer));
            log.sync().expect("a sync");
            sim.acknowledge(offset + 1);
            sim.served(count(&consumer));
        }
        assert_eq!(count(&consumer), 3, "what is synced is served");
    };
    crash::power_cuts::<Stage01>(Lens::PowerCut, &Options::default(), scenario).expect_survival();
}
