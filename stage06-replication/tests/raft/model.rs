//! The consensus storage against a plain log in memory; with files that are not as they were written; and with a disk that
//! fails.

use lab::sim::{Errno, Fault, Operation as DiskOperation, SimDisk, Which};
use openraft::RaftLogReader;
use openraft::storage::{RaftLogStorage, RaftStateMachine};
use proptest::collection::vec;
use proptest::prelude::*;
use stage06::raft::LogStore;
use stage06::raft::log_store::WriteError;
use stage06::raft::operation::Operation;
use stage06::raft::snapshot_file::SNAPSHOT_NAME;
use stage06::raft::types::{Entry, LogId, Vote};
use stage06::raft::view::Misplaced;
use stage06::{Error, Framed, Log, Record, SegmentedLog};

use crate::common::{append, entry, fence, id, open_log, open_state, run, tiny};

/// What a test does to the log.
#[derive(Clone, Debug)]
enum Step {
    Append {
        entries: u64,
        new_term: bool,
    },
    Truncate {
        back: u64,
    },
    Purge {
        ahead: u64,
    },
    /// A snapshot of a later leader comes, which goes so far behind the end.
    PurgeBehindEnd {
        by: u64,
    },
    Vote,
    Commit {
        ahead: u64,
    },
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1..5_u64, any::<bool>()).prop_map(|(entries, new_term)| Step::Append { entries, new_term }),
        2 => (0..4_u64).prop_map(|back| Step::Truncate { back }),
        2 => (0..6_u64).prop_map(|ahead| Step::Purge { ahead }),
        1 => (0..3_u64).prop_map(|by| Step::PurgeBehindEnd { by }),
        2 => Just(Step::Vote),
        2 => (0..6_u64).prop_map(|ahead| Step::Commit { ahead }),
        2 => Just(Step::Reopen),
    ];
    vec(step, 1..60)
}

/// A log in a vector.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    entries: Vec<Entry>,
    purged: Option<LogId>,
    vote: Option<Vote>,
    committed: Option<LogId>,
}

impl Model {
    fn last(&self) -> Option<LogId> {
        self.entries.last().map(|entry| entry.log_id).or(self.purged)
    }

    fn next(&self) -> u64 {
        self.last().map_or(0, |last| last.index + 1)
    }

    fn of(log: &mut LogStore) -> Model {
        run(async {
            let state = log.get_log_state().await.unwrap();
            let entries = log.try_get_log_entries(..).await.unwrap();
            let (vote, committed) = (log.read_vote().await.unwrap(), log.read_committed().await.unwrap());
            let found = Model { entries, purged: state.last_purged_log_id, vote, committed };
            assert_eq!(state.last_log_id, found.last());
            found
        })
    }
}

/// The step, done to both.
fn take(step: &Step, sim: &SimDisk, mut log: LogStore, model: &mut Model, term: &mut u64) -> LogStore {
    match *step {
        Step::Append { entries, new_term } => {
            *term += u64::from(new_term);
            let new: Vec<Entry> = (model.next()..).take(entries as usize).map(|index| entry(*term, index)).collect();
            model.entries.extend(new.iter().cloned());
            run(append(&mut log, new)).unwrap();
        }
        Step::Truncate { back } => {
            let committed = model.committed.max(model.purged).map_or(0, |committed| committed.index + 1);
            let from = model.next().saturating_sub(back).max(committed);
            model.entries.retain(|entry| entry.log_id.index < from);
            run(log.truncate(id(*term, from))).unwrap();
            // What comes in the place of what was cut is of another leader.
            *term += 1;
        }
        Step::Purge { ahead } => {
            let Some(to) = model.entries.iter().map(|entry| entry.log_id).take(ahead as usize + 1).next_back() else {
                return log;
            };
            model.entries.retain(|entry| entry.log_id > to);
            model.purged = Some(to);
            run(log.purge(to)).unwrap();
        }
        Step::PurgeBehindEnd { by } => {
            *term += 1;
            let to = id(*term, model.next() + by);
            (model.entries, model.purged) = (Vec::new(), Some(to));
            run(log.purge(to)).unwrap();
        }
        Step::Vote => {
            *term += 1;
            model.vote = Some(Vote::new(*term, *term % 3));
            run(log.save_vote(&model.vote.unwrap())).unwrap();
        }
        Step::Commit { ahead } => {
            let committed = model.committed.max(model.purged);
            let behind = model.entries.iter().map(|entry| entry.log_id).filter(|id| Some(*id) > committed);
            let Some(to) = behind.take(ahead as usize + 1).last() else { return log };
            model.committed = Some(to);
            run(log.save_committed(Some(to))).unwrap();
        }
        Step::Reopen => {
            drop(log);
            return open_log(&sim.disk()).unwrap();
        }
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_log_is_what_a_log_in_memory_is(steps in steps()) {
        let sim = SimDisk::new();
        let (mut log, mut model, mut term) = (open_log(&sim.disk()).unwrap(), Model::default(), 1);
        for step in &steps {
            log = take(step, &sim, log, &mut model, &mut term);
            prop_assert_eq!(&Model::of(&mut log), &model, "after {:?}", step);
        }
        drop(log);
        prop_assert_eq!(&Model::of(&mut open_log(&sim.disk()).unwrap()), &model);
    }
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let sim = SimDisk::new();
    let mut log = open_log(&sim.disk()).unwrap();
    run(append(&mut log, (0..4).map(|index| entry(2, index)).collect())).unwrap();
    run(log.save_vote(&Vote::new_committed(2, 1))).unwrap();
    run(log.save_committed(Some(id(2, 1)))).unwrap();
    let before = Model::of(&mut log);
    let misplaced = |log: &mut LogStore, operation| match log.write_synced(vec![operation]) {
        Err(WriteError::Misplaced(misplaced)) => misplaced,
        other => panic!("{other:?}"),
    };
    let hole = misplaced(&mut log, Operation::Append(entry(2, 5)));
    assert_eq!(hole, Misplaced::Hole { expected: 4, found: 5 });
    let older = misplaced(&mut log, Operation::Append(entry(1, 4)));
    assert_eq!(older, Misplaced::OlderLeader { last: id(2, 3), found: id(1, 4) });
    let truncates = misplaced(&mut log, Operation::TruncateFrom(1));
    assert_eq!(truncates, Misplaced::TruncatesCommitted { from: 1, committed: id(2, 1) });
    for vote in [Vote::new(1, 7), Vote::new_committed(1, 7), Vote::new(2, 1)] {
        assert!(matches!(misplaced(&mut log, Operation::Vote(vote)), Misplaced::VoteGoesBack { .. }), "{vote}");
    }
    assert_eq!(Model::of(&mut log), before);
    drop(log);
    let mut log = open_log(&sim.disk()).unwrap();
    assert_eq!(Model::of(&mut log), before);
    run(append(&mut log, vec![entry(2, 4)])).unwrap();
}

/// A log whose records were written by somebody else.
fn log_of(values: &[&str]) -> SimDisk {
    let sim = SimDisk::new();
    let mut log = SegmentedLog::open(&sim.disk(), Framed::default(), tiny()).unwrap();
    for value in values {
        log.append_durable(&Record::new(0, value.as_bytes().to_vec())).unwrap();
    }
    sim
}

#[test]
fn a_record_that_is_no_operation_is_an_error_that_says_where() {
    for (values, at, says) in [
        (vec![r#"{"TruncateFrom":0}"#, "no JSON"], 1, "no operation"),
        (vec![r#"{"Forget":1}"#], 0, "unknown variant"),
        (vec![r#"{"TruncateFrom":0} "#, r#"{"TruncateFrom":0}{"#], 1, "trailing"),
        (vec![r#"{"TruncateFrom":3}"#, &json(&Operation::Append(entry(1, 7)))], 1, "where entry 3 belongs"),
        (
            vec![&json(&Operation::Vote(Vote::new(3, 1))), &json(&Operation::Vote(Vote::new(2, 1)))],
            1,
            "behind the vote",
        ),
    ] {
        match open_log(&log_of(&values).disk()) {
            Err(Error::BadFrame { path, position, expected, cause }) => {
                assert_eq!(expected.0, at, "{cause}");
                assert!(path.ends_with("00000000000000000000.log") && position >= 4096, "{path:?} {position}");
                assert!(cause.to_string().contains(says), "{cause}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn json(operation: &Operation) -> String {
    serde_json::to_string(operation).unwrap()
}

/// Somebody has removed the oldest segment, and no purge accounts for it.
#[test]
fn a_log_whose_beginning_is_gone_does_not_open() {
    let sim = SimDisk::new();
    let mut log = open_log(&sim.disk()).unwrap();
    run(append(&mut log, (0..4).map(|index| entry(1, index)).collect())).unwrap();
    run(append(&mut log, (4..8).map(|index| entry(1, index)).collect())).unwrap();
    run(append(&mut log, (8..12).map(|index| entry(1, index)).collect())).unwrap();
    drop(log);
    let oldest = "00000000000000000000.log";
    assert!(sim.names().iter().filter(|name| name.ends_with(".log")).count() > 1);
    sim.disk().remove(oldest).unwrap();
    let opened = open_log(&sim.disk());
    assert!(matches!(opened, Err(Error::Damaged { .. })), "{opened:?}");
}

/// A state with a snapshot on the disk.
fn with_snapshot() -> SimDisk {
    let sim = SimDisk::new();
    let mut state = open_state(&sim.disk()).unwrap();
    let entries: Vec<Entry> = (0..6).map(|index| if index < 4 { entry(1, index) } else { fence(1, index) }).collect();
    run(state.apply(entries)).unwrap();
    run(async { openraft::RaftSnapshotBuilder::build_snapshot(&mut state.get_snapshot_builder().await).await })
        .unwrap();
    sim
}

#[test]
fn a_snapshot_with_any_bit_flipped_or_any_byte_missing_is_damaged() {
    let sim = with_snapshot();
    let bytes = sim.cached(SNAPSHOT_NAME).unwrap();
    let state = open_state(&sim.disk()).unwrap();
    assert_eq!(state.subscribe().borrow().last, Some(id(1, 5)));
    let check = |bytes: &[u8], what: String| {
        let disk = SimDisk::with_files([(SNAPSHOT_NAME, bytes)]);
        let opened = open_state(&disk.disk());
        let says_where = matches!(&opened, Err(Error::Damaged { path, .. }) if path.ends_with(SNAPSHOT_NAME));
        assert!(says_where, "{what}: {opened:?}");
    };
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        check(&flipped, format!("a bit of byte {at} flipped"));
        check(&bytes[..at], format!("cut at byte {at}"));
    }
    check(&[&bytes[..], b"x"].concat(), "a byte more".to_string());
}

/// Whatever fails in a purge or a snapshot: the node says so, takes nothing more, and loses nothing.
#[test]
fn a_disk_that_fails_is_said_and_nothing_more_is_taken() {
    let mut failures = 0;
    for operation in [DiskOperation::Write, DiskOperation::SyncData, DiskOperation::SyncDirectory] {
        for nth in 1..12 {
            let sim = SimDisk::new();
            let mut log = open_log(&sim.disk()).unwrap();
            run(append(&mut log, (0..6).map(|index| entry(1, index)).collect())).unwrap();
            sim.inject(Fault::fail(operation, Which::Nth(nth), Errno::Io));
            let done = run(async {
                append(&mut log, (6..9).map(|index| entry(1, index)).collect()).await?;
                log.save_vote(&Vote::new(2, 1)).await?;
                log.purge(id(1, 4)).await
            });
            sim.clear_faults();
            if done.is_err() {
                failures += 1;
                let next = run(log.save_vote(&Vote::new(9, 1)));
                assert!(next.unwrap_err().to_string().contains("takes no more"), "{operation:?} {nth}");
            }
            drop(log);
            let found = Model::of(&mut open_log(&sim.disk()).unwrap());
            let kept = found.purged.map_or(0, |purged| purged.index + 1) + found.entries.len() as u64;
            assert!(kept >= 6, "{operation:?} {nth}: {found:?}");
            assert!(found.vote.is_none_or(|vote| vote == Vote::new(2, 1)));
            assert!(done.is_err() || (kept == 9 && found.vote.is_some() && found.purged == Some(id(1, 4))));
        }
    }
    assert!(failures > 8, "{failures} failures");
}
