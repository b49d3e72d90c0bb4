//! The time index: what a lookup promises, and which files are believed.

use std::sync::Arc;

use lab::random::Random;
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use proptest::prelude::*;
use stage04::{Access, Offset, Part, SealedTimeIndex, SegmentName, Site, TimeIndex, TimeIndexFault, TimeIndexFile};

const ENTRY_BYTES: usize = 16;
const INTERVAL: u64 = 100;
const RECORD_BYTES_MAX: u64 = 60;
const SEGMENT: SegmentName = SegmentName { base: Offset(5000), rewritten_end: None };

/// A record as the time index sees it.
#[derive(Clone, Copy, Debug)]
struct Noted {
    offset: Offset,
    position: u64,
    timestamp_ms: u64,
}

/// Records of different sizes, whose timestamps rise on the whole and jump back and forth.
fn records(seed: u64, count: u64) -> Vec<Noted> {
    let mut random = Random::new(seed);
    let mut position = 0;
    (0..count)
        .map(|i| {
            let timestamp_ms = 1000 + i * 3 + random.below(40);
            let noted = Noted { offset: SEGMENT.base.plus(i), position, timestamp_ms };
            position += 1 + random.below(RECORD_BYTES_MAX);
            noted
        })
        .collect()
}

fn note(index: &mut TimeIndex, records: &[Noted]) {
    records.iter().for_each(|r| index.note(r.offset, r.position, r.timestamp_ms));
}

fn index_of(records: &[Noted]) -> TimeIndex {
    let mut index = TimeIndex::new(SEGMENT.base, INTERVAL);
    note(&mut index, records);
    index
}

/// Notes again what an index has forgotten.
fn catch_up(index: &mut TimeIndex, records: &[Noted]) {
    let from = (index.next_offset().0 - SEGMENT.base.0) as usize;
    note(index, &records[from..]);
}

fn name() -> String {
    SEGMENT.file(Part::TimeIndex)
}

fn site(sim: &SimDisk) -> Site {
    Site { disk: sim.disk(), index_interval_bytes: 4096, access: Access::Write }
}

fn disk_with(bytes: &[u8]) -> SimDisk {
    SimDisk::with_files([(&*name(), bytes)])
}

fn read_sealed(bytes: &[u8], end: Offset) -> Result<SealedTimeIndex, TimeIndexFault> {
    SealedTimeIndex::read(&site(&disk_with(bytes)), &SEGMENT, end)
}

fn read_newest(bytes: &[u8]) -> TimeIndex {
    TimeIndexFile::read(&site(&disk_with(bytes)), &SEGMENT, INTERVAL)
}

/// A sealed index of 60 records: its bytes and the segment's end.
fn sealed_bytes() -> (Vec<u8>, Offset) {
    let index = index_of(&records(1, 60));
    assert!(index.len() > 5, "{index:?}");
    (index.seal().encode_from(0), index.next_offset())
}

/// All that is older lies in front of where a lookup says, and what is looked for is at most an interval away.
fn assert_looks_up(lookup: impl Fn(u64) -> Offset, records: &[Noted], last_entry_is_last_record: bool) {
    for timestamp_ms in (900..1400).chain([0, u64::MAX]) {
        let start = lookup(timestamp_ms);
        let found = records.iter().find(|r| r.timestamp_ms >= timestamp_ms);
        let context = format!("{timestamp_ms} ms: starts at {start}, the first record is {found:?}");
        assert!(start >= SEGMENT.base, "{context}");
        match found {
            Some(found) => {
                assert!(start <= found.offset, "passes over it: {context}");
                let start = records.iter().find(|r| r.offset == start).expect("a record of the segment");
                let scanned = found.position - start.position;
                assert!(scanned <= INTERVAL + RECORD_BYTES_MAX, "{scanned} bytes to scan: {context}");
            }
            None if last_entry_is_last_record => {
                assert_eq!(start, SEGMENT.base.plus(records.len() as u64), "all are older: {context}");
            }
            None => {}
        }
    }
}

proptest! {
    /// A lookup never passes over the record, and never leaves more than an interval to be scanned.
    #[test]
    fn a_lookup_is_right_and_close(seed in any::<u64>(), count in 0u64..120) {
        let records = records(seed, count);
        let index = index_of(&records);
        assert_looks_up(|t| index.lookup(t), &records, false);
        let largest = records.iter().map(|r| r.timestamp_ms).max().unwrap_or(0);
        prop_assert_eq!(index.largest_timestamp_ms(), largest);
        prop_assert_eq!(index.next_offset(), SEGMENT.base.plus(count));

        let sealed = index.seal();
        assert_looks_up(|t| sealed.lookup(t), &records, true);
        prop_assert_eq!(sealed.largest_timestamp_ms(), largest);
        let read = read_sealed(&sealed.encode_from(0), SEGMENT.base.plus(count));
        prop_assert_eq!(read, Ok(sealed));
    }

    /// An index that was cut, and one that was read from a part of its file, become what they would have been.
    #[test]
    fn what_is_noted_again_makes_the_same_index(
        seed in any::<u64>(), count in 1u64..120, cut in any::<prop::sample::Index>(), bytes in 0usize..400,
    ) {
        let records = records(seed, count);
        let index = index_of(&records);

        let kept = &records[..cut.index(records.len())];
        let mut cut_index = index.clone();
        cut_index.truncate(SEGMENT.base.plus(kept.len() as u64));
        prop_assert!(cut_index.next_offset() <= SEGMENT.base.plus(kept.len() as u64));
        catch_up(&mut cut_index, kept);
        prop_assert_eq!(&cut_index, &index_of(kept));

        let file = index.encode_from(0);
        let mut read = read_newest(&file[..bytes.min(file.len())]);
        prop_assert_eq!(read.len(), bytes.min(file.len()) / ENTRY_BYTES);
        catch_up(&mut read, &records);
        prop_assert_eq!(&read, &index);
    }
}

/// The bytes of the chapter: timestamp, relative offset, checksum; then the seal.
#[test]
fn an_entry_is_sixteen_bytes_little_endian() {
    let mut index = TimeIndex::new(Offset(7), INTERVAL);
    index.note(Offset(7), 0, 0x0908);
    index.note(Offset(8), 101, 0x0102);
    let sealed = index.seal().encode_from(0);
    assert_eq!(sealed.len(), 2 * ENTRY_BYTES);
    assert_eq!(sealed[..12], [8, 9, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], "the largest so far, up to the second record");
    assert_eq!(sealed[16..28], [8, 9, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255], "the seal");
    let summed = [&7u64.to_le_bytes()[..], &1u32.to_le_bytes(), &sealed[16..28]].concat();
    assert_eq!(sealed[28..], crc32fast::hash(&summed).to_le_bytes());
    assert_eq!(index.encode_from(0), sealed[..16]);
}

/// A record that was noted before changes nothing: a scan may begin too early.
#[test]
fn a_record_counts_once() {
    let records = records(4, 50);
    let mut index = index_of(&records);
    for again in [&records[20..21], &records[49..], &records] {
        note(&mut index, again);
        assert_eq!(index, index_of(&records), "{again:?}");
    }
}

/// A cut behind the last record of an entry leaves the entry, and a cut in front of that record takes it along.
#[test]
fn a_cut_takes_the_entries_that_know_of_more() {
    let mut index = TimeIndex::new(Offset(0), INTERVAL);
    for (offset, position) in [(0, 0), (1, 101), (2, 202), (3, 303), (4, 404), (5, 405)] {
        index.note(Offset(offset), position, 7);
    }
    for (from, len, next) in [(9, 2, 6), (6, 2, 6), (5, 2, 4), (4, 2, 4), (3, 1, 2), (2, 1, 2), (1, 0, 0), (0, 0, 0)] {
        let mut cut = index.clone();
        cut.truncate(Offset(from));
        assert_eq!((cut.len(), cut.next_offset()), (len, Offset(next)), "records 1 and 3 have entries; cut at {from}");
    }
}

/// Offsets that 32 bits cannot count get no entry, and the one that stands for the seal neither.
#[test]
fn beyond_32_bits_there_are_no_entries() {
    let mut index = TimeIndex::new(Offset(0), INTERVAL);
    let limit = u64::from(u32::MAX);
    for (offset, position) in [(0, 0), (limit - 1, 101), (limit, 202), (limit + 1, 1000), (limit * 2, u64::MAX)] {
        index.note(Offset(offset), position, 10);
    }
    assert_eq!(index.len(), 1);
    assert_eq!(index.lookup(11), Offset(limit));
    let mut no_seal = TimeIndex::new(Offset(0), INTERVAL);
    no_seal.note(Offset(0), 0, 10);
    no_seal.note(Offset(limit), 101, 10);
    assert!(no_seal.is_empty(), "an entry for record {limit} would be taken for the seal");
    // The seal would claim to know all records, and the entries do not reach that far.
    assert_eq!(
        read_of(Offset(0), &index.seal().encode_from(0), Offset(limit * 2 + 1)),
        Err(TimeIndexFault::OtherEnd { found: Offset(limit), end: Offset(limit * 2 + 1) })
    );
}

fn read_of(base: Offset, bytes: &[u8], end: Offset) -> Result<SealedTimeIndex, TimeIndexFault> {
    let segment = SegmentName::new(base);
    let sim = SimDisk::with_files([(&*segment.file(Part::TimeIndex), bytes)]);
    SealedTimeIndex::read(&site(&sim), &segment, end)
}

/// The largest offsets there are do not overflow.
#[test]
fn the_last_offset_of_all_does_no_harm() {
    let base = Offset(u64::MAX - 1);
    let mut index = TimeIndex::new(base, INTERVAL);
    index.note(base, 0, 1);
    index.note(Offset(u64::MAX), 500, 2);
    let bytes = index.seal().encode_from(0);
    let sealed = read_of(base, &bytes, Offset(u64::MAX)).unwrap();
    assert_eq!(sealed.lookup(9), Offset(u64::MAX));
}

/// Whatever bit it is, the index of a sealed segment is not believed, and that of the newest one up to there (T2).
#[test]
fn each_flipped_bit_is_noticed() {
    let (bytes, end) = sealed_bytes();
    assert!(read_sealed(&bytes, end).is_ok());
    let whole = read_newest(&bytes);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let slot = bit / 8 / ENTRY_BYTES;
        assert_eq!(read_sealed(&flipped, end), Err(TimeIndexFault::BadEntry { slot }), "bit {bit}");
        let prefix = read_newest(&flipped);
        assert_eq!(prefix.encode_from(0), whole.encode_from(0)[..slot * ENTRY_BYTES], "bit {bit}");
    }
}

/// A sealed file is whole or it is none.
#[test]
fn a_sealed_file_that_was_cut_is_refused_wherever_it_was_cut() {
    let (bytes, end) = sealed_bytes();
    for length in 0..bytes.len() {
        let expected = match length % ENTRY_BYTES {
            0 => TimeIndexFault::Unsealed,
            _ => TimeIndexFault::BadEntry { slot: length / ENTRY_BYTES },
        };
        assert_eq!(read_sealed(&bytes[..length], end), Err(expected), "{length} of {} bytes", bytes.len());
    }
}

/// Without the seal, the last entries may be missing as well, and the largest timestamp with them.
#[test]
fn a_sealed_file_without_its_seal_is_refused() {
    let (bytes, end) = sealed_bytes();
    let unsealed = &bytes[..bytes.len() - ENTRY_BYTES];
    assert_eq!(read_sealed(unsealed, end), Err(TimeIndexFault::Unsealed));
    assert_eq!(read_newest(unsealed).next_offset(), end, "the last record has an entry");
}

/// KAFKA-10207: a crash leaves zeros where the entries were, and they say that all records are from 1970.
#[test]
fn zeros_are_no_entries() {
    let (bytes, end) = sealed_bytes();
    let slots = bytes.len() / ENTRY_BYTES;
    for kept in 0..slots {
        let mut zeroed = bytes.clone();
        zeroed[kept * ENTRY_BYTES..].fill(0);
        assert_eq!(read_sealed(&zeroed, end), Err(TimeIndexFault::BadEntry { slot: kept }));
        assert_eq!(read_newest(&zeroed).len(), kept.min(slots - 1));
    }
    for padding in [1, 15, 16, 4096, 100_000] {
        let padded = [&bytes[..], &vec![0; padding]].concat();
        assert_eq!(read_sealed(&padded, end), Err(TimeIndexFault::BadEntry { slot: slots }), "{padding} zeros");
    }
    let sim = SimDisk::new();
    sim.disk().create(&name()).unwrap().truncate(1 << 50).unwrap();
    let sealed = SealedTimeIndex::read(&site(&sim), &SEGMENT, end);
    assert_eq!(sealed, Err(TimeIndexFault::BadEntry { slot: 0 }), "a hole costs no memory");
}

/// An entry is right in its own place only: not in another slot, and not in another segment.
#[test]
fn entries_in_other_places_are_refused() {
    let (bytes, end) = sealed_bytes();
    let without_first = &bytes[ENTRY_BYTES..];
    assert_eq!(read_sealed(without_first, end), Err(TimeIndexFault::BadEntry { slot: 0 }));
    assert!(read_newest(without_first).is_empty());
    let other = Offset(SEGMENT.base.0 + 1);
    assert_eq!(read_of(other, &bytes, end.next()), Err(TimeIndexFault::BadEntry { slot: 0 }));
}

/// Entries whose checksums are right, but in no order that a log could give, are refused.
#[test]
fn entries_out_of_order_are_refused() {
    let entry = |slot: u32, timestamp_ms: u64, relative_offset: u32| {
        let fields = [&timestamp_ms.to_le_bytes()[..], &relative_offset.to_le_bytes()].concat();
        let sum = crc32fast::hash(&[&SEGMENT.base.0.to_le_bytes()[..], &slot.to_le_bytes(), &fields].concat());
        [&fields[..], &sum.to_le_bytes()].concat()
    };
    let seal = u32::MAX;
    let end = SEGMENT.base.plus(10);
    let right = [entry(0, 50, 4), entry(1, 50, 9), entry(2, 60, seal)].concat();
    assert_eq!(read_sealed(&right, end).unwrap().largest_timestamp_ms(), 60);
    let wrong = [
        (1, [entry(0, 50, 4), entry(1, 49, 9), entry(2, 60, seal)].concat()),
        (1, [entry(0, 50, 4), entry(1, 51, 4), entry(2, 60, seal)].concat()),
        (2, [entry(0, 50, 4), entry(1, 50, 9), entry(2, 40, seal)].concat()),
        (3, [entry(0, 50, 4), entry(1, 50, 9), entry(2, 60, seal), entry(3, 60, seal)].concat()),
    ];
    for (slot, bytes) in wrong {
        assert_eq!(read_sealed(&bytes, end), Err(TimeIndexFault::BadEntry { slot }));
    }
}

/// An index of another end belongs to another segment. Only a rewritten segment may have lost its last records.
#[test]
fn an_index_that_ends_elsewhere_is_refused() {
    let (bytes, end) = sealed_bytes();
    for other in [end.next(), Offset(end.0 - 1)] {
        assert_eq!(read_sealed(&bytes, other), Err(TimeIndexFault::OtherEnd { found: end, end: other }));
    }
    let rewritten = SegmentName::rewritten(SEGMENT.base, end.plus(5));
    let sim = SimDisk::with_files([(&*rewritten.file(Part::TimeIndex), &*bytes)]);
    assert!(SealedTimeIndex::read(&site(&sim), &rewritten, end.plus(5)).is_ok());
    assert!(SealedTimeIndex::read(&site(&sim), &rewritten, Offset(end.0 - 1)).is_err());
}

/// A segment without a file has an empty index, which asks for the whole log; a sealed one is told what is missing.
#[test]
fn no_file_is_no_error() {
    let site = site(&SimDisk::new());
    assert_eq!(TimeIndexFile::read(&site, &SEGMENT, INTERVAL), TimeIndex::new(SEGMENT.base, INTERVAL));
    assert_eq!(TimeIndexFile::open(&site, &SEGMENT, INTERVAL).1, TimeIndex::new(SEGMENT.base, INTERVAL));
    assert_eq!(SealedTimeIndex::read(&site, &SEGMENT, Offset(9)), Err(TimeIndexFault::Missing));
}

/// The file has at each save what the index has, and at the end the seal.
#[test]
fn a_file_grows_with_its_index() {
    let records = records(8, 80);
    let sim = SimDisk::new();
    let mut file = TimeIndexFile::new(&site(&sim), &SEGMENT);
    let mut index = index_of(&[]);
    for record in &records {
        note(&mut index, &[*record]);
        file.save(&index);
        assert_eq!(sim.cached(&name()).unwrap(), index.encode_from(0), "at {record:?}");
    }
    file.seal(&index.seal());
    let sealed = SealedTimeIndex::read(&site(&sim), &SEGMENT, index.next_offset());
    assert_eq!(sealed, Ok(index.seal()));
    assert_eq!(sim.names(), [name()], "nothing is left under another name");
}

/// A file is kept when it is good, and given up for a new one when anything follows what holds (T3).
#[test]
fn what_follows_the_entries_that_hold_is_never_written_over() {
    let records = records(8, 80);
    let part = index_of(&records[..40]);
    let good = part.encode_from(0);
    let damaged = [&good[..], &[0; 16]].concat();
    for (bytes, is_kept) in [(good, true), (damaged, false), (part.seal().encode_from(0), false)] {
        let sim = disk_with(&bytes);
        let old = sim.disk().open(&name(), Access::Read).unwrap();
        let (mut file, mut index) = TimeIndexFile::open(&site(&sim), &SEGMENT, INTERVAL);
        catch_up(&mut index, &records);
        file.save(&index);
        assert_eq!(sim.cached(&name()).unwrap(), index.encode_from(0));
        let mut now = vec![0; 1000];
        let length = old.read_at(&mut now, 0).unwrap();
        assert_eq!(now[..bytes.len()], bytes, "the old file changed");
        assert_eq!(length > bytes.len(), is_kept, "{length} bytes");
    }
}

/// After a cut the file is new, and no power cut brings the old one back (T4).
#[test]
fn a_removal_is_durable_before_the_cut() {
    let records = records(8, 80);
    let sim = disk_with(&index_of(&records).encode_from(0));
    let (mut file, mut index) = TimeIndexFile::open(&site(&sim), &SEGMENT, INTERVAL);
    file.remove().unwrap();
    assert_eq!(sim.durable(&name()), None);
    index.truncate(SEGMENT.base.plus(30));
    catch_up(&mut index, &records[..30]);
    file.save(&index);
    assert_eq!(sim.cached(&name()).unwrap(), index_of(&records[..30]).encode_from(0));

    for operation in [Operation::Remove, Operation::SyncDirectory] {
        sim.inject(Fault::fail(operation, Which::Every, Errno::Io));
        assert!(file.remove().is_err(), "{operation:?}");
        sim.clear_faults();
    }
}

/// Whatever operation fails, the file is short or missing, and what it says is true (T1).
#[test]
fn a_failing_disk_costs_no_more_than_the_file() {
    let records = records(8, 80);
    let operations = [Operation::Create, Operation::Write, Operation::Rename, Operation::Open, Operation::Remove];
    for operation in operations {
        for which in [Which::Every, Which::Nth(1), Which::Nth(2), Which::Nth(3)] {
            let sim = SimDisk::new();
            sim.inject(Fault::fail(operation, which, Errno::NoSpace));
            let mut file = TimeIndexFile::new(&site(&sim), &SEGMENT);
            let mut index = index_of(&[]);
            for record in &records {
                note(&mut index, &[*record]);
                file.save(&index);
            }
            file.seal(&index.seal());
            sim.clear_faults();
            let mut read = TimeIndexFile::read(&site(&sim), &SEGMENT, INTERVAL);
            catch_up(&mut read, &records);
            assert_eq!(read.seal(), index.seal(), "{operation:?} {which:?}");
            if let Ok(sealed) = SealedTimeIndex::read(&site(&sim), &SEGMENT, index.next_offset()) {
                assert_eq!(sealed, index.seal(), "{operation:?} {which:?}");
            }
        }
    }
}

/// An index made from the log takes the place of one that is no good, and of a leftover of the making.
#[test]
fn a_sealed_index_can_be_made_again() {
    let (bytes, end) = sealed_bytes();
    let sealed = read_sealed(&bytes, end).unwrap();
    let sim = disk_with(b"nothing of ours");
    sim.disk().create(&format!("{}.new", name())).unwrap().write_at(&[1; 2000], 0).unwrap();
    sealed.write(&site(&sim), &SEGMENT);
    assert_eq!(SealedTimeIndex::read(&site(&sim), &SEGMENT, end), Ok(sealed));
    assert_eq!(sim.names(), [name()]);
}

/// A reader and a sealed index open a file that nobody may write to, and change nothing.
#[test]
fn reading_changes_nothing() {
    let (bytes, end) = sealed_bytes();
    let metered = lab::meter::MeteredDisk::new(disk_with(&bytes).disk());
    let site = Site {
        disk: Arc::clone(&metered) as Arc<dyn stage04::Disk>,
        index_interval_bytes: 4096,
        access: Access::Write,
    };
    SealedTimeIndex::read(&site, &SEGMENT, end).unwrap();
    TimeIndexFile::read(&site, &SEGMENT, INTERVAL);
    assert_eq!(metered.changes(), 0);
}
