//! What each durability means when the power goes: what was answered and is gone is counted, not asserted away.

mod common;

use std::time::Duration;

use common::{GatedLog, text};
use lab::sim::{Lens, Sampling, SimDisk};
use lab::watchdog::within_limit;
use stage02::{Durability, GroupCommit, JsonLines, Log, NaiveLog, Offset, Options, Reader, Visibility};

/// Appends ten records one by one, and returns how many of those that were answered the worst power cut takes.
fn worst_loss(durability: Durability) -> u64 {
    let disk = SimDisk::new();
    let log = NaiveLog::open(&disk.disk(), JsonLines).unwrap();
    let log = GroupCommit::new(log, Options::with_durability(durability));
    for n in 0..10 {
        let offset = log.append(text(format!("record {n}"))).unwrap();
        disk.acknowledge(offset.0 + 1);
    }
    let trace = disk.trace();
    drop(log);
    let every_state = Sampling { states_max: u64::MAX, seed: 0 };
    let lost = trace.crash_states(Lens::PowerCut, every_state).map(|state| {
        let reopened = NaiveLog::open(&state.disk.disk(), JsonLines).unwrap();
        state.acknowledged.saturating_sub(reopened.next_offset().0)
    });
    lost.max().expect("a power cut leaves something")
}

/// With `PerAppend` and `PerGroup` an answer comes after the sync, so a power cut takes nothing that was answered.
#[test]
fn a_power_cut_takes_nothing_that_was_answered_per_append_or_per_group() {
    assert_eq!(worst_loss(Durability::PerAppend), 0);
    assert_eq!(worst_loss(Durability::PerGroup), 0);
}

/// With `Interval` a power cut takes at most what was answered since the last sync; an interval of nothing syncs every
/// group.
#[test]
fn a_power_cut_takes_what_was_answered_since_the_last_interval() {
    assert_eq!(worst_loss(Durability::Interval(Duration::from_secs(24 * 3600))), 10);
    assert_eq!(worst_loss(Durability::Interval(Duration::ZERO)), 0, "an interval of nothing syncs every group");
}

/// With `OperatingSystem` nothing is synced, and a power cut may take all of it.
#[test]
fn a_power_cut_takes_everything_that_was_left_to_the_operating_system() {
    assert_eq!(worst_loss(Durability::OperatingSystem), 10);
}

/// A record that was answered before its sync is seen by readers of what is written, and by those of what is durable
/// only after a sync.
#[test]
fn an_answer_before_the_sync_is_seen_as_written_and_not_as_durable() {
    let (log, gate, _directory) = GatedLog::new();
    let log = GroupCommit::new(log, Options::with_durability(Durability::OperatingSystem));
    log.append(text("written")).unwrap();
    assert_eq!(gate.syncs(), 0);
    assert_eq!(log.reader().end(), Offset(0));
    assert_eq!(log.reader().with_visibility(Visibility::Written).end(), Offset(1));
    log.sync().unwrap();
    assert_eq!(log.reader().end(), Offset(1));
}

/// The sync of an interval comes even if no append follows to do it.
#[test]
fn the_interval_is_kept_when_no_append_comes_along() {
    within_limit(|| {
        let (log, gate, _directory) = GatedLog::new();
        let log = GroupCommit::new(log, Options::with_durability(Durability::Interval(Duration::from_millis(20))));
        log.append(text("and then silence")).unwrap();
        gate.wait_for_syncs(1);
    });
}
