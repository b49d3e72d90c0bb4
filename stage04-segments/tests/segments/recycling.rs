//! Files of old segments that become those of new ones.

use lab::sim::{Event, SimDisk};
use stage04::{JsonSegments, Log, Offset, Preparation, Reader, Record, Scan, SegmentOptions, SegmentedLog};

use super::{append_to, numbered, open, scan_all, small, strays};

fn recycling(preparation: Preparation) -> SegmentOptions {
    SegmentOptions { preparation, recycle: true, ..small() }
}

/// Appends up to `count` records and keeps the last ten or so.
fn append_and_delete(mut log: SegmentedLog<JsonSegments>, count: u64) -> SegmentedLog<JsonSegments> {
    for end in (log.next_offset().0 + 1)..=count {
        log = append_to(log, end);
        log.delete_before(Offset(end.saturating_sub(10))).expect("old segments go");
    }
    log
}

/// How often a file got another name of this kind.
fn renames(sim: &SimDisk, from: &str, to: &str) -> usize {
    let is_one =
        |event: &&Event| matches!(event, Event::Rename { from: f, to: t } if f.ends_with(from) && t.ends_with(to));
    sim.trace().events().iter().filter(is_one).count()
}

fn removed_logs(sim: &SimDisk) -> usize {
    let is_one = |event: &&Event| matches!(event, Event::Remove { name } if name.ends_with(".log"));
    sim.trace().events().iter().filter(is_one).count()
}

/// A log that deletes as much as it appends lives in the same few files.
#[test]
fn a_segment_that_is_given_up_becomes_the_next_one() {
    for preparation in [Preparation::AtRoll, Preparation::InBackground] {
        let sim = SimDisk::new();
        let log = append_and_delete(open(&sim, recycling(preparation)), 100);
        let (spares, removed) = (renames(&sim, ".log", "spare"), removed_logs(&sim));
        let next = if preparation == Preparation::AtRoll { ".log.new" } else { "prepared" };
        let used = renames(&sim, "spare", next);
        assert!(spares > 5 && spares - used <= 1, "{preparation:?}: {spares} spare files, {used} used");
        // Small ones, and those beside a spare file that waits.
        assert!(removed < spares, "{preparation:?}: {removed} segments were removed, {spares} were not");
        let start = log.reader().start().0;
        assert_eq!(scan_all(&log.reader()), numbered(start..100), "{preparation:?}");
        drop(log);
        assert_eq!(strays(&sim), [""; 0], "{preparation:?}");
        assert_eq!(scan_all(&open(&sim, small()).reader()), numbered(start..100), "{preparation:?}");
    }
}

/// Nothing is recycled that nobody has asked for, and nothing where no zeros are written.
#[test]
fn without_the_option_or_without_zeros_segments_are_removed() {
    for options in [
        SegmentOptions { recycle: false, ..recycling(Preparation::AtRoll) },
        SegmentOptions { preparation: Preparation::None, ..recycling(Preparation::AtRoll) },
    ] {
        let sim = SimDisk::new();
        drop(append_and_delete(open(&sim, options), 60));
        assert_eq!(renames(&sim, "", "spare"), 0, "{options:?}");
        assert!(removed_logs(&sim) > 3, "{options:?}");
    }
}

/// A snapshot of the time in which a segment was the newest, one in which it was sealed, and a segment's reader that has
/// outlived the snapshot it came from: each reads its segment to the end, however many come and go meanwhile (S5).
#[test]
fn a_reader_never_sees_a_segment_change() {
    let sim = SimDisk::new();
    let log = append_to(open(&sim, recycling(Preparation::AtRoll)), 5);
    let newest = log.reader().scan(Offset(0)).unwrap();
    let log = append_to(log, 25);
    let sealed = log.reader().scan(Offset(7)).unwrap();
    let loose = log.reader().segments_from(Offset(15)).unwrap().next().unwrap().unwrap();
    let loose = loose.reader.scan(Offset(15)).unwrap();

    let log = append_and_delete(log, 100);
    assert!(log.reader().start() > Offset(25), "all of them are deleted");
    assert_eq!(rest(newest), numbered(0..5));
    assert_eq!(rest(sealed), numbered(7..25));
    assert_eq!(rest(loose), numbered(15..20));
}

fn rest(mut scan: impl Scan) -> Vec<(u64, Record<'static>)> {
    let mut found = Vec::new();
    while let Some(entry) = scan.next().expect("the scan goes on") {
        found.push((entry.offset.0, entry.record.into_owned()));
    }
    found
}

/// Whoever finds the name of a new segment finds zeros alone, in each byte that a power cut may leave.
#[test]
fn the_zeros_over_an_old_segment_are_durable_before_it_is_a_new_one() {
    let sim = SimDisk::new();
    drop(append_and_delete(open(&sim, recycling(Preparation::AtRoll)), 60));
    let trace = sim.trace();
    let mut replay = trace.replay();
    let mut checked = 0;
    for (point, event) in trace.events().iter().enumerate() {
        replay.advance_to(point + 1);
        if let Event::Rename { to, .. } = event
            && to.ends_with(".log")
        {
            // The name is not durable yet; what it will stand for is.
            let disk = replay.killed(0);
            disk.disk().sync_directory().unwrap();
            let durable = disk.durable(to).expect("the name is durable now");
            assert_eq!(durable.len(), 400, "{to}");
            assert!(durable.iter().all(|byte| *byte == 0), "{to} is {}", String::from_utf8_lossy(&durable));
            checked += 1;
        }
    }
    assert!(checked > 10 && renames(&sim, "spare", ".log.new") > 5, "{checked} segments");
}

/// A log that was killed at any point of giving up, recycling and rolling opens with what it has to have, and without
/// a spare file.
#[test]
fn an_interrupted_recycling_leaves_a_whole_log() {
    let sim = SimDisk::new();
    drop(append_and_delete(open(&sim, recycling(Preparation::AtRoll)), 40));
    let trace = sim.trace();
    let mut seen = 0;
    for point in trace.points() {
        let killed = trace.kill_at(point, 0);
        seen += usize::from(killed.names().contains(&"spare".to_string()));
        let log = open(&killed, recycling(Preparation::AtRoll));
        let reader = log.reader();
        assert_eq!(scan_all(&reader), numbered(reader.start().0..log.next_offset().0), "killed at {point}");
        assert_eq!(strays(&killed), [""; 0], "killed at {point}");
    }
    assert!(seen > 5, "a spare file was there at {seen} points");
}
