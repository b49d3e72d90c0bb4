//! A day of traffic in the laboratory's time: appends, syncs, rolls, deletion, compaction, kills, power cuts.

use std::sync::Arc;

use lab::random::{Random, SEED_VARIABLE, seed_of_this_run};
use lab::sim::Lens;
use lab::soak::{self, Subject};
use stage05::{CompactOptions, Disk, Offset, Result, SegmentedLog, Stage};

use super::common::{Write, checkpoints, segments};
use super::run::{Run, Step};
use super::{Tiny, TinyLog, compact_options, maintenance};

impl Subject for Tiny<false> {
    type Log = TinyLog;

    const LENSES: &'static [Lens] = &[Lens::PowerCut, Lens::TornWrite];

    fn open(disk: Arc<dyn Disk>) -> Result<TinyLog> {
        <Tiny<false> as Stage>::open(disk)
    }

    fn roll(log: &mut TinyLog) -> Result<()> {
        log.with_log(SegmentedLog::roll)
    }

    fn delete_before(log: &mut TinyLog, limit: Offset) -> Result<()> {
        <Tiny<false> as Stage>::delete_before(log, limit)
    }

    fn compact(log: &mut TinyLog, now_ms: u64) -> Result<()> {
        // Smaller ones than elsewhere: if all that is old became one segment, retention would never find one to delete.
        let segment_bytes_max = compact_options().segment_bytes_max / 2;
        let options = CompactOptions { segment_bytes_max, ..compact_options() };
        maintenance(log).compact(now_ms, &options).map(drop)
    }
}

/// Thousands of cycles, each day another one.
#[test]
fn a_day_of_traffic_and_crashes_loses_nothing() {
    for seed in 1..=4 {
        let soaked = soak::run::<Tiny<false>>(seed, 1000);
        assert!(soaked.deleted > 100, "seed {seed}: retention had nothing to do: {soaked}");
    }
}

/// A day of the store's clock: a write every ten seconds, a checkpoint every five minutes, and every half an hour the
/// process is killed, or the power is cut, or somebody stops and starts it; in the middle of whatever it was doing.
#[test]
fn a_day_of_a_store_loses_nothing() {
    for seed in 1..=2 {
        println!("seed {seed}, {SEED_VARIABLE}={}", seed_of_this_run());
        let day = a_day_of_a_store(&mut Random::new(seed ^ seed_of_this_run().rotate_left(32)));
        println!("{day:?}");
        assert!(day.checkpoints > 200 && day.kills > 10 && day.power_cuts > 10, "{day:?}");
        // 4000 writes at the least; one checkpoint, its predecessor, what is written since, and no more.
        assert!(day.writes > 4000 && day.segments_most < 60 && day.checkpoints_most <= 3, "{day:?}");
    }
}

/// What happened in a day of a store.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "all of it is printed")]
struct StoreDay {
    writes: u64,
    checkpoints: u64,
    kills: u64,
    power_cuts: u64,
    closes: u64,
    /// How many files of the log, and how many checkpoints, there were at the most: the log is given up.
    segments_most: usize,
    checkpoints_most: usize,
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

fn a_day_of_a_store(random: &mut Random) -> StoreDay {
    let (mut run, mut day) = (Run::new(), StoreDay::default());
    let (mut now, mut next_checkpoint, mut next_crash) = (0, 300, 1800);
    while now < DAY_SECONDS {
        let step = match now {
            _ if now >= next_crash => {
                next_crash += 600 + random.below(2400);
                crash(random, &mut day)
            }
            _ if now >= next_checkpoint => {
                next_checkpoint += 300;
                day.checkpoints += 1;
                Step::Checkpoint
            }
            _ => {
                now += 1 + random.below(20);
                Step::Write(write(random))
            }
        };
        run.step(&step);
        day.segments_most = day.segments_most.max(segments(run.sim()).len());
        day.checkpoints_most = day.checkpoints_most.max(checkpoints(run.sim()).len());
    }
    day.writes = run.writes();
    day
}

fn crash(random: &mut Random, day: &mut StoreDay) -> Step {
    // Up to fifty operations ago: in the middle of the last checkpoint, or of the writes behind it.
    let back = random.below(50);
    match random.below(5) {
        0 => {
            day.closes += 1;
            Step::Close
        }
        1 | 2 => {
            day.kills += 1;
            Step::Kill(back)
        }
        _ => {
            day.power_cuts += 1;
            let lens = if random.below(2) == 0 { Lens::PowerCut } else { Lens::TornWrite };
            Step::PowerCut(lens, random.number(), back)
        }
    }
}

/// Up to four keys of some forty are given another value, or lose theirs; half of the writes are synced.
fn write(random: &mut Random) -> Write {
    let changes = (0..=random.below(4)).map(|_| {
        let key = vec![b'a' + random.below(40) as u8];
        let length = random.below(60) as usize;
        let value = (random.below(4) > 0).then(|| random.bytes(length));
        (key, value)
    });
    Write { changes: changes.collect(), sync: random.below(2) == 0 }
}
