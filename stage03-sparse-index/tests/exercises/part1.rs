//! Part 1: eight bytes and a binary search.

use std::hint::black_box;
use std::time::{Duration, Instant};

use stage03::{IndexEntry, IndexFault, Offset, Place, SparseIndex, StoredEntries};

use crate::common::index_file;
use crate::place;
use lab::sim::SimDisk;

const INTERVAL: u64 = 100;

/// An index with these entries, each more than an interval behind the last.
fn index_of(places: impl IntoIterator<Item = Place>) -> SparseIndex {
    let mut index = SparseIndex::new(Offset(0), INTERVAL);
    let mut count = 0;
    for place in places {
        index.push(place);
        count += 1;
    }
    assert_eq!(index.len(), count, "each of these records is due for an entry");
    index
}

fn places(index: &SparseIndex) -> Vec<Place> {
    index.places_from(0).collect()
}

/// What the check says of a file with these entries, beside a log of 1000 bytes.
fn check(entries: &[(u32, u32)]) -> Result<(), IndexFault> {
    let bytes = index_file(entries);
    let file = SimDisk::new().disk().create("index").unwrap();
    file.write_at(&bytes, 0).unwrap();
    let stored = StoredEntries::open(&*file, entries.len()).unwrap();
    SparseIndex::with_stored(Offset(0), INTERVAL, stored).check(1000)
}

/// An entry in the file is the relative offset and then the position, four bytes each, the lowest byte first. Files
/// outlive programs: another order, and no other reader understands them.
#[test]
fn s03p1_an_entry_is_eight_bytes_little_endian() {
    let entry = IndexEntry { relative_offset: 0x0102_0304, position: 0x0a0b_0c0d };
    let bytes = [4, 3, 2, 1, 0x0d, 0x0c, 0x0b, 0x0a];
    assert_eq!(entry.encode(), bytes, "{entry:x?} as it lies in the file");
    assert_eq!(IndexEntry::decode(bytes), entry, "the entry in these eight bytes");
    for bytes in [[0; 8], [0xff; 8], [1, 2, 3, 4, 5, 6, 7, 8]] {
        assert_eq!(
            IndexEntry::decode(bytes).encode(),
            bytes,
            "any eight bytes are an entry, and come back as they were"
        );
    }
}

/// An entry counts offsets from the base offset of its file, so that 32 bits are enough. `new` takes the base away and
/// `place` adds it again.
#[test]
fn s03p1_an_entry_counts_from_the_base_of_its_file() {
    let base = Offset(u64::from(u32::MAX) * 10);
    let at = Place { offset: base.plus(7), position: 150 };
    let entry = IndexEntry::new(base, at).expect("a record near to its base has an entry");
    assert_eq!(entry, IndexEntry { relative_offset: 7, position: 150 }, "the entry of record {} + 7", base);
    assert_eq!(entry.place(base), at, "the place that the entry names");
}

/// A number that does not fit into 32 bits gives no entry. A cast would cut its upper half off, and the entry would
/// point to the wrong place by exactly 4 GiB.
#[test]
fn s03p1_numbers_that_do_not_fit_give_no_entry() {
    let max = u64::from(u32::MAX);
    let fits = IndexEntry { relative_offset: u32::MAX, position: u32::MAX };
    assert_eq!(IndexEntry::new(Offset(5), place(5 + max, max)), Some(fits), "the largest numbers that fit");
    assert_eq!(fits.place(Offset(5)), place(5 + max, max), "and back");
    for (at, why) in [
        (place(6 + max, 0), "the offset is too far from the base"),
        (place(5, max + 1), "the position has 33 bits"),
        (place(5 + (1 << 40), 1 << 40), "both are too large"),
        (place(4, 0), "the offset is below the base"),
    ] {
        assert_eq!(IndexEntry::new(Offset(5), at), None, "{why}: {at:?} from the base offset 5");
    }
}

/// A record gets an entry if it starts more than an interval behind the last entry, or at first behind the start of the
/// file. Exactly an interval is not more than an interval.
#[test]
fn s03p1_a_record_gets_an_entry_if_more_than_the_interval_lies_behind_it() {
    let mut index = SparseIndex::new(Offset(0), INTERVAL);
    for (offset, position) in [(0, 0), (1, 60), (2, 100)] {
        index.push(place(offset, position));
        assert_eq!(places(&index), [], "byte {position} is not more than {INTERVAL} bytes behind the start");
    }
    for (offset, position) in [(3, 101), (4, 150), (5, 201), (6, 202), (7, 290), (8, 5000), (9, 5100), (10, 5101)] {
        index.push(place(offset, position));
    }
    let due = [place(3, 101), place(6, 202), place(8, 5000), place(10, 5101)];
    assert_eq!(places(&index), due, "the records that start more than {INTERVAL} bytes behind the entry before them");
}

/// The start of the file is an entry that every log has for nothing: its offset is the base offset, its position 0.
#[test]
fn s03p1_an_empty_index_says_start_at_the_start() {
    let index = SparseIndex::new(Offset(500), INTERVAL);
    for target in [0, 499, 500, 501, u64::MAX] {
        assert_eq!(index.lookup(Offset(target)), place(500, 0), "record {target}, in an index without entries");
    }
}

/// A lookup finds the greatest entry that is not above the target, or the start of the file. This asks for every target
/// in indexes of no entry to nine, and compares with going through the entries one by one.
#[test]
fn s03p1_lookup_finds_the_greatest_entry_not_above() {
    for count in 0..=9 {
        let entries: Vec<Place> = (1..=count).map(|n| place(n * 10, n * 200)).collect();
        let index = index_of(entries.iter().copied());
        for target in (0..=count * 10 + 15).chain([u64::MAX]).map(Offset) {
            let expected = entries.iter().rfind(|entry| entry.offset <= target).copied().unwrap_or_default();
            assert_eq!(index.lookup(target), expected, "record {target} in an index of {entries:?}");
        }
    }
}

/// When records are taken away, their entries go, and no others. The cut asks the same search as the lookup another
/// question: how many entries are in front of this offset?
#[test]
fn s03p1_a_cut_takes_the_entries_of_the_records_behind_it() {
    let entries = [place(10, 200), place(20, 400), place(30, 600)];
    for from in 0..35 {
        let mut index = index_of(entries);
        index.truncate(Offset(from));
        let kept: Vec<Place> = entries.into_iter().filter(|entry| entry.offset < Offset(from)).collect();
        assert_eq!(places(&index), kept, "the records from {from} on are gone");
    }
}

/// Whatever `push` makes passes the check: entries more than an interval apart, the last in front of the log's end.
#[test]
fn s03p1_the_check_passes_what_a_log_can_have() {
    for entries in [&[][..], &[(1, 101)], &[(3, 101), (5, 202), (9, 999)], &[(900, 999)]] {
        assert_eq!(check(entries), Ok(()), "{entries:?}, in a log of 1000 bytes with an interval of {INTERVAL}");
    }
    let mut index = SparseIndex::new(Offset(0), INTERVAL);
    (0..50).for_each(|n| index.push(place(n, n * 37)));
    assert!(index.len() > 10, "{} entries", index.len());
    assert_eq!(index.check(50 * 37), Ok(()), "what push has made");
}

/// The binary search relies on the order, and recovery on the last entry. So entries that no log can have are refused,
/// and the fault names the first slot that is wrong.
#[test]
fn s03p1_the_check_refuses_what_no_log_can_have() {
    let out_of_order = |slot| Err(IndexFault::OutOfOrder { slot });
    assert_eq!(check(&[(0, 101)]), out_of_order(0), "record 0 starts at byte 0 and nowhere else");
    assert_eq!(check(&[(3, 100)]), out_of_order(0), "not more than an interval behind the start");
    assert_eq!(check(&[(3, 101), (5, 201)]), out_of_order(1), "not more than an interval behind the entry before");
    assert_eq!(check(&[(3, 101), (3, 202)]), out_of_order(1), "one record at two places");
    assert_eq!(check(&[(5, 101), (3, 202)]), out_of_order(1), "descending offsets");
    assert_eq!(check(&[(3, 202), (5, 101)]), out_of_order(1), "descending positions");
    assert_eq!(check(&[(3, u32::MAX), (9, 500)]), out_of_order(1), "the first thing that is wrong is reported");
    let beyond = |position| Err(IndexFault::BeyondLog { position, log_bytes: 1000 });
    assert_eq!(check(&[(3, 101), (9, 1000)]), beyond(1000), "no record starts at the log's end");
    assert_eq!(check(&[(3, 5000)]), beyond(5000), "behind the log's end");
}

/// Zeros are what crashes and preallocation leave. They decode to "record 0 at byte 0", which is true and no entry of any
/// index: the check has to refuse them, wherever they are.
#[test]
fn s03p1_the_check_refuses_zeros() {
    assert_eq!(check(&[(0, 0)]), Err(IndexFault::OutOfOrder { slot: 0 }), "zeros alone");
    assert_eq!(check(&[(3, 101), (0, 0)]), Err(IndexFault::OutOfOrder { slot: 1 }), "zeros at the end");
    assert_eq!(check(&[(3, 101), (0, 0), (9, 500)]), Err(IndexFault::OutOfOrder { slot: 1 }), "zeros in the middle");
    assert_eq!(check(&[(0, 0), (3, 101)]), Err(IndexFault::OutOfOrder { slot: 0 }), "zeros in front");
}

/// Behind 4 GiB an entry's bits no longer reach. Such records get no entry, nothing panics, and a lookup finds the last
/// entry that there is.
#[test]
fn s03p1_a_record_beyond_32_bits_gets_no_entry() {
    let max = u64::from(u32::MAX);
    let mut index = SparseIndex::new(Offset(0), INTERVAL);
    index.push(place(5, max));
    for (offset, position) in [(6, max + 101), (7, max * 3), (max + 1, max * 4), (max * 2, u64::MAX)] {
        index.push(place(offset, position));
    }
    assert_eq!(places(&index), [place(5, max)], "no entry beyond 32 bits");
    assert_eq!(index.lookup(Offset(max * 2)), place(5, max), "the place to look for a record that is far behind");
}

/// A lookup in an index a thousand times as long takes a few steps more, not a thousand times as long. If it does, the
/// search goes through the entries one by one.
#[test]
fn s03p1_a_lookup_takes_a_few_steps_however_long_the_index_is() {
    let index = |entries: u64| index_of((1..=entries).map(|n| place(n, n * 200)));
    let (short, long) = (index(1000), index(1_000_000));
    let quickest = |index: &SparseIndex| (0..5).map(|_| time_of_lookups(index)).min().expect("five rounds");
    let (in_short, in_long) = (quickest(&short), quickest(&long));
    assert!(in_long < in_short * 200, "100 lookups among 1000 entries took {in_short:?}, among 1000000 {in_long:?}");
}

fn time_of_lookups(index: &SparseIndex) -> Duration {
    let (step, start) = (index.len() as u64 / 100, Instant::now());
    for target in (0..100).map(|n| n * step) {
        assert_eq!(black_box(index.lookup(Offset(black_box(target)))).offset, Offset(target));
    }
    start.elapsed()
}
