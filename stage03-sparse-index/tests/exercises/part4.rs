//! Part 4: a reader that catches a lie, and a cut that leaves none behind.

use std::sync::{Arc, Mutex};
use std::thread;

use lab::records::{record, record_of, records};
use lab::sim::{Errno, Event, Fault, Lens, Operation, Sampling, SimDisk, Which};
use stage03::{Access, Disk, Error, IndexOrigin, IndexedLog, Log, Offset, Reader, Record, Scan, Visibility};

use crate::common::*;
use crate::watched::{Meeting, WatchedDisk};
use crate::{index_events, log_and_index};

const RECORDS: u64 = 60;

/// The slot that lies in these tests.
const SLOT: usize = 7;

/// A disk with a log and an index whose entry in `SLOT` was changed, and the offset in the right entry.
fn disk_with_a_lie(lie: impl FnOnce((u32, u32)) -> (u32, u32)) -> (SimDisk, Offset) {
    let (log, index) = log_and_index(RECORDS);
    let mut all = entries(&index);
    let offset = all[SLOT].0;
    all[SLOT] = lie(all[SLOT]);
    (disk_with(&log, &index_file(&all)), Offset(offset.into()))
}

/// Overwrites the log where `slot` of its right index points, from outside.
fn damage(sim: &SimDisk, slot: usize) {
    let position = entries(&log_and_index(RECORDS).1)[slot].1;
    let file = sim.disk().open(LOG, Access::Write).unwrap();
    file.write_at(b"XXXX", position.into()).unwrap();
}

/// The log of `sim`, opened on a disk that tells of every call.
fn open_watched(sim: &SimDisk) -> (Arc<WatchedDisk>, IndexedLog) {
    let watched = Arc::new(WatchedDisk::new(sim.disk()));
    let disk: Arc<dyn Disk> = Arc::clone(&watched) as _;
    (watched, open(&disk))
}

/// The index has the entries of a log of `count` records, and still has when the log goes on.
fn assert_index_is_right(sim: &SimDisk, log: &mut IndexedLog, count: u64, context: &str) {
    assert_eq!(log.next_offset(), Offset(count), "{context}: the next record's offset");
    assert_eq!(log.index_report().entries, log_and_index(count).1.len() / 8, "{context}: entries in memory");
    append(log, 20);
    let right = log_and_index(count + 20).1;
    assert_eq!(
        entries(&sim.cached(INDEX).unwrap()),
        entries(&right),
        "{context}, and 20 records later: the index file"
    );
    assert_reads_right(&log.reader(), count + 20, &context);
}

/// Every record can be read alone and in a scan, and behind the end there is none. The records with entries are the
/// edge: they are what the index lands on, and what is to be returned.
#[test]
fn s03p4_every_record_is_found_by_the_index() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    append(&mut log, 120);
    assert_reads_right(&log.reader(), 120, &"the log as it was written");
    assert_reads_right(&log.reader().with_visibility(Visibility::Written), 120, &"written records");
    drop(log);
    assert_reads_right(&open(&sim.disk()).reader(), 120, &"opened again");
    let reader = open_reader(&sim.disk());
    assert_reads_right(&reader, 120, &"opened for reading alone");
    assert_eq!(reader.index_report().rebuilds, 0, "a true index is not rebuilt");
}

/// One record costs one small piece of the log, wherever it is. This is the promise of the stage, and it is counted in
/// bytes read, not in time.
#[test]
fn s03p4_a_read_costs_a_piece_of_the_log_and_not_the_log() {
    let (log, index) = log_and_index(2000);
    let sim = disk_with(&log, &index);
    let reader = open_reader(&sim.disk());
    for offset in (0..2000).step_by(17).map(Offset) {
        let before = sim.bytes_read();
        assert_eq!(reader.read(offset).unwrap(), Some(record(offset)), "record {offset}");
        let read = sim.bytes_read() - before;
        assert!(read <= 4096, "{read} bytes were read for record {offset}, in a log of {} bytes", log.len());
    }
}

/// A durable reader's end may lie at a record that has an entry already, because the record is written and not synced.
/// The reader does not see that record and cannot check its entry: it is no lie, and no reason to rebuild.
#[test]
fn s03p4_an_entry_behind_a_readers_end_is_no_lie() {
    for (end, _) in entries(&log_and_index(40).1) {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk());
        append(&mut log, end.into());
        log.append(&records(Offset(end.into()), 20)).unwrap();
        assert_reads_right(&log.reader(), end.into(), &format!("{end} of {} records are durable", end + 20));
        assert_eq!(log.index_report().rebuilds, 0, "rebuilds, with {end} durable records");
    }
}

/// An entry may point into the middle of a record, or name another record than the one that is there. The read that uses
/// it finds out, returns the right record all the same, and rebuilds the index once, for everybody.
#[test]
fn s03p4_a_read_that_meets_a_lie_answers_right_and_mends_the_index() {
    let lies = [(0, 1), (0, -1), (1, 0), (-1, 0), (0, 9), (-1, -1)];
    for (number, (records, bytes)) in lies.into_iter().enumerate() {
        let (sim, lied_about) = disk_with_a_lie(|(offset, position)| {
            (offset.wrapping_add_signed(records), position.wrapping_add_signed(bytes))
        });
        let log = open(&sim.disk());
        assert_eq!(log.index_report().origin, IndexOrigin::Loaded, "lie {number}: opening has no reason to doubt");
        assert_eq!(log.reader().read(Offset(0)).unwrap(), Some(record(Offset(0))), "lie {number}");
        assert_eq!(log.index_report().rebuilds, 0, "lie {number}: record 0 is found without that entry");
        let other_reader = log.reader();
        for offset in [lied_about, lied_about.next()] {
            assert_eq!(log.reader().read(offset).unwrap(), Some(record(offset)), "lie {number}: record {offset}");
        }
        assert_reads_right(&other_reader, RECORDS, &format!("lie {number}, mended"));
        assert_eq!(log.index_report().rebuilds, 1, "lie {number}: one rebuild is enough");
        assert_eq!(log.index_report().entries, log_and_index(RECORDS).1.len() / 8, "lie {number}, mended");
    }
}

/// A reader mends the index in memory and writes nothing. The writer sees at its next sync that the file was made from
/// another index, and puts a new file in its place; the old one is not touched.
#[test]
fn s03p4_the_writer_saves_a_mended_index_at_its_next_sync() {
    let (sim, lied_about) = disk_with_a_lie(|(offset, position)| (offset, position + 1));
    let lying = sim.cached(INDEX).unwrap();
    let mut log = open(&sim.disk());
    assert_eq!(log.reader().read(lied_about).unwrap(), Some(record(lied_about)));
    assert_eq!(sim.cached(INDEX).unwrap(), lying, "a reader writes nothing");
    append(&mut log, 10);
    let right = log_and_index(RECORDS + 10).1;
    assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&right), "the index file after the writer's next sync");
    let in_place = index_events(&sim).into_iter().filter(|event| event.starts_with("write log.index at"));
    for event in in_place {
        assert!(!event.starts_with("write log.index at 0,"), "I2: the old file is not changed: {event}");
    }
    drop(log);
    assert_eq!(open(&sim.disk()).index_report().origin, IndexOrigin::Loaded, "opened again");
}

/// A reader that rebuilds the index reads the records that it sees. The entries of records behind those are the writer's,
/// and must not get lost; in the end the index has the same bytes as one that was never rebuilt (I5).
#[test]
fn s03p4_a_rebuild_keeps_the_entries_of_records_that_the_reader_does_not_see() {
    let (sim, lied_about) = disk_with_a_lie(|(offset, position)| (offset, position + 1));
    let mut log = open(&sim.disk());
    log.append(&records(Offset(RECORDS), 40)).unwrap();
    let durable = log.reader();
    assert_eq!(durable.read(lied_about).unwrap(), Some(record(lied_about)));
    let report = log.index_report();
    let right = log_and_index(RECORDS + 40).1;
    let expected = (1, right.len() / 8);
    assert_eq!((report.rebuilds, report.entries), expected, "rebuilds and entries; {RECORDS} records are durable");
    log.sync().unwrap();
    assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&right), "the index file after the sync");
}

/// The edge of that: the first record that the reader does not see has an entry, and it is the writer's too.
#[test]
fn s03p4_a_rebuild_keeps_the_entry_of_the_first_record_that_the_reader_does_not_see() {
    let right = entries(&log_and_index(40).1);
    for &(end, _) in &right[3..] {
        let (log, index) = log_and_index(end.into());
        let mut lying = entries(&index);
        lying[1].1 += 1;
        let sim = disk_with(&log, &index_file(&lying));
        let mut log = open(&sim.disk());
        let lied_about = Offset(lying[1].0.into());
        log.append(&records(Offset(end.into()), 40 - u64::from(end))).unwrap();
        assert_eq!(log.reader().read(lied_about).unwrap(), Some(record(lied_about)), "{end} records are durable");
        log.sync().unwrap();
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), right, "rebuilt when {end} records were durable, then synced");
    }
}

/// The log is damaged where a true entry points. The index cannot be rebuilt from such a log, and the error is the log's
/// own; records in front of the damage and behind the next entry are still read.
#[test]
fn s03p4_a_damaged_log_is_not_blamed_on_its_index() {
    let (log, index) = log_and_index(RECORDS);
    let sim = disk_with(&log, &index);
    let opened = open(&sim.disk());
    damage(&sim, SLOT);
    let (offset, position) = entries(&index)[SLOT];
    let (reader, offset) = (opened.reader(), Offset(offset.into()));
    for _ in 0..2 {
        let error = reader.read(offset).expect_err("a damaged record");
        let Error::BadFrame { position: at, expected, .. } = error else { panic!("a bad frame, and not: {error}") };
        assert_eq!((at, expected), (position.into(), offset), "where the damage is, and which record it was");
    }
    for intact in [Offset(0), Offset(offset.0 - 1), Offset(RECORDS - 1)] {
        assert_eq!(reader.read(intact).unwrap(), Some(record(intact)), "record {intact}, with {offset} damaged");
    }
    assert_eq!(opened.index_report().rebuilds, 0, "rebuilds from a damaged log");
}

/// An entry lies, and the log is damaged behind it. No index can be built, so the read does without one: a scan from the
/// start reaches everything in front of the damage. A wrong index makes reading slower and never makes it wrong.
#[test]
fn s03p4_a_lie_in_front_of_damage_hides_no_record() {
    let (sim, lied_about) = disk_with_a_lie(|(offset, position)| (offset, position + 1));
    let log = open(&sim.disk());
    damage(&sim, SLOT + 4);
    assert_eq!(log.reader().read(lied_about).unwrap(), Some(record(lied_about)), "record {lied_about}");
    assert_eq!(log.index_report().rebuilds, 0, "rebuilds from a damaged log");
}

/// A disk that cannot be read says nothing about the index. The error goes to whoever reads, and nothing is rebuilt.
#[test]
fn s03p4_a_read_that_fails_is_no_lie_of_the_index() {
    let (log, index) = log_and_index(RECORDS);
    let sim = disk_with(&log, &index);
    let opened = open(&sim.disk());
    sim.inject(Fault::fail(Operation::Read, Which::Nth(1), Errno::Io).of_file(LOG));
    let error = opened.reader().read(Offset(RECORDS / 2)).expect_err("a read that fails");
    assert!(matches!(error, Error::Io { .. }), "an error of the disk, and not: {error}");
    assert_eq!(opened.index_report().rebuilds, 0, "rebuilds after a failed read");
    assert_reads_right(&opened.reader(), RECORDS, &"the disk works again");
}

/// The mended index cannot be written (I3). The old file must not get the new entries instead: it stays as it was, lies,
/// and is found out again when the log is opened next.
#[test]
fn s03p4_an_index_file_that_cannot_be_replaced_is_left_alone() {
    for operation in [Operation::Create, Operation::Write, Operation::Rename] {
        let (sim, lied_about) = disk_with_a_lie(|(offset, position)| (offset, position + 1));
        let lying = sim.cached(INDEX).unwrap();
        let mut log = open(&sim.disk());
        assert_eq!(log.reader().read(lied_about).unwrap(), Some(record(lied_about)), "record {lied_about}");
        sim.inject(Fault::fail(operation, Which::Every, Errno::NoSpace).of_file(NEW_INDEX));
        append(&mut log, 20);
        assert_reads_right(&log.reader(), RECORDS + 20, &format!("{operation:?} fails"));
        assert!(sim.cached(INDEX).unwrap() == lying, "{operation:?} fails: the old file was changed");
        drop(log);
        sim.clear_faults();
        let mut log = open(&sim.disk());
        assert_reads_right(&log.reader(), RECORDS + 20, &format!("{operation:?} failed, opened again"));
        log.sync().unwrap();
        let right = log_and_index(RECORDS + 20).1;
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&right), "{operation:?} failed, opened again, synced");
    }
}

/// A log that was cut is the log that never went further: the same records, the same two files, and durable. If the log
/// ends at the cut or in front of it, the disk is not touched.
#[test]
fn s03p4_a_cut_log_is_the_log_that_never_went_further() {
    for from in 0..=42 {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk());
        append(&mut log, 30);
        log.append(&records(Offset(30), 10)).unwrap();
        let events = sim.trace().events().len();
        log.truncate(Offset(from)).unwrap();
        if from >= 40 {
            let done: Vec<String> = sim.trace().events()[events..].iter().map(ToString::to_string).collect();
            assert_eq!(
                done, [""; 0],
                "what a cut at {from} did to the disk, in a log that ends at 40 and has nothing to cut"
            );
            continue;
        }
        let (log_bytes, index) = log_and_index(from);
        assert_eq!(log.next_offset(), Offset(from), "cut at {from}: the next record's offset");
        assert!(sim.cached(LOG).unwrap() == log_bytes, "cut at {from}: the log's file is not that of {from} records");
        assert!(sim.durable(LOG).unwrap() == log_bytes, "cut at {from}: the cut is not durable");
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&index), "cut at {from}: the index file");
        assert_reads_right(&log.reader(), from, &format!("cut at {from}"));
        append(&mut log, 10);
        assert_reads_right(&log.reader(), from + 10, &format!("cut at {from}, appended"));
        assert_eq!(log.index_report().rebuilds, 0, "cut at {from}: the index holds no stale entry");
        let right = log_and_index(from + 10).1;
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&right), "cut at {from}, appended: the index file");
    }
}

/// The order of a cut: what stays is synced before the new index file names it, and the index file gives up its entries
/// before the log gives up the records. At no moment does the file run ahead of the durable log (I1).
#[test]
fn s03p4_a_cut_takes_the_index_first() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    append(&mut log, 20);
    log.append(&records(Offset(20), 20)).unwrap();
    log.truncate(Offset(30)).unwrap();
    let (mut log_bytes, mut durable_bytes, mut named, mut new_named) = (0, 0, 0, 0);
    for event in sim.trace().events() {
        match event {
            Event::Write { name, position, bytes, .. } if **name == *LOG => log_bytes = position + bytes.len() as u64,
            Event::Truncate { name, length, .. } => {
                assert!(**name == *LOG, "I2: an index file is never cut: {event}");
                assert!(named < *length, "I1: the log is cut to {length} bytes, and the index names byte {named}");
                log_bytes = *length;
            }
            Event::SyncData { name, .. } if **name == *LOG => durable_bytes = log_bytes,
            Event::Create { .. } => new_named = 0,
            Event::Rename { .. } => named = new_named,
            Event::Write { name, bytes, .. } => {
                let last = entries(bytes).last().map_or(0, |entry| u64::from(entry.1));
                assert!(last <= durable_bytes, "I1: byte {last} is named, and {durable_bytes} are durable: {event}");
                *(if **name == *INDEX { &mut named } else { &mut new_named }) = last;
            }
            _ => {}
        }
    }
    assert!(sim.names() == [INDEX, LOG] && named > 0, "an index was written");
}

/// A record of the first life of a log, or of the second: after a cut at record 9, the second life's records say the same
/// offsets and other things. Two of them have other lengths too, so that stale entries point to places that are wrong.
fn record_of_life(life: u64, offset: u64) -> Record<'static> {
    let bytes = match (life, offset) {
        (2, 9) => 207,
        (2, 10) => 193,
        _ => 200,
    };
    Record { timestamp_ms: life * 1_000_000_000_000, ..record_of(Offset(offset), bytes) }
}

/// The log cannot be cut, and says so. The index has gone first and is too short, which is as good as new: every record
/// is there when the log is opened again, and the index is completed.
#[test]
fn s03p4_a_cut_that_fails_leaves_an_index_that_is_true() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    append(&mut log, 40);
    sim.inject(Fault::fail(Operation::Truncate, Which::Every, Errno::Io).of_file(LOG));
    log.truncate(Offset(10)).expect_err("the disk refuses to cut, and the log says so");
    drop(log);
    sim.clear_faults();
    let log = open(&sim.disk());
    assert_eq!(log.index_report().origin, IndexOrigin::Loaded, "an index that is too short is true");
    assert_reads_right(&log.reader(), 40, &"opened again after a cut that failed");
    let mut scan = log.reader().scan(Offset(38)).unwrap();
    assert_eq!(scan.next().unwrap().map(|entry| entry.offset), Some(Offset(38)));
}

/// Several readers hold the same lie in their hands at once, while the writer goes on. Each of them answers right, and the
/// index is rebuilt once: whoever had to wait looks again first.
#[test]
fn s03p4_readers_that_meet_a_lie_at_once_rebuild_the_index_once() {
    let (sim, lied_about) = disk_with_a_lie(|(offset, position)| (offset, position + 3));
    let position = entries(&sim.cached(INDEX).unwrap())[SLOT].1;
    let (meeting, watched) = (Meeting::of(4), WatchedDisk::new(sim.disk()));
    let landing = format!("read log.jsonl at {position}");
    watched.watch(move |call| {
        if call == landing {
            meeting.arrive();
        }
    });
    let disk: Arc<dyn Disk> = Arc::new(watched);
    let mut log = open(&disk);
    thread::scope(|scope| {
        for reader in (0..4).map(|_| log.reader()) {
            scope.spawn(move || {
                assert_eq!(reader.read(lied_about).unwrap(), Some(record(lied_about)), "record {lied_about}");
            });
        }
        append(&mut log, 20);
    });
    assert_eq!(log.index_report().rebuilds, 1, "rebuilds, after four readers have met one lie");
    log.sync().unwrap();
    let right = log_and_index(RECORDS + 20).1;
    assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&right), "no entry of the writer's is lost");
}

/// While a reader reads the log for a new index, a second one meets the same lie. It waits for the first and finds the
/// work done: one lie costs one rebuild.
#[test]
fn s03p4_a_reader_that_meets_a_lie_during_a_rebuild_waits_for_that() {
    let (sim, lied_about) = disk_with_a_lie(|(offset, position)| (offset, position + 1));
    let (disk, mut log) = open_watched(&sim);
    let second = log.reader();
    let meanwhile = disk.meanwhile("read log.jsonl at 0", move || {
        assert_eq!(
            second.read(lied_about).unwrap(),
            Some(record(lied_about)),
            "record {lied_about}, read by the second"
        );
    });
    assert_eq!(
        log.reader().read(lied_about).unwrap(),
        Some(record(lied_about)),
        "record {lied_about}, read by the first"
    );
    meanwhile.wait();
    assert_eq!(log.index_report().rebuilds, 1, "rebuilds, after two readers have met one lie");
    assert_index_is_right(&sim, &mut log, RECORDS, "two readers met one lie");
}

/// A reader has read the log for a new index, and hands it over while the log is being cut. The entries of what is cut
/// must not come back with it: they would point behind the log's end, or at records that are new.
#[test]
fn s03p4_a_rebuild_that_is_on_its_way_brings_nothing_back_that_is_cut() {
    let (sim, lied_about) = disk_with_a_lie(|(offset, position)| (offset, position + 1));
    let (disk, log) = open_watched(&sim);
    let from = entries(&log_and_index(RECORDS).1)[3].0.into();
    let (reader, log) = (log.reader(), Arc::new(Mutex::new(log)));
    let writer = Arc::clone(&log);
    let meanwhile =
        disk.meanwhile("read log.jsonl at 0", move || writer.lock().unwrap().truncate(Offset(from)).expect("a cut"));
    // The record may be there still, or be gone: both are right.
    let _ = reader.read(lied_about);
    meanwhile.wait();
    assert_index_is_right(&sim, &mut log.lock().unwrap(), from, &format!("cut at {from} during a rebuild"));
}

/// The other way round: a cut has begun, and a reader meets a lie. The records that are about to go are still in the log,
/// and their entries must not get into the new index. Rebuilds are kept out until the cut is over.
#[test]
fn s03p4_a_rebuild_that_comes_during_a_cut_brings_nothing_back() {
    let (sim, lied_about) = disk_with_a_lie(|(offset, position)| (offset, position + 1));
    let (disk, mut log) = open_watched(&sim);
    let from = entries(&log_and_index(RECORDS).1)[SLOT + 3].0.into();
    let reader = log.reader();
    let meanwhile = disk.meanwhile("rename log.index.new to log.index", move || {
        assert_eq!(reader.read(lied_about).unwrap(), Some(record(lied_about)), "record {lied_about}, during a cut");
    });
    log.truncate(Offset(from)).expect("a cut");
    meanwhile.wait();
    assert_index_is_right(&sim, &mut log, from, &format!("a reader met a lie while the log was cut at {from}"));
}

/// A rebuilt index takes over the entries from its end on, and not one before it. Here the old index's last entry lies,
/// because the log was cut right behind it, and points further than all that the reader has seen entries of.
#[test]
fn s03p4_a_rebuild_takes_no_entry_over_of_a_record_that_it_has_read() {
    let large = |offset| record_of(Offset(offset), 1000);
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    for offset in 0..12 {
        log.append_durable(&large(offset)).unwrap();
    }
    let mut lying = entries(&sim.cached(INDEX).unwrap());
    lying[SLOT].1 += INTERVAL as u32 + 1;
    let sim = disk_with(&sim.cached(LOG).unwrap(), &index_file(&lying));
    let mut log = open(&sim.disk());
    log.truncate(Offset(lying[SLOT + 1].0.into())).unwrap();
    let lied_about = Offset(lying[SLOT].0.into());
    for _ in 0..2 {
        assert_eq!(log.reader().read(lied_about).unwrap(), Some(large(lied_about.0)), "record {lied_about}");
        let report = log.index_report();
        assert_eq!((report.rebuilds, report.entries), (1, SLOT + 1), "rebuilds and entries, with the last entry a lie");
    }
}

/// Each bit of an index file is flipped in turn. Somebody notices, at open or by a read; no read is ever wrong.
#[test]
fn s03p4_no_flipped_bit_in_the_index_changes_what_a_read_returns() {
    let (log, index) = log_and_index(24);
    for bit in 0..index.len() * 8 {
        let mut lie = index.clone();
        lie[bit / 8] ^= 1 << (bit % 8);
        let sim = disk_with(&log, &lie);
        let mut opened = open(&sim.disk());
        let context = format!("bit {} of byte {} of the index is flipped", bit % 8, bit / 8);
        assert_reads_right(&opened.reader(), 24, &context);
        let report = opened.index_report();
        let noticed = (report.origin != IndexOrigin::Loaded) as u64 + report.rebuilds;
        assert_eq!(noticed, 1, "{context}: how often that was noticed; {report:?}");
        opened.sync().unwrap();
        assert_eq!(entries(&sim.cached(INDEX).unwrap()), entries(&index), "{context}: mended by the next sync");
    }
}

/// A log of 24 records is cut to 9 and grows to 30 again, and the power is cut at every point. During the cut the log
/// ends somewhere from 9 to 24; afterwards no old record comes back, and no acknowledged one is lost.
#[test]
fn s03p4_a_power_cut_around_a_cut_brings_nothing_back_and_loses_nothing() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk());
    for offset in 0..24 {
        log.append_durable(&record_of_life(1, offset)).unwrap();
    }
    let begun = sim.trace().events().len();
    log.truncate(Offset(9)).unwrap();
    let cut = sim.trace().events().len();
    sim.acknowledge(9);
    for offset in 9..30 {
        log.append_durable(&record_of_life(2, offset)).unwrap();
        sim.acknowledge(offset + 1);
    }
    for state in sim.trace().crash_states(Lens::PowerCut, Sampling { states_max: 20, seed: 3 }) {
        if state.point < begun {
            continue;
        }
        let context = format!("power cut at point {} of {begun}..{cut}.., {:?}", state.point, state.choice);
        let log = open(&state.disk.disk());
        let count = log.next_offset().0;
        let (life, least, most) = if state.point < cut { (1, 9, 24) } else { (2, state.acknowledged.max(9), 30) };
        assert!((least..=most).contains(&count), "{context}: {count} records, and not {least} to {most}");
        let reader = log.reader();
        for offset in 0..count {
            let expected = record_of_life(if offset < 9 { 1 } else { life }, offset);
            let read = reader.read(Offset(offset)).unwrap_or_else(|e| panic!("{context}: record {offset}: {e}"));
            assert_eq!(read, Some(expected), "{context}: record {offset}");
        }
    }
}
