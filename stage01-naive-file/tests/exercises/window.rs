//! Part 2: a window that slides over the file.

use std::sync::Arc;

use lab::meter::MeteredDisk;
use lab::records::record;
use lab::sim::SimDisk;
use stage01::scan::WINDOW_BYTES;
use stage01::{
    Access, Disk, DiskFile, Error, FRAME_BYTES_MAX, FileScan, FormatError, JsonLines, Offset, Place, Record, Scan,
};

use crate::odd_file::OddFile;
use crate::{LOG, line, lines, log_file, soon};

/// A disk with a log file of these bytes, and the file, which does not put up with a reader that never ends.
fn file_of(bytes: &[u8]) -> (SimDisk, Arc<dyn DiskFile>) {
    let sim = SimDisk::with_files([(LOG, bytes)]);
    let file = Arc::new(OddFile::honest(log_file(&sim.disk())));
    (sim, file)
}

/// A scan of `file` from its first byte to `end`.
fn scan(file: &Arc<dyn DiskFile>, end: usize, window_bytes: usize) -> FileScan<JsonLines> {
    FileScan::new(Arc::clone(file), JsonLines, Place::default(), end as u64, window_bytes)
}

/// Reads the next `count` records, which have to be the laboratory's from `first` on.
fn expect_records(scan: &mut FileScan<JsonLines>, first: u64, count: u64, context: &str) {
    for offset in (first..first + count).map(Offset) {
        match scan.next() {
            Ok(Some(entry)) => assert_eq!((entry.offset, entry.record), (offset, record(offset)), "{context}"),
            other => panic!("expected record {offset}, got {other:?}; {context}"),
        }
    }
}

/// Every record comes, in order, with its offset and the position of its first byte, however small the window was at
/// first; then comes the end, as often as one asks.
#[test]
fn s01p2_a_scan_gives_every_record_and_where_it_starts() {
    soon(|| {
        let frames = lines(0, 40);
        let bytes = frames.concat();
        let (_sim, file) = file_of(&bytes);
        for window_bytes in [1, 2, 7, 64, 700, 4096, WINDOW_BYTES] {
            let mut scan = scan(&file, bytes.len(), window_bytes);
            let mut position = 0;
            for (offset, frame) in (0..).map(Offset).zip(&frames) {
                assert_eq!(scan.place(), Place { offset, position }, "in front of the record, window {window_bytes}");
                let entry = scan.next().expect("a good record").expect("a record in front of the end");
                let found = (entry.offset, entry.position, entry.record);
                assert_eq!(found, (offset, position, record(offset)), "with a first window of {window_bytes} bytes");
                position += frame.len() as u64;
            }
            for _ in 0..3 {
                assert_eq!(scan.next().expect("the end is no error"), None, "behind the last record");
            }
            assert_eq!(scan.place(), Place { offset: Offset(40), position }, "at the end");
        }
    });
}

/// A scan may start at any record, if it is told where that is.
#[test]
fn s01p2_a_scan_starts_in_the_middle_of_the_file() {
    soon(|| {
        let frames = lines(0, 9);
        let bytes = frames.concat();
        let (_sim, file) = file_of(&bytes);
        for first in 0..9 {
            let from = Place { offset: Offset(first), position: frames[..first as usize].concat().len() as u64 };
            let mut scan = FileScan::new(Arc::clone(&file), JsonLines, from, bytes.len() as u64, 100);
            expect_records(&mut scan, first, 9 - first, "from the middle on");
            assert_eq!(scan.next().expect("the end is no error"), None);
        }
    });
}

/// A log ends where its writer says, and not where the file does: what lies behind may be half an append. A scan
/// neither shows it nor reads it.
#[test]
fn s01p2_a_scan_ends_where_the_log_ends_though_the_file_goes_on() {
    soon(|| {
        let frames = lines(0, 9);
        let bytes = frames.concat();
        for count in 0..9 {
            let end = frames[..count].concat().len();
            for window_bytes in [16, WINDOW_BYTES] {
                let (sim, file) = file_of(&bytes);
                let mut scan = scan(&file, end, window_bytes);
                expect_records(&mut scan, 0, count as u64, "in front of the log's end");
                assert_eq!(scan.next().expect("the end is no error"), None, "the log ends behind record {count}");
                assert!(sim.bytes_read() <= end as u64, "{} bytes read of a log of {end}", sim.bytes_read());
            }
        }
    });
}

/// A line that was lost, doubled or swapped is a good line at a wrong place. Its offset gives it away.
#[test]
fn s01p2_a_record_at_a_wrong_place_is_an_error_that_names_both_offsets() {
    soon(|| {
        for (offsets, wrong) in [([0, 2], 1), ([0, 0], 1), ([1, 2], 0), ([0, u64::MAX], 1)] {
            let bytes = offsets.map(|offset| line(offset, &record(Offset(0)))).concat();
            let (_sim, file) = file_of(&bytes);
            let mut scan = scan(&file, bytes.len(), 100);
            for _ in 0..wrong {
                scan.next().expect("a record at its place");
            }
            for _ in 0..2 {
                match scan.next() {
                    Err(Error::OutOfOrder { expected, found, .. }) => {
                        assert_eq!((expected, found), (Offset(wrong as u64), Offset(offsets[wrong])), "{offsets:?}");
                    }
                    other => panic!("{offsets:?}: expected a record out of order, got {other:?}"),
                }
            }
        }
    });
}

/// A file that ends in the middle of a line is not a file that ends. The error says how much of the line there is.
#[test]
fn s01p2_a_line_that_breaks_off_says_after_how_many_bytes() {
    soon(|| {
        let frames = lines(0, 3);
        let whole = frames[..2].concat().len();
        for cut in 1..frames[2].len() {
            let bytes = [&frames[..2].concat(), &frames[2][..cut]].concat();
            let (_sim, file) = file_of(&bytes);
            let mut scan = scan(&file, bytes.len(), 50);
            expect_records(&mut scan, 0, 2, "in front of the torn line");
            match scan.next() {
                Err(Error::BadFrame { position, cause: FormatError::Unfinished { bytes }, .. }) => {
                    assert_eq!(
                        (position, bytes),
                        (whole as u64, cut as u64),
                        "the place and the length of the torn line"
                    );
                }
                other => panic!("{cut} bytes of a line: expected an unfinished frame, got {other:?}"),
            }
        }
    });
}

/// A scan that meets damage stays in front of it and says where it is. Asked again, it says the same: it never steps
/// over a damaged record to the next good one.
#[test]
fn s01p2_a_scan_that_met_damage_meets_it_again() {
    soon(|| {
        let frames = lines(0, 5);
        let place = frames[..2].concat().len();
        for (at, wrong) in [(0, b'X'), (4, b'\0'), (20, b'"')] {
            let mut bytes = frames.concat();
            bytes[place + at] = wrong;
            let (_sim, file) = file_of(&bytes);
            let mut scan = scan(&file, bytes.len(), 64);
            expect_records(&mut scan, 0, 2, "in front of the damage");
            for _ in 0..3 {
                match scan.next() {
                    Err(Error::BadFrame { position, expected, .. }) => {
                        assert_eq!((position, expected), (place as u64, Offset(2)), "where the damage is");
                    }
                    other => panic!("expected a bad frame at byte {place}, got {other:?}"),
                }
            }
            assert_eq!(scan.place(), Place { offset: Offset(2), position: place as u64 }, "in front of the damage");
        }
    });
}

/// Somebody cut the file while the log was open. To report a clean end would be to lose the missing records silently.
#[test]
fn s01p2_a_file_that_shrank_is_an_error_and_not_the_end() {
    soon(|| {
        let frames = lines(0, 4);
        let bytes = frames.concat();
        for (left_of_the_third, window_bytes) in [(0, 16), (9, 16), (0, WINDOW_BYTES), (9, WINDOW_BYTES)] {
            let (_sim, file) = file_of(&bytes);
            let left = frames[..2].concat().len() + left_of_the_third;
            file.truncate(left as u64).unwrap();
            let mut scan = scan(&file, bytes.len(), window_bytes);
            expect_records(&mut scan, 0, 2, "the records that are left");
            match scan.next() {
                Err(Error::Truncated { length, end, expected, .. }) => {
                    assert_eq!(
                        (length, end, expected),
                        (left as u64, bytes.len() as u64, Offset(2)),
                        "what is missing"
                    );
                }
                other => panic!("expected that records are missing, got {other:?}"),
            }
        }
    });
}

/// The first read asks for what the scan's maker wished, since a reader of one record wants little. Then the window
/// grows, up to its limit: a long log is read in few, large pieces, each byte about once, and never into more memory.
#[test]
fn s01p2_the_window_starts_small_and_grows_to_its_limit() {
    soon(|| {
        let bytes = lines(0, 8000).concat();
        let (sim, _) = file_of(&bytes);
        let metered = MeteredDisk::new(sim.disk());
        let file = metered.open(LOG, Access::Read).unwrap();
        let mut scan = scan(&file, bytes.len(), 512);
        expect_records(&mut scan, 0, 1, "a short record");
        assert_eq!(sim.bytes_read(), 512, "the first read asks for 512 bytes");
        expect_records(&mut scan, 1, 7999, "the rest of a long log");
        assert_eq!(scan.next().expect("the end is no error"), None);

        let (length, most) = (bytes.len() as u64, metered.read_bytes_max());
        assert!(most <= WINDOW_BYTES as u64, "one read of {most} bytes; no record here needs more than the window");
        let read = sim.bytes_read();
        assert!(read <= length + length / 8, "{read} bytes were read of a file of {length}");
        let reads = sim.counters().reads;
        assert!(reads <= 20 + 2 * length / WINDOW_BYTES as u64, "{reads} reads of a file of {length} bytes");
    });
}

/// Between the first read and the widest window lies a doubling for each read: whoever wants a few records has not paid
/// for a long scan. And a line that is longer than the window is no reason to ask for the largest frame there could be.
#[test]
fn s01p2_the_window_doubles_and_does_not_jump() {
    soon(|| {
        let long = line(0, &Record::new(0, vec![b'v'; 3 * WINDOW_BYTES]));
        for (bytes, first) in [(lines(0, 2000).concat(), 256), (long, WINDOW_BYTES)] {
            let sim = SimDisk::with_files([(LOG, &bytes[..])]);
            let file = Arc::new(OddFile::honest(log_file(&sim.disk())));
            let for_the_scan: Arc<dyn DiskFile> = Arc::clone(&file) as _;
            let mut scan = scan(&for_the_scan, bytes.len(), first);
            while scan.next().expect("a good log").is_some() {}
            let reads = file.reads();
            let mut most = first;
            for (number, (position, asked)) in (1..).zip(&reads) {
                assert!(
                    *asked <= most,
                    "a scan with a first window of {first} bytes: read {number}, at byte {position}, asks for {asked}; \
                     its window is {most} bytes by now"
                );
                most *= 2;
            }
            assert!(reads.len() > 1, "one read of a file of {} bytes", bytes.len());
        }
    });
}

/// The largest frame that a reader believes is read; one byte more is refused, however long the file says that the line
/// goes on, and no read is ever larger than that.
#[test]
fn s01p2_a_line_may_be_as_long_as_a_frame_and_no_longer() {
    soon(|| {
        let around = line(0, &Record::new(0, &b""[..])).len();
        for (longer, fits) in [(0, true), (1, false), (FRAME_BYTES_MAX, false)] {
            let value = vec![b'v'; FRAME_BYTES_MAX - around + longer];
            let bytes = line(0, &Record::new(0, value));
            let (sim, _) = file_of(&bytes);
            let metered = MeteredDisk::new(sim.disk());
            let file = metered.open(LOG, Access::Read).unwrap();
            let mut scan = scan(&file, bytes.len(), WINDOW_BYTES);
            match (scan.next(), fits) {
                (Ok(Some(_)), true) => {}
                (Err(Error::BadFrame { cause: FormatError::TooLong { .. }, .. }), false) => {}
                (other, _) => {
                    panic!("a line of {} bytes: unexpected {:?}", bytes.len(), other.map(|entry| entry.is_some()))
                }
            }
            let most = metered.read_bytes_max();
            assert!(most <= FRAME_BYTES_MAX as u64, "one read of {most} bytes, for a line of {}", bytes.len());
        }
    });
}
