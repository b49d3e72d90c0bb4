//! Opening: which checkpoint, which part of the log, and when there is nothing to be had but an error.

use crate::common::{History, Write, checkpoints, content, durable, open, put, segments, try_open};
use lab::sim::SimDisk;
use stage05::{Error, Offset};

fn write(number: u64) -> Write {
    durable(vec![put(&format!("key {}", number % 5), &format!("value {number}"))])
}

/// A store with `writes` writes and a checkpoint behind each of those in `checkpoints_after`.
fn store_with(writes: u64, checkpoints_after: &[u64]) -> (SimDisk, History) {
    let sim = SimDisk::new();
    let store = open(&sim);
    let mut history = History::new();
    for number in 1..=writes {
        history.write(&store, &write(number));
        if checkpoints_after.contains(&number) {
            store.checkpoint().unwrap();
        }
    }
    store.close().unwrap();
    (sim, history)
}

/// The files whose names `keep` likes, on a new disk.
fn only(sim: &SimDisk, keep: impl Fn(&str) -> bool) -> SimDisk {
    let names = sim.names().into_iter().filter(|name| keep(name));
    let files: Vec<_> = names.map(|name| (name.clone(), sim.cached(&name).unwrap())).collect();
    SimDisk::with_files(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// Both disks' files on one. Where a name is on both, the second's counts.
fn merged(first: &SimDisk, second: &SimDisk) -> SimDisk {
    let files =
        |sim: &SimDisk| sim.names().into_iter().map(|n| (n.clone(), sim.cached(&n).unwrap())).collect::<Vec<_>>();
    let mut all: std::collections::BTreeMap<_, _> = files(first).into_iter().collect();
    all.extend(files(second));
    SimDisk::with_files(all.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// Recovery is the newest checkpoint, and the records behind it and no others.
#[test]
fn a_store_opens_with_its_checkpoint_and_the_log_behind_it() {
    for (checkpoints, checkpoint) in [(&[][..], 0), (&[8], 8), (&[3, 8], 8), (&[20], 20)] {
        let (sim, history) = store_with(20, checkpoints);
        let store = open(&sim);
        assert_eq!(store.replayed().checkpoint, Offset(checkpoint), "checkpoints after {checkpoints:?}");
        assert_eq!(store.replayed().records, 20 - checkpoint, "checkpoints after {checkpoints:?}");
        assert!(store.replayed().damaged.is_empty());
        assert_eq!(content(&store), *history.now(), "checkpoints after {checkpoints:?}");
    }
}

/// After a checkpoint, what it stands for is gone: older checkpoints, leftovers, and the log in front of it.
#[test]
fn a_checkpoint_takes_the_place_of_all_that_was_before() {
    let (sim, _) = store_with(20, &[3, 12]);
    let long = segments(&store_with(20, &[]).0).len();
    assert_eq!(checkpoints(&sim), ["checkpoint-00000000000000000012"]);
    let short = segments(&sim).len();
    assert!(short < long, "{short} segments after a checkpoint, {long} without");

    // What crashes left, of this offset and of another, is in nobody's way.
    for leftover in ["checkpoint-00000000000000000012.new", "checkpoint-00000000000000000020.new"] {
        sim.disk_with(leftover);
    }
    let store = open(&sim);
    store.checkpoint().unwrap();
    assert_eq!(checkpoints(&sim), ["checkpoint-00000000000000000020"]);
    assert_eq!(segments(&sim).len(), 1);
    // A checkpoint of the same offset replaces itself.
    store.checkpoint().unwrap();
    assert_eq!(checkpoints(&sim), ["checkpoint-00000000000000000020"]);
}

trait DiskWith {
    fn disk_with(&self, name: &str);
}

impl DiskWith for SimDisk {
    /// Puts a file of garbage there.
    fn disk_with(&self, name: &str) {
        self.disk().create(name).unwrap().write_at(b"half a checkpoint", 0).unwrap();
    }
}

/// The newest checkpoint is damaged, the one before it is still there, and so is the log from that one on: a crash
/// between the rename of a checkpoint and the removal of its predecessor, and then a bad sector.
#[test]
fn a_damaged_checkpoint_is_passed_over_if_an_older_one_and_the_log_make_up_for_it() {
    let (old, _) = store_with(20, &[8]);
    let (new, history) = store_with(20, &[8, 16]);
    let damaged = only(&new, |name| name.starts_with("checkpoint-"));
    damaged.flip_bit("checkpoint-00000000000000000016", 8 * 50);
    let both = merged(&old, &damaged);
    let store = open(&both);
    assert_eq!((store.replayed().checkpoint, store.replayed().records), (Offset(8), 12));
    assert!(matches!(&store.replayed().damaged[..], [Error::Damaged { .. }]));
    assert_eq!(content(&store), *history.now());
    // The next checkpoint clears it away.
    store.checkpoint().unwrap();
    assert_eq!(checkpoints(&both), ["checkpoint-00000000000000000020"]);

    // The same, but the log begins behind the older one: that is an earlier state, and the error is the newest's.
    let old_checkpoint = only(&old, |name| name.starts_with("checkpoint-"));
    let without_log = merged(&merged(&new, &damaged), &old_checkpoint);
    match try_open(&without_log.disk()).map(|store| content(&store)) {
        Err(Error::Damaged { path, .. }) => assert!(path.ends_with("checkpoint-00000000000000000016")),
        other => panic!("an earlier state is no state: {other:?}"),
    }
}

/// A checkpoint that is gone, when the log in front of it is given up.
#[test]
fn a_missing_checkpoint_is_an_error_once_the_log_is_given_up() {
    let (sim, _) = store_with(20, &[12]);
    let start = segments(&sim)[0].clone();
    let without = only(&sim, |name| !name.starts_with("checkpoint-"));
    let start: u64 = start.trim_end_matches(".log").parse().unwrap();
    match try_open(&without.disk()).map(|store| content(&store)) {
        Err(Error::Gap { expected: Offset(0), found, .. }) => assert_eq!(found, Offset(start)),
        other => panic!("a log without its checkpoint: {other:?}"),
    }
    // An older one is no help.
    let (old, _) = store_with(20, &[3]);
    let with_older = merged(&without, &only(&old, |name| name.starts_with("checkpoint-")));
    match try_open(&with_older.disk()).map(|store| content(&store)) {
        Err(Error::Gap { expected: Offset(3), found, .. }) => assert_eq!(found, Offset(start)),
        other => panic!("a log that begins behind its checkpoint: {other:?}"),
    }
}

/// A log that ends in front of the checkpoint has lost records. It would give their offsets to others, and the store
/// would take the next write for one that the checkpoint holds.
#[test]
fn a_log_that_ends_in_front_of_the_checkpoint_is_an_error() {
    let (sim, _) = store_with(20, &[12]);
    let (short, _) = store_with(5, &[]);
    let checkpoint = only(&sim, |name| name.starts_with("checkpoint-"));
    for (log, end) in [(&SimDisk::new(), 0), (&short, 5)] {
        match try_open(&merged(log, &checkpoint).disk()).map(|store| content(&store)) {
            Err(Error::Gap { path, expected, found }) => {
                assert!(path.ends_with("checkpoint-00000000000000000012"), "{}", path.display());
                assert_eq!((expected, found), (Offset(end), Offset(12)));
            }
            other => panic!("a log of {end} records, a checkpoint of 12: {other:?}"),
        }
    }
}

/// A log of something else is not a store's: the error says which record is no batch, and where it is.
#[test]
fn a_record_that_is_no_batch_is_an_error() {
    use stage05::framed::Framed;
    use stage05::{Log, Record, SegmentOptions, SegmentedLog};
    let (sim, _) = store_with(2, &[]);
    let mut log = SegmentedLog::open(&sim.disk(), Framed::default(), SegmentOptions::default()).unwrap();
    log.append_durable(&Record::new(0, &b"some text"[..])).unwrap();
    drop(log);
    let error = try_open(&sim.disk()).map(|store| content(&store)).expect_err("a record of text");
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("record 2 is a batch of version 115"), "{error}");
}
