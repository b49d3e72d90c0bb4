//! How much a power cut takes: the loss window of a log that answers before it has synced.
//!
//! A durability that answers early buys speed with a window: what was answered in it is gone if the power goes. How wide
//! the window is, is measured here, on a simulated disk with a clock of its own. Records come at an even pace; the power
//! is cut at every operation; and of each state that is left, the records are counted that were answered and are gone.
//!
//! What a log does by the clock, it must not do by the machine's clock here, or the numbers would depend on the
//! machine. So the laboratory does it: a log that syncs every 50 ms is opened with an interval that never comes to
//! pass, and [`Clock::SyncEvery`] asks it for the sync when it is due.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use stage01::{Disk, Log, Offset, Record, Result};

use crate::records::record;
use crate::sim::{Lens, Sampling, SimDisk};

/// What happens by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Nothing: the log syncs with its appends, or never.
    Still,
    /// The log is asked to sync, this often.
    SyncEvery(Duration),
    /// The operating system writes back what is in its cache, this often; Linux does so after about 30 seconds.
    WriteBackEvery(Duration),
}

/// The records that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// How many.
    pub appends: u64,
    /// The time from one to the next.
    pub step: Duration,
    /// The most states at each crash point.
    pub states_max: u64,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline { appends: 200, step: Duration::from_millis(1), states_max: 20 }
    }
}

/// What power cuts took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The states that were looked at.
    pub states: u64,
    /// The most records that were answered and are gone.
    pub lost_max: u64,
    /// How many it was on average.
    pub lost_mean: f64,
    /// The time between the answer to the oldest of these records and the power cut, at most.
    pub time_max: Duration,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Window { states, lost_max, lost_mean, time_max } = self;
        let time_ms = time_max.as_secs_f64() * 1000.0;
        write!(f, "at most {lost_max} records lost, {lost_mean:.1} on average, {time_ms:.0} ms ({states} states)")
    }
}

/// Measures the window of the log that `open` gives. `append` appends one record and returns when it is answered,
/// whatever an answer means to this log.
///
/// # Errors
///
/// Whatever the log says, before a crash or after it.
pub fn measure<L: Log>(
    timeline: &Timeline,
    clock: Clock,
    open: impl Fn(Arc<dyn Disk>) -> Result<L>,
    append: impl Fn(&mut L, Record<'static>) -> Result<Offset>,
) -> Result<Window> {
    let sim = SimDisk::new();
    let mut log = open(sim.disk())?;
    let mut due = 1;
    for number in 0..timeline.appends {
        let now = timeline.step * number as u32;
        match clock {
            Clock::SyncEvery(interval) if now >= interval * due => {
                log.sync()?;
                due += 1;
            }
            Clock::WriteBackEvery(interval) if now >= interval * due => {
                sim.write_back();
                due += 1;
            }
            _ => {}
        }
        let offset = append(&mut log, record(Offset(number)))?;
        sim.acknowledge(offset.next().0);
    }
    // Closing the log would sync it.
    let trace = sim.trace();
    drop(log);
    let (mut states, mut lost_sum, mut lost_max) = (0, 0, 0);
    for state in trace.crash_states(Lens::PowerCut, Sampling { states_max: timeline.states_max, seed: 1 }) {
        let found = open(state.disk.disk())?.next_offset().0;
        let lost = state.acknowledged.saturating_sub(found);
        states += 1;
        lost_sum += lost;
        lost_max = lost.max(lost_max);
    }
    let lost_mean = lost_sum as f64 / states.max(1) as f64;
    Ok(Window { states, lost_max, lost_mean, time_max: timeline.step * lost_max as u32 })
}

/// One line of the table: a durability, and what a power cut takes.
pub fn table_line(name: &str, window: &Window) -> String {
    let time_ms = window.time_max.as_secs_f64() * 1000.0;
    format!("| {name} | {} | {:.1} | {time_ms:.0} |", window.lost_max, window.lost_mean)
}
