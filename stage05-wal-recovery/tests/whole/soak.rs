//! A day of traffic in the laboratory's time: appends, syncs, rolls, deletion, compaction, kills, power cuts.

use std::sync::Arc;

use lab::sim::Lens;
use lab::soak::{self, Subject};
use stage05::{Disk, Offset, Result, SegmentedLog, Stage};

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
        maintenance(log).compact(now_ms, &compact_options()).map(drop)
    }
}

/// Thousands of cycles, each day another one.
#[test]
fn a_day_of_traffic_and_crashes_loses_nothing() {
    for seed in 1..=4 {
        soak::run::<Tiny<false>>(seed, 1000);
    }
}
