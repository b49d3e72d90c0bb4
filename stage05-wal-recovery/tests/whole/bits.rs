//! Each bit of each file, flipped alone: headers, bodies, indexes, time indexes, packed segments, the recovery point.

use lab::bits;
use lab::disks::Image;
use lab::sim::SimDisk;
use stage05::{Log, Offset, Reader, Scan, Stage};

use super::store::{TinyStore, a_stores_life};
use super::{Tiny, a_whole_life};

/// The right records, or an error that names the place.
#[test]
fn no_flipped_bit_goes_unnoticed() {
    let sim = SimDisk::new();
    a_whole_life::<Tiny<false>>(&sim);
    flip_each::<Tiny<false>>(&sim, Offset(12));
}

/// The same for a store: its checkpoint, its log, and an older checkpoint that a crash has kept from being removed. A
/// damaged checkpoint may be passed over, if the log makes up for it.
#[test]
fn no_flipped_bit_of_a_store_goes_unnoticed() {
    let sim = SimDisk::new();
    a_stores_life(&sim);
    flip_each::<TinyStore>(&sim, Offset(7));
}

/// The log on this disk has the record behind `beyond`, and each flipped bit is harmless or noticed.
fn flip_each<S: Stage>(sim: &SimDisk, beyond: Offset) {
    let log = S::open(sim.disk()).expect("the log opens");
    let mut records = Vec::new();
    let mut scan = log.reader().scan(log.reader().start()).expect("a scan");
    while let Some(entry) = scan.next().expect("a record") {
        records.push((entry.offset, entry.record.into_owned()));
    }
    drop(log);
    assert!(records.len() > 4 && records.iter().any(|(offset, _)| *offset > beyond), "{} records", records.len());
    let flipped = bits::flip_each::<S>(&Image::of(&sim.disk()), &records).expect_survival();
    assert!(flipped.noticed > 1000, "{flipped}");
}
