//! Bits that turn around, and files that are cut, in one of three copies.

use lab::disks::Image;
use lab::sim::SimDisk;
use stage06::local::{DAMAGED_SUFFIX, DIRECTORIES};
use stage06::{Error, Log};

use super::{append, assert_holds, closed_tablet, disk_with, tablet};

/// Of every 37th bit of each file of a copy, so that each of a byte's bits has its turn: whatever it was, the tablet opens
/// and has every record as it was, and takes the next.
#[test]
fn a_flipped_bit_in_one_copy_is_healed_or_does_no_harm() {
    let image = closed_tablet(9);
    for copy in [DIRECTORIES[0], DIRECTORIES[1]] {
        for name in image.names().filter(|name| name.starts_with(copy)) {
            for bit in (0..image.bytes(name).len() as u64 * 8).step_by(37 * 5) {
                let sim = SimDisk::new();
                image.restore(&sim.disk());
                sim.flip_bit(name, bit);
                let context = format!("bit {} of byte {} of {name}", bit % 8, bit / 8);
                let mut log = tablet(&sim.disk()).unwrap_or_else(|error| panic!("{context}: {error}"));
                assert_holds(&log.reader(), 9, &context);
                append(&mut log, 1);
                assert_holds(&log.reader(), 10, &context);
            }
        }
    }
}

/// Opening does not read what is sealed. A reader that meets the damage goes on with another copy.
#[test]
fn sealed_data_that_is_damaged_later_is_read_from_another_copy() {
    let sim = SimDisk::new();
    let disk = sim.disk();
    let mut log = tablet(&disk).unwrap();
    append(&mut log, 12);
    for copy in DIRECTORIES {
        let sealed = sim.names().into_iter().find(|name| name.starts_with(copy) && name.ends_with(".log")).unwrap();
        let last = sim.cached(&sealed).unwrap().iter().rposition(|byte| *byte != 0).unwrap() as u64;
        sim.flip_bit(&sealed, last * 8);
        // With all three damaged at the same record it is an error with its place, and never a wrong record.
        if copy != DIRECTORIES[2] {
            assert_holds(&log.reader(), 12, &sealed);
            continue;
        }
        let mut scan = stage06::Reader::scan(&log.reader(), stage06::Offset(0)).unwrap();
        let refused = loop {
            match stage06::Scan::next(&mut scan) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a damaged record was passed over"),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, Error::BadFrame { .. }), "{refused}");
    }
}

/// A copy that cannot be right is kept beside the new one, under another name.
#[test]
fn a_damaged_copy_is_set_aside_and_not_thrown_away() {
    let image = closed_tablet(5);
    let name = format!("{}/recovery-point", DIRECTORIES[1]);
    let disk = disk_with(&image.with(&name, "nonsense"));
    assert_holds(&tablet(&disk).unwrap().reader(), 5, "opened");
    let after = Image::of(&disk);
    let aside = after.names().filter(|name| name.ends_with(DAMAGED_SUFFIX)).collect::<Vec<_>>();
    assert!(aside.contains(&format!("{name}{DAMAGED_SUFFIX}").as_str()), "{aside:?}");
    for name in aside {
        let before = name.strip_suffix(DAMAGED_SUFFIX).unwrap();
        if !before.ends_with("recovery-point") {
            assert_eq!(after.bytes(name), image.bytes(before), "{name} is what it was");
        }
    }
}

/// With two of three copies damaged, the error names the place in one of them, and not a byte moves.
#[test]
fn damage_in_two_copies_is_refused_and_left_alone() {
    let image = closed_tablet(5);
    let damaged = DIRECTORIES[1..].iter().fold(image, |image, copy| image.with(&format!("{copy}/recovery-point"), "x"));
    let disk = disk_with(&damaged);
    let refused = tablet(&disk).unwrap_err();
    assert!(matches!(&refused, Error::Damaged { path, .. } if path.ends_with("replica-2/recovery-point")), "{refused}");
    assert_eq!(Image::of(&disk), damaged);
}

/// Opened again, a tablet that is whole is left as it is, byte for byte (**T4**).
#[test]
fn opening_what_is_whole_changes_nothing() {
    let image = closed_tablet(9);
    let disk = disk_with(&image);
    for _ in 0..2 {
        assert_holds(&tablet(&disk).unwrap().reader(), 9, "opened");
        assert_eq!(Image::of(&disk), image);
    }
}
