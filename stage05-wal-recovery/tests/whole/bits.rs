//! Each bit of each file, flipped alone: headers, bodies, indexes, time indexes, packed segments, the recovery point.

use lab::bits;
use lab::disks::Image;
use lab::sim::SimDisk;
use stage05::{Log, Offset, Reader, Scan, Stage};

use super::{Tiny, a_whole_life};

/// The right records, or an error that names the place.
#[test]
fn no_flipped_bit_goes_unnoticed() {
    let sim = SimDisk::new();
    a_whole_life::<Tiny<false>>(&sim);
    let log = Tiny::<false>::open(sim.disk()).expect("the log opens");
    let mut records = Vec::new();
    let mut scan = log.reader().scan(log.reader().start()).expect("a scan");
    while let Some(entry) = scan.next().expect("a record") {
        records.push((entry.offset, entry.record.into_owned()));
    }
    drop(log);
    assert!(records.len() > 4 && records.iter().any(|(offset, _)| *offset > Offset(12)), "{} records", records.len());
    let flipped = bits::flip_each::<Tiny<false>>(&Image::of(&sim.disk()), &records).expect_survival();
    assert!(flipped.noticed > 1000, "{flipped}");
}
