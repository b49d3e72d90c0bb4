//! What each preset of the durability spectrum loses: counted after every kill and every power cut, not asserted away.

use std::sync::Arc;
use std::time::Duration;

use lab::sim::{Lens, Sampling, SimDisk, Trace};
use lab::spectrum::{Clock, Timeline, Window, measure};
use stage05::kv::{KvOptions, KvStore, WriteBatch};
use stage05::spectrum::{Preset, WAL_WRITER_DELAY};
use stage05::{Disk, Durability, Framed, GroupCommit, SegmentOptions, SegmentedLog};

/// Nothing that the laboratory asks for comes by the machine's clock.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// What power cuts take of a log with this preset. A record comes every 10 ms.
fn window(preset: Preset, clock: Clock) -> Window {
    let timeline = Timeline { appends: 60, step: Duration::from_millis(10), states_max: 8 };
    let open = |disk: Arc<dyn Disk>| {
        let log = SegmentedLog::open(&disk, Framed::default(), SegmentOptions::default())?;
        Ok(GroupCommit::new(log, preset.options()))
    };
    measure(&timeline, clock, open, |log, record| GroupCommit::append(log, record)).unwrap()
}

#[test]
fn a_postgres_like_log_loses_nothing_to_a_power_cut() {
    assert_eq!(window(Preset::PostgresLike, Clock::Still).lost_max, 0);
}

/// At most the records of one interval: here 200 ms, and a record every 10 ms.
#[test]
fn a_log_with_an_interval_loses_no_more_than_the_interval() {
    let window = window(Preset::Interval(NEVER), Clock::SyncEvery(WAL_WRITER_DELAY));
    assert_eq!((window.lost_max, window.time_max), (20, WAL_WRITER_DELAY), "{window}");
}

/// Whatever the operating system had not yet written out.
#[test]
fn a_kafka_like_log_loses_what_nobody_wrote_out() {
    assert_eq!(window(Preset::KafkaLike, Clock::Still).lost_max, 60, "all of it");
    let written_out = window(Preset::KafkaLike, Clock::WriteBackEvery(Duration::from_millis(300)));
    assert_eq!(written_out.lost_max, 30, "{written_out}");
}

/// The interval that is asked for is the one that the log keeps.
#[test]
fn an_interval_is_that_of_group_commit() {
    let interval = Duration::from_millis(7);
    assert_eq!(Preset::Interval(interval).options().durability, Durability::Interval(interval));
}

/// Writes thirty keys to a store of this kind, each third of them precious. The trace has as served how many were
/// answered, and as acknowledged how many lie in front of the last precious one.
fn writes(preset: Preset) -> Trace {
    let sim = SimDisk::new();
    let store = KvStore::open(&sim.disk(), KvOptions::default()).unwrap();
    for number in 1..=30_u64 {
        let is_precious = number % 3 == 0;
        let mut batch = WriteBatch::new();
        batch.put(&number.to_be_bytes(), b"value");
        store.write(batch, preset.write_options(is_precious)).unwrap();
        sim.served(number);
        if is_precious {
            sim.acknowledge(number);
        }
    }
    sim.trace()
}

/// How many keys a store has. They have to be the first ones that were written, without a hole.
fn keys(sim: &SimDisk) -> u64 {
    let store = KvStore::open(&sim.disk(), KvOptions::default()).unwrap();
    let keys: Vec<u64> = store.scan(..).map(|(key, _)| u64::from_be_bytes((*key).try_into().unwrap())).collect();
    assert_eq!(keys, (1..=keys.len() as u64).collect::<Vec<_>>(), "the end may be missing, the middle may not");
    keys.len() as u64
}

/// The most writes that the power takes of those that were answered, and of those up to the last precious one.
fn taken(preset: Preset) -> (u64, u64) {
    let trace = writes(preset);
    let states = trace.crash_states(Lens::PowerCut, Sampling { states_max: 8, seed: 1 });
    let taken = states.map(|state| {
        let found = keys(&state.disk);
        (state.served.saturating_sub(found), state.acknowledged.saturating_sub(found))
    });
    taken.fold((0, 0), |(answered, precious), (a, p)| (answered.max(a), precious.max(p)))
}

/// A write that asks is there, and with it all in front of it; of the others, those behind it may go.
#[test]
fn a_rocksdb_like_store_loses_no_write_that_asked_to_be_synced() {
    assert_eq!(taken(Preset::RocksDbLike), (2, 0));
}

#[test]
fn a_postgres_like_store_syncs_every_write_and_a_kafka_like_one_none() {
    assert_eq!(taken(Preset::PostgresLike), (0, 0));
    assert_eq!(taken(Preset::KafkaLike), (30, 30));
}

/// A kill at any operation: the page cache stays, and so does whatever was answered, whatever the preset.
#[test]
fn no_preset_loses_an_answer_to_a_kill() {
    for preset in Preset::ALL {
        let trace = writes(preset);
        let mut replay = trace.replay();
        for point in trace.points() {
            replay.advance_to(point);
            let found = keys(&replay.killed(0));
            assert!(found >= replay.served(), "{preset:?}, killed at {point}: {found} of {}", replay.served());
        }
    }
}
