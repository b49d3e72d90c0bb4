//! The harness that flips bits, put to the test: on a log with a checksum, and on one without.

#[allow(dead_code, reason = "other mistakes are tried in `shrinking`")]
#[path = "shrinking/shrinking_log.rs"]
mod shrinking_log;

use lab::bits;
use lab::disks::Image;
use lab::records::{record, records};
use lab::sim::SimDisk;
use shrinking_log::{Shrinking, bug};
use stage01::{Log, Offset, Stage, Stage01};

/// A closed log of three records.
fn closed<S: Stage>() -> Image {
    let sim = SimDisk::new();
    let mut log = S::open(sim.disk()).unwrap();
    log.append(&records(Offset(0), 3)).unwrap();
    log.sync().unwrap();
    drop(log);
    Image::of(&sim.disk())
}

fn expected() -> Vec<(Offset, stage01::Record<'static>)> {
    (0..3).map(|offset| (Offset(offset), record(Offset(offset)))).collect()
}

#[test]
fn a_log_with_a_checksum_notices_every_bit_and_a_file_that_is_not_its_own_does_no_harm() {
    let image = closed::<Shrinking<{ bug::NONE }>>().with("foreign", &b"abc"[..]);
    let bits = bits::flip_each::<Shrinking<{ bug::NONE }>>(&image, &expected()).expect_survival();
    let own = image.bytes(&image.log_name()).len() as u64 * 8;
    // The checksum is written in hexadecimal digits: a letter that becomes a capital is the same digit.
    assert_eq!(bits.flipped(), own + 24);
    assert!(bits.noticed > own - 100 && bits.harmless >= 24, "{bits}");
}

#[test]
fn a_log_without_a_checksum_loses_and_the_first_loss_is_told() {
    let image = closed::<Shrinking<{ bug::NO_CHECKSUM }>>();
    let bits = bits::flip_each::<Shrinking<{ bug::NO_CHECKSUM }>>(&image, &expected());
    assert!(bits.losses.len() > 100, "{bits}");
    assert!(bits.losses[0].starts_with("bit "), "{}", bits.losses[0]);
    assert_eq!(bits, bits::flip_each::<Shrinking<{ bug::NO_CHECKSUM }>>(&image, &expected()), "the same every time");
    let bits = bits::flip_each::<Stage01>(&closed::<Stage01>(), &expected());
    assert!(bits.losses.iter().any(|loss| loss.contains("record 0 is served as")), "{:?}", bits.losses);
}

#[test]
#[should_panic(expected = "of byte")]
fn a_loss_is_a_failure_with_its_place() {
    let image = closed::<Stage01>();
    bits::flip_each::<Stage01>(&image, &expected()).expect_survival();
}
