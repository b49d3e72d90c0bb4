//! The contract of files that are not what they should be: a correct answer or a typed error, and an error leaves
//! every byte where it was.

use std::sync::Arc;

use stage01::{Access, Disk, Error, Log, Offset, Reader, Scan, Stage};

use super::{append_synced, assert_holds, assert_prefix, killed_log, open};
use crate::disks::{Disks, Image};
use crate::meter::MeteredDisk;
use crate::random::Random;
use crate::records::record;

/// What a test may read at once, whatever a file says of itself.
const READ_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a kill leaves of a log of `count` records, none of them synced.
fn unsynced_log<S: Stage>(disks: &dyn Disks, count: u64) -> Image {
    killed_log::<S>(disks, 0, count)
}

/// Opens a log and reads it whole. `Ok` is the number of its records. If it does not open, no byte may have moved.
fn open_whole<S: Stage>(disk: &Arc<dyn Disk>) -> Result<u64, Error> {
    let before = Image::of(disk);
    let metered = MeteredDisk::new(Arc::clone(disk));
    let opened = S::open(Arc::clone(&metered) as Arc<dyn Disk>);
    assert!(metered.read_bytes_max() <= READ_BYTES_MAX, "one read of {} bytes", metered.read_bytes_max());
    match opened {
        Ok(log) => {
            let mut scan = log.reader().scan(Offset(0))?;
            let mut count = 0;
            while let Some(entry) = scan.next()? {
                assert_eq!(entry.offset, Offset(count));
                count += 1;
            }
            assert_eq!(log.next_offset(), Offset(count), "an open log can be read to its end");
            Ok(count)
        }
        Err(error) => {
            assert_eq!(Image::of(disk), before, "a log that refuses to open ({error}) is left as it was");
            Err(error)
        }
    }
}

/// A process can be killed in the middle of any write. Whatever byte the file ends at, the whole records in front of
/// it are served, the rest is cut away for good, and the log goes on.
pub fn a_log_cut_at_any_byte_reopens_to_its_longest_whole_prefix<S: Stage>(disks: &dyn Disks) {
    let count = 5;
    let whole = unsynced_log::<S>(disks, count);
    let name = whole.log_name();
    let mut ends = starts::<S>(disks, &whole);
    ends.push(whole.bytes(&name).len() as u64);
    for cut in 0..=whole.bytes(&name).len() {
        let disk = disks.empty();
        whole.with(&name, &whole.bytes(&name)[..cut]).restore(&disk);
        let expected = ends[1..].iter().filter(|end| **end <= cut as u64).count() as u64;

        let mut log = S::open(Arc::clone(&disk)).unwrap_or_else(|e| panic!("cut at byte {cut}: {e}"));
        assert_prefix(&log.reader(), expected, || format!("cut at byte {cut} of {whole:?}"));
        append_synced(&mut log, 1);
        drop(log);
        assert_prefix(&open::<S>(&disk).reader(), expected + 1, || format!("cut at byte {cut}, appended, reopened"));
    }
}

/// Where each record starts in the log's file.
fn starts<S: Stage>(disks: &dyn Disks, image: &Image) -> Vec<u64> {
    let disk = disks.empty();
    image.restore(&disk);
    let mut scan = S::open_reader(disk).unwrap().scan(Offset(0)).unwrap();
    let mut starts = Vec::new();
    while let Some(entry) = scan.next().unwrap() {
        starts.push(entry.position);
    }
    starts
}

/// Opening twice is opening once: what was cut is gone, and nothing more goes.
pub fn a_torn_log_opens_twice_to_the_same_bytes<S: Stage>(disks: &dyn Disks) {
    let whole = unsynced_log::<S>(disks, 4);
    let name = whole.log_name();
    for lost in [1, 2, 20, 40] {
        let bytes = whole.bytes(&name);
        let disk = disks.empty();
        whole.with(&name, &bytes[..bytes.len() - lost]).restore(&disk);
        drop(open::<S>(&disk));
        let once = Image::of(&disk);
        drop(open::<S>(&disk));
        assert_eq!(Image::of(&disk), once, "{lost} bytes were lost");
    }
}

/// A file system may make a file longer before the bytes arrive: then the end reads as zeros.
pub fn zeros_at_the_end_are_a_torn_append<S: Stage>(disks: &dyn Disks) {
    for count in [0, 1, 3] {
        let whole = unsynced_log::<S>(disks, count);
        let name = whole.log_name();
        for zeros in [1, 2, 511, 512, 4096, 100_000] {
            let disk = disks.empty();
            whole.with(&name, [whole.bytes(&name), &vec![0; zeros]].concat()).restore(&disk);
            let mut log = open::<S>(&disk);
            assert_holds(&log.reader(), count);
            append_synced(&mut log, 1);
            drop(log);
            assert_holds(&open::<S>(&disk).reader(), count + 1);
        }
    }
}

/// Only a torn append may be cut. Whatever else follows the log is somebody's data.
pub fn what_is_no_torn_append_is_refused_and_left_alone<S: Stage>(disks: &dyn Disks) {
    let whole = unsynced_log::<S>(disks, 3);
    let name = whole.log_name();
    let endings: [&[u8]; 5] = [b"x", b"\n", b"not a record\n", b"\x00\x00x", b"\xff\xff\xff\xff\xff\xff\xff\xff"];
    for ending in endings {
        let disk = disks.empty();
        whole.with(&name, [whole.bytes(&name), ending].concat()).restore(&disk);
        let refused = open_whole::<S>(&disk).expect_err("a log with foreign bytes at its end");
        let end = whole.bytes(&name).len() as u64;
        assert!(
            matches!(refused, Error::BadFrame { position, expected: Offset(3), .. } if position == end),
            "{:?} at byte {end}: {refused}",
            ending.escape_ascii().to_string()
        );
    }
}

/// Damage in the middle is an error that names its place, the same each time it is asked; what lies in front of it can
/// be read, and the damaged log does not open again.
pub fn damage_in_the_middle_is_an_error_at_its_place<S: Stage>(disks: &dyn Disks) {
    let whole = unsynced_log::<S>(disks, 6);
    let name = whole.log_name();
    let place = starts::<S>(disks, &whole)[4];
    let disk = disks.empty();
    whole.restore(&disk);
    let log = open::<S>(&disk);
    disk.open(&name, Access::Write).unwrap().write_at(b"XXXXXXXX", place).unwrap();

    let is_at_place =
        |error: Error| matches!(error, Error::BadFrame { position, expected: Offset(4), .. } if position == place);
    let mut scan = log.reader().scan(Offset(0)).unwrap();
    for offset in (0..4).map(Offset) {
        assert_eq!(scan.next().unwrap().map(|entry| entry.record), Some(record(offset)));
    }
    for _ in 0..3 {
        assert!(is_at_place(scan.next().expect_err("a damaged record")), "byte {place} of {name}");
    }
    assert!(is_at_place(log.reader().read(Offset(4)).expect_err("a damaged record")), "byte {place} of {name}");
    drop(log);
    assert!(is_at_place(open_whole::<S>(&disk).expect_err("a damaged log")), "byte {place} of {name}");
}

/// Random bytes are no log. They are refused, and they may be somebody's data, so they stay.
pub fn random_bytes_are_refused_and_left_alone<S: Stage>(disks: &dyn Disks) {
    let empty = unsynced_log::<S>(disks, 0);
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let length = 1 + random.below(5000) as usize;
        let disk = disks.empty();
        empty.with(&empty.log_name(), random.bytes(length)).restore(&disk);
        open_whole::<S>(&disk).expect_err(&format!("{length} random bytes, seed {seed}"));
    }
}

/// A log with random damage anywhere opens to something that can be read to its end, or is refused: no panic, no
/// endless loop, no large memory, no change when refused.
pub fn random_damage_never_panics<S: Stage>(disks: &dyn Disks) {
    let whole = unsynced_log::<S>(disks, 9);
    let name = whole.log_name();
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut bytes = whole.bytes(&name).to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            let length = random.below(20) as usize;
            let end = (at + length).min(bytes.len());
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at..end].fill(0),
                2 => drop(bytes.splice(at..end, [])),
                _ => drop(bytes.splice(at..at, random.bytes(length))),
            }
        }
        let disk = disks.empty();
        whole.with(&name, bytes).restore(&disk);
        if let Ok(count) = open_whole::<S>(&disk) {
            assert!(count <= 9, "seed {seed}: {count} records out of 9");
        }
    }
}

/// What is derived from the log is never evidence: lost, cut, padded or full of random bytes, it loses no record.
pub fn a_derived_file_can_say_what_it_likes<S: Stage>(disks: &dyn Disks) {
    let count = 60;
    let whole = unsynced_log::<S>(disks, count);
    let mut random = Random::new(1);
    for name in whole.derived_names() {
        let bytes = whole.bytes(&name);
        let mut lies = vec![Vec::new(), vec![0; bytes.len()], vec![0xff; bytes.len() + 8], [bytes, &[0; 64]].concat()];
        lies.extend((0..bytes.len()).map(|cut| bytes[..cut].to_vec()));
        lies.extend((0..20).map(|_| random.bytes(bytes.len())));
        let images = lies.into_iter().map(|lie| whole.with(&name, lie)).chain([whole.without(&name)]);
        for image in images {
            let disk = disks.empty();
            image.restore(&disk);
            assert_prefix(&S::open_reader(Arc::clone(&disk)).unwrap(), count, || format!("reading alone: {image:?}"));
            let mut log = S::open(Arc::clone(&disk)).unwrap_or_else(|e| panic!("{e}: {image:?}"));
            assert_prefix(&log.reader(), count, || format!("{image:?}"));
            append_synced(&mut log, 1);
            drop(log);
            assert_prefix(&open::<S>(&disk).reader(), count + 1, || format!("appended and reopened: {image:?}"));
        }
    }
}
