//! The index by itself: which records get an entry, what a lookup finds, what a cut leaves, what a check refuses.

use std::sync::Arc;

use proptest::prelude::*;
use stage03::{Disk, DiskFile, IndexEntry, IndexFault, Offset, OsDisk, Place, SparseIndex, StoredEntries};

const INTERVAL: u64 = 100;

fn place(offset: u64, position: u64) -> Place {
    Place { offset: Offset(offset), position }
}

/// An index with these entries, each an interval behind the last.
fn index_of(places: &[Place]) -> SparseIndex {
    let mut index = SparseIndex::new(Offset(0), INTERVAL);
    places.iter().for_each(|&place| index.push(place));
    assert_eq!(index.len(), places.len(), "each of {places:?} gets an entry");
    index
}

fn places(index: &SparseIndex) -> Vec<Place> {
    index.places_from(0).collect()
}

/// An index file of the operating system with these bytes. It is mapped, and lives on when its name is gone.
fn file_of(bytes: &[u8]) -> Arc<dyn DiskFile> {
    let directory = tempfile::tempdir().unwrap();
    let file = OsDisk::existing(directory.path()).unwrap().create("index").unwrap();
    file.write_at(bytes, 0).unwrap();
    file
}

/// An index whose first entries are those of `stored`, read from a file, and whose others were added since.
fn index_from_file(stored: &SparseIndex, added: &[Place]) -> SparseIndex {
    let entries = StoredEntries::open(&*file_of(&stored.encode_from(0)), stored.len()).unwrap();
    let mut index = SparseIndex::with_stored(Offset(0), INTERVAL, entries);
    added.iter().for_each(|&place| index.push(place));
    assert_eq!(index.mapped_len(), stored.len());
    index
}

/// An entry in the file is the relative offset and the position, four bytes each, the lowest byte first.
#[test]
fn an_entry_is_eight_bytes_little_endian() {
    let entry = IndexEntry::new(Offset(1000), place(1000 + 0x0102_0304, 0x0a0b_0c0d)).unwrap();
    assert_eq!(entry.encode(), [4, 3, 2, 1, 0x0d, 0x0c, 0x0b, 0x0a]);
    assert_eq!(IndexEntry::decode(entry.encode()), entry);
    assert_eq!(entry.place(Offset(1000)), place(1000 + 0x0102_0304, 0x0a0b_0c0d));
}

/// A record gets an entry if it starts more than an interval behind the last entry, or behind the start of the file.
#[test]
fn a_record_gets_an_entry_if_more_than_the_interval_lies_behind_it() {
    let mut index = SparseIndex::new(Offset(0), INTERVAL);
    for (offset, position) in [(0, 0), (1, 99), (2, 100)] {
        index.push(place(offset, position));
        assert!(index.is_empty(), "byte {position} is not more than {INTERVAL} bytes behind the start");
    }
    index.push(place(3, 101));
    index.push(place(4, 201));
    index.push(place(5, 202));
    assert_eq!(places(&index), [place(3, 101), place(5, 202)]);
}

/// A lookup finds the greatest entry that is not above the target, or the start of the file.
#[test]
fn a_lookup_finds_the_greatest_entry_not_above() {
    let index = index_of(&[place(10, 200), place(20, 400), place(30, 600)]);
    let found: Vec<Place> = [0, 9, 10, 19, 20, 29, 30, 31, u64::MAX].map(|o| index.lookup(Offset(o))).into();
    let (start, first, second, third) = (place(0, 0), place(10, 200), place(20, 400), place(30, 600));
    assert_eq!(found, [start, start, first, first, second, second, third, third, third]);
}

/// Without entries, every read begins at the first record of the file.
#[test]
fn an_empty_index_says_start_at_the_start() {
    let index = SparseIndex::new(Offset(500), INTERVAL);
    for target in [0, 499, 500, 501, u64::MAX] {
        assert_eq!(index.lookup(Offset(target)), place(500, 0));
    }
    assert_eq!(index.last(), place(500, 0));
}

/// An entry's offset is counted from the base of its file, and a lookup gives the full offset again.
#[test]
fn offsets_are_counted_from_the_base() {
    let base = u64::from(u32::MAX) * 10;
    let mut index = SparseIndex::new(Offset(base), INTERVAL);
    index.push(place(base + 7, 150));
    assert_eq!(index.encode_from(0), [7, 0, 0, 0, 150, 0, 0, 0]);
    assert_eq!(index.lookup(Offset(base + 8)), place(base + 7, 150));
}

/// What does not fit into 32 bits gets no entry, and a lookup behind it finds the last entry that there is.
#[test]
fn beyond_32_bits_there_are_no_entries_and_a_lookup_finds_the_last() {
    let limit = u64::from(u32::MAX);
    let mut index = SparseIndex::new(Offset(0), INTERVAL);
    index.push(place(5, limit));
    for (offset, position) in [(6, limit + 101), (7, limit * 3), (limit + 1, limit * 4), (limit * 2, u64::MAX)] {
        index.push(place(offset, position));
    }
    assert_eq!(places(&index), [place(5, limit)]);
    assert_eq!(index.lookup(Offset(limit * 2)), place(5, limit));

    let mut index = SparseIndex::new(Offset(0), INTERVAL);
    index.push(place(limit, 101));
    index.push(place(limit + 1, 202));
    assert_eq!(places(&index), [place(limit, 101)]);
}

/// If the records of all entries are taken away, no entry is left.
#[test]
fn a_cut_in_front_of_all_entries_leaves_none() {
    let mut index = index_of(&[place(10, 200), place(20, 400)]);
    index.truncate(Offset(9));
    assert_eq!(places(&index), []);
}

/// The record at the cut is taken away, and its entry with it.
#[test]
fn a_cut_at_an_entry_takes_the_entry_along() {
    let mut index = index_of(&[place(10, 200), place(20, 400)]);
    index.truncate(Offset(20));
    assert_eq!(places(&index), [place(10, 200)]);
}

/// A record in front of the cut keeps its entry, however often the cut is made.
#[test]
fn a_cut_behind_an_entry_leaves_the_entry() {
    let mut index = index_of(&[place(10, 200), place(20, 400)]);
    index.truncate(Offset(11));
    assert_eq!(places(&index), [place(10, 200)]);
    index.truncate(Offset(11));
    assert_eq!(places(&index), [place(10, 200)], "a second cut at the same place changes nothing");
}

/// Zeros, disorder, and entries too close or behind the end of the log are refused.
#[test]
fn a_check_refuses_what_no_log_can_have() {
    let log_bytes = 1000;
    let check = |pairs: &[(u32, u32)]| {
        let bytes: Vec<u8> = pairs
            .iter()
            .flat_map(|&(relative_offset, position)| IndexEntry { relative_offset, position }.encode())
            .collect();
        let stored = StoredEntries::open(&*file_of(&bytes), pairs.len()).unwrap();
        SparseIndex::with_stored(Offset(0), INTERVAL, stored).check(log_bytes)
    };
    assert_eq!(check(&[]), Ok(()));
    assert_eq!(check(&[(3, 101), (5, 202), (9, 999)]), Ok(()));
    assert_eq!(check(&[(0, 0)]), Err(IndexFault::OutOfOrder { slot: 0 }), "zeros");
    assert_eq!(check(&[(3, 101), (0, 0)]), Err(IndexFault::OutOfOrder { slot: 1 }), "zeros at the end");
    assert_eq!(check(&[(0, 101)]), Err(IndexFault::OutOfOrder { slot: 0 }), "record 0 starts at byte 0");
    assert_eq!(check(&[(3, 100)]), Err(IndexFault::OutOfOrder { slot: 0 }), "too near to the start");
    assert_eq!(check(&[(3, 101), (3, 202)]), Err(IndexFault::OutOfOrder { slot: 1 }), "an offset twice");
    assert_eq!(check(&[(3, 101), (5, 201)]), Err(IndexFault::OutOfOrder { slot: 1 }), "too near to each other");
    assert_eq!(check(&[(5, 202), (3, 101)]), Err(IndexFault::OutOfOrder { slot: 1 }), "descending");
    let beyond = Err(IndexFault::BeyondLog { position: 1000, log_bytes });
    assert_eq!(check(&[(3, 101), (9, 1000)]), beyond, "at the log's end");
    assert_eq!(check(&[(3, u32::MAX), (9, 1000)]), Err(IndexFault::OutOfOrder { slot: 1 }));
}

/// The map is still as long as it was, and what was cut away from it must not be read.
#[test]
#[should_panic(expected = "slot 2 of 2")]
fn a_slot_that_was_cut_away_is_not_read_from_the_map() {
    let mut stored = StoredEntries::open(&*file_of(&[1; 32]), 4).unwrap();
    assert!(stored.is_mapped(), "a file of the operating system is mapped");
    stored.truncate(2);
    stored.get(2);
}

/// A file without bytes cannot be mapped, and is no error.
#[test]
fn an_empty_file_is_an_index_without_entries() {
    let stored = StoredEntries::open(&*file_of(&[]), 0).unwrap();
    assert!(stored.is_empty() && !stored.is_mapped());
}

/// Records in a row: how many bytes each of them takes.
fn frame_sizes() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(1..250u64, 0..120)
}

fn starts(sizes: &[u64]) -> Vec<Place> {
    let mut position = 0;
    let start = |(offset, size): (usize, &u64)| {
        let start = place(offset as u64, position);
        position += size;
        start
    };
    sizes.iter().enumerate().map(start).collect()
}

proptest! {
    /// Whatever lies in the file and whatever was added since: binary search finds what a walk over all entries finds.
    #[test]
    fn a_lookup_finds_what_a_linear_search_finds(sizes in frame_sizes(), stored in 0..120usize, target in 0..130u64) {
        let starts = starts(&sizes);
        let (stored, added) = starts.split_at(stored.min(starts.len()));
        let mut before = SparseIndex::new(Offset(0), INTERVAL);
        stored.iter().for_each(|&place| before.push(place));
        let index = index_from_file(&before, added);

        let linear = places(&index).into_iter().take_while(|place| place.offset.0 <= target).last();
        prop_assert_eq!(index.lookup(Offset(target)), linear.unwrap_or_default());
    }

    /// Half from the file and half added, or all added: the same records have entries (I5).
    #[test]
    fn an_index_does_not_depend_on_when_it_was_opened(sizes in frame_sizes(), stored in 0..120usize) {
        let starts = starts(&sizes);
        let mut at_once = SparseIndex::new(Offset(0), INTERVAL);
        starts.iter().for_each(|&place| at_once.push(place));
        let (stored, added) = starts.split_at(stored.min(starts.len()));
        let mut before = SparseIndex::new(Offset(0), INTERVAL);
        stored.iter().for_each(|&place| before.push(place));
        let in_two = index_from_file(&before, added);
        prop_assert_eq!(in_two.encode_from(0), at_once.encode_from(0));
    }

    /// A cut index, followed by the same records again, is the index that was never cut.
    #[test]
    fn a_cut_forgets_exactly_the_records_behind_it(sizes in frame_sizes(), stored in 0..120usize, from in 0..130usize) {
        let starts = starts(&sizes);
        let from = from.min(starts.len());
        let (front, added) = starts.split_at(stored.min(starts.len()));
        let mut before = SparseIndex::new(Offset(0), INTERVAL);
        front.iter().for_each(|&place| before.push(place));
        let mut index = index_from_file(&before, added);
        let uncut = index.encode_from(0);

        index.truncate(Offset(from as u64));
        let mut kept = SparseIndex::new(Offset(0), INTERVAL);
        starts[..from].iter().for_each(|&place| kept.push(place));
        prop_assert_eq!(index.encode_from(0), kept.encode_from(0));
        starts[from..].iter().for_each(|&place| index.push(place));
        prop_assert_eq!(index.encode_from(0), uncut);
    }

    /// What an index says of itself passes its own check; so does every whole piece of its beginning.
    #[test]
    fn every_index_of_a_log_passes_the_check(sizes in frame_sizes()) {
        let mut index = SparseIndex::new(Offset(0), INTERVAL);
        starts(&sizes).into_iter().for_each(|place| index.push(place));
        prop_assert_eq!(index.check(sizes.iter().sum()), Ok(()));
    }
}
