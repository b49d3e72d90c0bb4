//! Every operation of a scenario goes wrong, one after the other, in every way that a disk knows.
//!
//! The caller gives up at the first error. Then the log takes nothing more, though the disk works again; nobody waits
//! for ever; and the log that is opened next, on the same machine or after a power cut, holds all that was acknowledged.
//!
//! A lie is no error: a sync that says Ok and does nothing cannot be noticed by anybody. After a lie the process is
//! killed, and the power stays on.

mod producers;

use std::fmt;

use stage01::{Error, Log, Promise, Result, Stage};

use crate::crash::appended::LabRecords;
use crate::crash::invariant::Expected;
use crate::crash::life;
use crate::records::record;
use crate::sim::{Errno, Event, Fault, Lens, Operation, Sampling, SimDisk, Trace, Which};
use crate::watchdog::within_limit;

pub use producers::at_every_operation_of_producers;

/// The most states that a power cut is tried in behind each fault.
const STATES: Sampling = Sampling { states_max: 12, seed: 1 };

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Fails(Errno),
    ShortWrite,
    /// The sync fails, and the next one says Ok without what this one should have carried.
    SyncFailsThenLies,
    SyncLies,
    DirectorySyncLies,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::Fails(Errno::Io),
        Kind::Fails(Errno::NoSpace),
        Kind::ShortWrite,
        Kind::SyncFailsThenLies,
        Kind::SyncLies,
        Kind::DirectorySyncLies,
    ];

    fn fault(self, nth: u64) -> Fault {
        let which = Which::Nth(nth);
        match self {
            Kind::Fails(errno) => Fault::fail(Operation::Any, which, errno),
            Kind::ShortWrite => Fault::short_write(which, 7, Errno::Io),
            Kind::SyncFailsThenLies => Fault::sync_fails_then_lies(which),
            Kind::SyncLies => Fault::lying_sync(which),
            Kind::DirectorySyncLies => Fault::lying_directory_sync(which),
        }
    }

    fn is_lie(self) -> bool {
        matches!(self, Kind::SyncLies | Kind::DirectorySyncLies)
    }

    /// How many of a scenario's operations it can hit.
    fn operations(self, sim: &SimDisk) -> u64 {
        let counters = sim.counters();
        match self {
            Kind::Fails(_) => counters.operations,
            Kind::ShortWrite => counters.writes,
            Kind::SyncFailsThenLies | Kind::SyncLies => counters.syncs,
            Kind::DirectorySyncLies => {
                let is_sync = |event: &&Event| matches!(event, Event::SyncDirectory | Event::SyncDirectoryOf { .. });
                sim.trace().events().iter().filter(is_sync).count() as u64
            }
        }
    }
}

/// What came of the faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faulted {
    /// Times that the scenario was run with a fault.
    pub runs: u64,
    /// Of these, the runs that got an error. In the others the log did without what failed, or could not know.
    pub errors: u64,
    /// Logs that were opened and checked afterwards.
    pub states: u64,
}

impl fmt::Display for Faulted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs with a fault, {} of them with an error, {} states", self.runs, self.errors, self.states)
    }
}

/// Runs the scenario once for each operation that it makes and each way in which that can go wrong.
///
/// The scenario is given a new log and its disk. It appends the laboratory's records, does to the log whatever else the
/// stage can do, says to the disk what is acknowledged, may be deleted and may be compacted, and returns the first error
/// that the log gives it. Without a fault it has to return Ok, and it has to do the same every time.
///
/// # Panics
///
/// If an error is not the disk's; if a log that keeps [`Promise::SurvivesFailedSync`] takes anything after it; if the
/// log that is opened afterwards breaks an invariant; or if a run takes longer than a minute.
pub fn at_every_operation<S: Stage>(scenario: fn(&mut S::Log, &SimDisk) -> Result<()>) -> Faulted {
    let sim = SimDisk::new();
    run::<S>(&sim, scenario).unwrap_or_else(|error| panic!("without a fault, the scenario returns: {error}"));
    let mut faulted = Faulted::default();
    for kind in Kind::ALL {
        for nth in 1..=kind.operations(&sim) {
            let (is_error, states) = within_limit(move || fault_at::<S>(kind, nth, scenario));
            faulted.runs += 1;
            faulted.errors += u64::from(is_error);
            faulted.states += states;
        }
    }
    println!("{faulted}");
    faulted
}

fn run<S: Stage>(sim: &SimDisk, scenario: fn(&mut S::Log, &SimDisk) -> Result<()>) -> Result<()> {
    let mut log = S::open(sim.disk())?;
    let done = scenario(&mut log, sim);
    sim.clear_faults();
    if let Err(error) = &done
        && S::KEEPS.contains(&Promise::SurvivesFailedSync)
    {
        let after = [log.append(&[record(log.next_offset())]).map(drop), log.sync().map(drop)];
        let is_poisoned = |result: &Result<()>| matches!(result, Err(Error::Poisoned { .. }));
        assert!(after.iter().all(is_poisoned), "after the error \"{error}\" the log is not poisoned: {after:?}");
    }
    done
}

/// Whether the scenario got an error, and how many states were checked.
fn fault_at<S: Stage>(kind: Kind, nth: u64, scenario: fn(&mut S::Log, &SimDisk) -> Result<()>) -> (bool, u64) {
    let sim = SimDisk::new();
    sim.inject(kind.fault(nth));
    let done = run::<S>(&sim, scenario);
    if let Err(error) = &done {
        assert!(matches!(error.root(), Error::Io { .. }), "{kind:?} at {nth}: the error is {error}");
    }
    (done.is_err(), check_afterwards::<S>(kind, nth, &sim.trace()))
}

/// Checks what a kill leaves, and what a power cut leaves, each with a crash of the life after it.
fn check_afterwards<S: Stage>(kind: Kind, nth: u64, trace: &Trace) -> u64 {
    let appended = LabRecords::default();
    let mut states = 0;
    for disk in disks_after(kind, trace) {
        let mut replay = trace.replay();
        replay.advance_to(trace.events().len());
        let expected = Expected::new(replay.remarks(), &appended, nth);
        let story = |what: &dyn fmt::Debug| {
            let events: Vec<_> = trace.events().iter().map(|event| format!("  {event}\n")).collect();
            format!("{kind:?} at operation {nth}: {what:?}, behind these events:\n{}", events.concat())
        };
        let records = life::live::<S>(&disk, &expected).unwrap_or_else(|broken| panic!("{}", story(&broken)));
        states += 1;
        if kind.is_lie() {
            continue;
        }
        for state in disk.trace().crash_states(Lens::PowerCut, Sampling { states_max: 2, seed: 1 }) {
            let expected = Expected {
                acknowledged: expected.acknowledged.max(state.acknowledged),
                served: expected.served.max(state.served),
                second_life_from: Some(records),
                ..expected
            };
            let opened = life::check_open::<S>(&state.disk, &expected);
            opened.unwrap_or_else(|broken| panic!("{}", story(&("the next life crashed, too", broken))));
            states += 1;
        }
    }
    states
}

/// The disk after the process is gone; and if the disk told no lies, after the power is gone, too.
fn disks_after(kind: Kind, trace: &Trace) -> Vec<SimDisk> {
    let mut replay = trace.replay();
    replay.advance_to(trace.events().len());
    let mut disks = vec![replay.killed(0)];
    if !kind.is_lie() {
        disks.extend(replay.crash(Lens::PowerCut).states(STATES).map(|state| state.disk));
    }
    disks
}
