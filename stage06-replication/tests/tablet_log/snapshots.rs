//! What a log knows of its producers by its snapshots is what all of its batches say.

use lab::sim::SimDisk;
use stage06::batch::Batch;
use stage06::ids::LeaderEpoch;
use stage06::replica_log::ReplicaLog;
use stage06::tablet_log::TabletLog;
use stage06::tablet_log::snapshots::{SNAPSHOT_SUFFIX, Snapshot};
use stage06::{Error, Offset, Result};

use super::batches::{batch, batches, counted, open};

/// Appends a segment's fill of batches `times` times, each in a segment of its own.
pub(super) fn fill(log: &mut TabletLog, times: u64, epoch: u32) {
    log.producers().unwrap();
    for salt in 0..times {
        log.append(&counted(batches(log.end(), 3, epoch, salt))).unwrap();
    }
    log.sync().unwrap();
}

/// A closed log of so many segments.
pub(super) fn filled(segments: u64) -> SimDisk {
    let sim = SimDisk::new();
    fill(&mut open(&sim.disk()).unwrap(), segments, 1);
    sim
}

pub(super) type Files = Vec<(String, Vec<u8>)>;

pub(super) fn files(sim: &SimDisk) -> Files {
    sim.names().into_iter().map(|name| (name.clone(), sim.cached(&name).expect("a file that is there"))).collect()
}

pub(super) fn disk_with(files: &Files) -> SimDisk {
    SimDisk::with_files(files.iter().map(|(name, bytes)| (name.as_str(), &**bytes)))
}

pub(super) fn snapshots(sim: &SimDisk) -> Files {
    files(sim).into_iter().filter(|(name, _)| name.ends_with(SNAPSHOT_SUFFIX)).collect()
}

/// Looks at the producers of a log that is opened for that, and returns how many bytes are read. They are those that all
/// of its batches tell of.
pub(super) fn check_opened(sim: &SimDisk) -> u64 {
    let mut log = open(&sim.disk()).unwrap();
    let before = sim.bytes_read();
    let known = log.producers().unwrap();
    let bytes = sim.bytes_read() - before;
    assert_eq!(known, log.reader().producers().unwrap());
    bytes
}

/// Turns a bit around in each batch of the segments but the newest `left`.
fn damage(sim: &SimDisk, left: usize) {
    let names: Vec<String> = sim.names().into_iter().filter(|name| name.ends_with(".log")).collect();
    for name in &names[..names.len() - left] {
        // Behind the segment's header and the frame's, in the first body.
        sim.flip_bit(name, (4096 + 56 + 20) * 8);
    }
}

#[test]
fn however_long_the_log_is_its_last_segment_is_read() {
    let (short, long) = (check_opened(&filled(16)), check_opened(&filled(64)));
    // Some offsets have a digit more.
    assert!(long < short + 100, "{short} bytes of a short log, {long} of a long one");
}

#[test]
fn what_lies_in_front_of_the_last_segment_is_not_even_looked_at() {
    let sim = filled(8);
    let expected = open(&sim.disk()).unwrap().producers().unwrap();
    damage(&sim, 1);
    let mut log = open(&sim.disk()).unwrap();
    assert_eq!(log.producers().unwrap(), expected);
    let read: Result<_> = log.reader().producers();
    assert!(matches!(read, Err(Error::BadFrame { .. })), "{read:?}");
}

#[test]
fn a_log_without_snapshots_is_read_as_a_whole() {
    let sim = filled(8);
    let mut files = files(&sim);
    files.retain(|(name, _)| !name.ends_with(SNAPSHOT_SUFFIX));
    let bytes = check_opened(&disk_with(&files));
    assert!(bytes > 4 * check_opened(&sim), "{bytes} bytes");
}

#[test]
fn three_are_kept_and_none_of_what_was_cut() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    fill(&mut log, 8, 1);
    let ends = |sim: &SimDisk| -> Vec<u64> {
        snapshots(sim).iter().map(|(_, bytes)| Snapshot::decode(bytes).expect("a whole one").end.0).collect()
    };
    // Six records in each segment.
    assert_eq!(ends(&sim), [30, 36, 42]);
    log.truncate(Offset(31)).unwrap();
    fill(&mut log, 1, 2);
    assert_eq!(ends(&sim), [30, 31]);
    fill(&mut log, 1, 2);
    assert_eq!(ends(&sim), [30, 31, 37]);
    // One in the place of another, which was about batches that were cut.
    log.truncate(Offset(25)).unwrap();
    log.append(&[batch(Offset(25), 5, 3, 0)]).unwrap();
    fill(&mut log, 1, 3);
    assert_eq!(ends(&sim), [30]);
    let newest = Snapshot::decode(&snapshots(&sim)[0].1).expect("a whole one");
    assert_eq!((newest.start, newest.epoch), (Offset(0), LeaderEpoch(3)));
    drop(log);
    check_opened(&sim);
}

/// The snapshots of what was cut are all still there, as if nobody had removed them or a crash had brought them back.
#[test]
fn what_is_written_in_the_place_of_what_was_cut_is_not_taken_for_it() {
    for kept in 0..8 {
        let sim = SimDisk::new();
        let mut log = open(&sim.disk()).unwrap();
        fill(&mut log, 8, 1);
        let stale = snapshots(&sim);
        log.truncate(Offset(kept * 6)).unwrap();
        // At once, so that they are in one segment, and that no new snapshot takes the place of an old one.
        log.append(&counted(batches(log.end(), 30, 2, 7))).unwrap();
        log.sync().unwrap();
        drop(log);
        let mut files = files(&sim);
        files.retain(|(name, _)| !name.ends_with(SNAPSHOT_SUFFIX));
        files.extend(stale);
        check_opened(&disk_with(&files));
    }
}

/// A follower begins again where the leader's log begins. Before it is done it loses its log once more, and begins at 0
/// with another leader, who has everything. Its batches are those that the snapshot tells of, and those in front of them.
#[test]
fn a_log_that_begins_further_in_front_has_more_than_the_snapshot_knows() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    log.producers().unwrap();
    let leader = counted(batches(Offset(0), 21, 1, 1));
    log.start_again(leader[12].base_offset).unwrap();
    leader[12..].chunks(3).for_each(|some| log.append(some).unwrap());
    assert_eq!(snapshots(&sim).len(), 2);
    log.start_again(Offset(0)).unwrap();
    log.append(&leader).unwrap();
    log.sync().unwrap();
    assert_eq!(log.producers().unwrap(), log.reader().producers().unwrap());
    drop(log);
    assert_eq!(snapshots(&sim).len(), 2, "the old ones are still there");
    check_opened(&sim);
}

#[test]
fn whose_batches_were_given_up_is_not_known_any_more() {
    let sim = filled(8);
    let with_front = check_opened(&sim);
    let mut log = open(&sim.disk()).unwrap();
    let known = log.producers().unwrap();
    assert!(log.delete_before(Offset(20)).unwrap() > Offset(0));
    let left = log.producers().unwrap();
    assert_eq!(left, log.reader().producers().unwrap());
    assert_eq!((known.len(), left.len()), (5, 4), "one has written at the beginning alone");
    drop(log);
    // By a snapshot that was written when the front was there.
    assert_eq!(check_opened(&sim), with_front);
}

#[test]
fn what_another_thread_gives_up_is_not_known_any_more() {
    let sim = filled(8);
    let mut log = open(&sim.disk()).unwrap();
    assert_eq!(log.producers().unwrap().len(), 5);
    log.maintenance().delete_before(Offset(20)).unwrap();
    log.append(&counted(batches(log.end(), 3, 1, 9))).unwrap();
    log.append(&counted(batches(log.end(), 3, 1, 9))).unwrap();
    let newest = snapshots(&sim).pop().expect("a snapshot").1;
    let newest = Snapshot::decode(&newest).expect("a whole one");
    assert_eq!((newest.start, newest.producers.len()), (log.start(), 4), "as it is, and not as it was");
    log.maintenance().delete_before(Offset(30)).unwrap();
    assert_eq!(log.producers().unwrap(), log.reader().producers().unwrap());
    log.sync().unwrap();
    drop(log);
    check_opened(&sim);
}

/// Whoever has not asked reads nothing, writes nothing, and may ask later.
#[test]
fn who_does_not_ask_has_no_snapshots() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    let written: Vec<Batch> = counted(batches(Offset(0), 24, 1, 1));
    written.chunks(3).for_each(|some| log.append(some).unwrap());
    assert_eq!(snapshots(&sim), []);
    assert_eq!(log.producers().unwrap(), log.reader().producers().unwrap());
}
