//! The end of a log cut off.

use lab::records::{FIRST_TIMESTAMP_MS, record, records};
use lab::sim::{Event, Lens, Sampling, SimDisk};
use stage04::{CompactOptions, Error, JsonSegments, Log, Offset, Reader, Record, Scan, SegmentedLog, Visibility};

use super::{append_to, open, small};

const COUNT: u64 = 20;

fn log_of(sim: &SimDisk, count: u64) -> SegmentedLog<JsonSegments> {
    append_to(open(sim, small()), count)
}

fn other(offset: Offset) -> Record<'static> {
    Record::new(FIRST_TIMESTAMP_MS + offset.0, format!("another record at {offset}").into_bytes())
}

/// All records, which have to follow each other.
fn all(log: &SegmentedLog<JsonSegments>) -> Vec<Record<'static>> {
    let reader = log.reader().with_visibility(Visibility::Written);
    let (mut scan, mut found, mut next) = (reader.scan(reader.start()).unwrap(), Vec::new(), reader.start());
    while let Some(entry) = scan.next().unwrap() {
        assert_eq!(entry.offset, next);
        next = next.next();
        found.push(entry.record.into_owned());
    }
    assert_eq!(next, log.next_offset());
    found
}

#[test]
fn a_log_can_be_cut_at_every_record_and_goes_on_there() {
    for end in 0..=COUNT + 2 {
        let sim = SimDisk::new();
        let mut log = log_of(&sim, COUNT);
        let left = end.min(COUNT);
        assert_eq!(log.truncate(Offset(end)).unwrap(), Offset(left));
        for offset in left..left + 5 {
            assert_eq!(log.append_durable(&other(Offset(offset))).unwrap(), Offset(offset));
        }
        let expected = [records(Offset(0), left), (left..left + 5).map(Offset).map(other).collect()].concat();
        assert_eq!(all(&log), expected, "cut at {end}");
        drop(log);
        assert_eq!(all(&open(&sim, small())), expected, "cut at {end} and opened again");
    }
}

/// The number in the last remark in front of `point`.
fn remark(events: &[Event]) -> u64 {
    let note = |event: &Event| match event {
        Event::Note(note) => note.parse().ok(),
        _ => None,
    };
    events.iter().rev().find_map(note).unwrap_or(0)
}

/// Whatever of a truncation reaches the disk: the log that opens is a part of the old one that reaches to the cut, or all
/// of it; once the truncation is done, it ends there.
#[test]
fn a_power_cut_in_a_truncation_leaves_a_part_that_reaches_to_the_cut() {
    for end in [0, 1, 7, COUNT - 1] {
        let sim = SimDisk::new();
        let mut log = log_of(&sim, COUNT);
        let begun = sim.trace().events().len();
        log.truncate(Offset(end)).unwrap();
        sim.note("1");
        let done = sim.trace().events().len();
        log.append(&[other(Offset(end))]).unwrap();
        let trace = sim.trace();
        for lens in [Lens::PowerCut, Lens::TornWrite] {
            let states = trace.crash_states(lens, Sampling { states_max: 16, seed: 1 });
            // A torn append is beyond this stage, and not what this is about.
            let point_max = if lens == Lens::TornWrite { done } else { usize::MAX };
            for state in states.filter(|state| (begun..=point_max).contains(&state.point)) {
                let (is_done, log) = (remark(&trace.events()[..state.point]) == 1, open(&state.disk, small()));
                let left = log.next_offset().0;
                let place = format!("cut at {end}, {lens:?} at point {}, {:?}", state.point, state.choice);
                let mut expected = records(Offset(0), left.min(COUNT));
                if is_done {
                    assert!((end..=end + 1).contains(&left), "{place}: {left} records");
                    expected.truncate(end as usize);
                    expected.extend((end..left).map(Offset).map(other));
                }
                assert!(left >= end, "{place}: {left} records");
                assert_eq!(all(&log), expected, "{place}");
            }
        }
    }
}

/// A time index that was left behind by a removed segment would be believed by the next one of that name.
#[test]
fn the_time_index_of_what_was_cut_is_gone_for_good() {
    let sim = SimDisk::new();
    let mut log = log_of(&sim, COUNT);
    let indexes = |names: Vec<String>| names.iter().filter(|name| name.ends_with("index")).count();
    assert!(indexes(sim.names()) > 6, "{:?}", sim.names());
    log.truncate(Offset(1)).unwrap();
    let durable: Vec<String> = sim.names().into_iter().filter(|name| sim.durable(name).is_some()).collect();
    assert_eq!(indexes(durable), 0);
    let trace = sim.trace();
    let last = trace.crash_states(Lens::TornWrite, Sampling { states_max: 1000, seed: 1 });
    for state in last.filter(|state| state.point == trace.events().len()) {
        assert!(indexes(state.disk.names()) <= 1, "{:?}", state.disk.names());
    }
}

/// Whoever reads through an older snapshot finds what was there; whoever begins to read now, what is there now.
#[test]
fn a_scan_that_has_begun_does_not_notice_a_truncation() {
    let sim = SimDisk::new();
    let mut log = log_of(&sim, COUNT);
    let reader = log.reader();
    let mut scan = reader.scan(Offset(3)).unwrap();
    scan.next().unwrap();
    log.truncate(Offset(1)).unwrap();
    for offset in 1..15 {
        log.append_durable(&other(Offset(offset))).unwrap();
    }
    for offset in 4..COUNT {
        assert_eq!(scan.next().unwrap().unwrap().record, record(Offset(offset)));
    }
    assert!(scan.next().unwrap().is_none());
    assert_eq!(reader.read(Offset(3)).unwrap(), Some(other(Offset(3))));
    for offset in 1..15 {
        let time = FIRST_TIMESTAMP_MS + offset;
        assert_eq!(reader.offset_for_time(time).unwrap(), Some(Offset(offset)), "at {time}");
    }
}

/// A rewritten segment is packed, and cannot be written on.
#[test]
fn a_rewritten_segment_is_not_cut() {
    let sim = SimDisk::new();
    let mut log = log_of(&sim, COUNT);
    log.roll().unwrap();
    log.maintenance().compact(FIRST_TIMESTAMP_MS, &CompactOptions::default()).unwrap();
    let error = log.truncate(Offset(3)).unwrap_err();
    let Error::Io { cause, path, .. } = &error else { panic!("{error}") };
    assert_eq!(cause.kind(), std::io::ErrorKind::Unsupported);
    assert!(path.to_string_lossy().ends_with(".packed"), "{error}");
    log.append_durable(&record(Offset(COUNT))).unwrap();
    assert_eq!(log.truncate(Offset(COUNT)).unwrap(), Offset(COUNT));
}

/// A log that begins anew elsewhere has nothing of the old one, whenever the power goes.
#[test]
fn a_log_starts_again_at_another_record() {
    let sim = SimDisk::new();
    let mut log = log_of(&sim, COUNT);
    let begun = sim.trace().events().len();
    log.start_again(Offset(100)).unwrap();
    sim.note("1");
    let done = sim.trace().events().len();
    log.append_durable(&other(Offset(100))).unwrap();
    assert_eq!((log.reader().start(), log.reader().end()), (Offset(100), Offset(101)));
    let trace = sim.trace();
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        let states = trace.crash_states(lens, Sampling { states_max: 16, seed: 1 });
        let point_max = if lens == Lens::TornWrite { done } else { usize::MAX };
        for state in states.filter(|state| (begun..=point_max).contains(&state.point)) {
            let (is_done, log) = (remark(&trace.events()[..state.point]) == 1, open(&state.disk, small()));
            let (start, end) = (log.reader().start().0, log.next_offset().0);
            let place = format!("{lens:?} at point {}, {:?}: {start}..{end}", state.point, state.choice);
            assert!(start == 100 || (start == 0 && !is_done), "{place}");
            let old = records(Offset(start), if start == 0 { end } else { 0 });
            let new = (start..end).filter(|_| start == 100).map(Offset).map(other).collect();
            assert_eq!(all(&log), [old, new].concat(), "{place}");
        }
    }
}

#[test]
fn what_a_truncation_leaves_is_durable_also_if_there_was_nothing_to_cut() {
    let sim = SimDisk::new();
    let mut log = log_of(&sim, COUNT);
    log.append(&[other(Offset(COUNT))]).unwrap();
    assert_eq!(log.reader().end(), Offset(COUNT), "the last record is not durable yet");
    assert_eq!(log.truncate(Offset(COUNT + 1)).unwrap(), Offset(COUNT + 1));
    assert_eq!(log.reader().end(), Offset(COUNT + 1));
}
