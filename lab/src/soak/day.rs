//! What is done to a log in a soak, and to the model with it.

use std::collections::VecDeque;

use stage01::{Log, Offset, Record, Result};

use super::{Soaked, Subject};
use crate::crash::appended::Appended;
use crate::crash::held::check_held;
use crate::crash::invariant::{Broken, Expected};
use crate::random::{Random, seed_of_this_run};
use crate::records::FIRST_TIMESTAMP_MS;
use crate::sim::{Remarks, Sampling, SimDisk, Trace};

/// The log is kept about this long, so that it can be read again and again.
const RECORDS_KEPT: u64 = 300;

/// How many of the last actions a failure tells.
const ACTIONS_TOLD: usize = 25;

/// The records that were appended, by offset.
#[derive(Debug, Default)]
struct Model(Vec<Record<'static>>);

impl Appended for Model {
    fn is(&self, offset: u64, found: &Record<'_>) -> bool {
        self.0.get(offset as usize).is_some_and(|record| record == found)
    }

    fn record(&self, offset: u64) -> Option<Record<'static>> {
        self.0.get(offset as usize).cloned()
    }

    fn may_vanish(&self, offset: u64) -> bool {
        self.0.get(offset as usize).is_some_and(|record| record.key.is_some() && record.value.is_empty())
    }
}

/// What goes on in a soak.
pub(super) struct Day<S: Subject> {
    random: Random,
    sim: SimDisk,
    /// Closed in between, and only then.
    log: Option<S::Log>,
    model: Model,
    /// What was said before the disk's trace began.
    remarks: Remarks,
    pub(super) now_ms: u64,
    pub(super) actions: VecDeque<String>,
    pub(super) soaked: Soaked,
}

/// What went wrong, in words.
pub(super) type Outcome = std::result::Result<(), String>;

impl<S: Subject> Day<S> {
    pub(super) fn new(seed: u64) -> Day<S> {
        Day {
            random: Random::new(seed ^ seed_of_this_run().rotate_left(32)),
            sim: SimDisk::new(),
            log: None,
            model: Model::default(),
            remarks: Remarks::default(),
            now_ms: FIRST_TIMESTAMP_MS,
            actions: VecDeque::new(),
            soaked: Soaked::default(),
        }
    }

    fn tell(&mut self, action: String) {
        self.actions.push_back(action);
        if self.actions.len() > ACTIONS_TOLD {
            self.actions.pop_front();
        }
    }

    fn end(&self) -> u64 {
        self.model.0.len() as u64
    }

    pub(super) fn cycle(&mut self) -> Outcome {
        if self.log.is_none() {
            return self.open();
        }
        match self.random.below(100) {
            0..45 => self.append(),
            45..65 => self.sync(),
            65..72 => self.upkeep("roll", S::roll),
            72..80 => self.delete(),
            80..86 => self.compact(),
            86..90 => self.check(),
            90..94 => self.close(),
            94..97 => self.kill(),
            _ => self.cut_power(),
        }
    }

    fn upkeep(&mut self, name: &str, work: impl FnOnce(&mut S::Log) -> Result<()>) -> Outcome {
        self.tell(format!("{name}, at {} records", self.end()));
        let log = self.log.as_mut().expect("the log is open");
        work(log).map_err(|error| format!("{name}: {error}"))
    }

    fn append(&mut self) -> Outcome {
        let records: Vec<_> = (0..=self.random.below(6)).map(|_| self.record()).collect();
        let first = Offset(self.end());
        self.model.0.extend_from_slice(&records);
        self.soaked.appended += records.len() as u64;
        let mut given = first;
        self.upkeep(&format!("append {}", records.len()), |log| {
            given = log.append(&records)?;
            Ok(())
        })?;
        if given == first { Ok(()) } else { Err(format!("record {first} was given offset {given}")) }
    }

    /// A few keys, so that there is something to compact; some tombstones; and records without a key.
    fn record(&mut self) -> Record<'static> {
        let length = self.random.below(60) as usize;
        let value = self.random.bytes(length);
        match self.random.below(4) {
            0 => Record::new(self.now_ms, value),
            1 => Record::new(self.now_ms, Vec::new()).with_key(vec![self.random.below(12) as u8]),
            _ => Record::new(self.now_ms, value).with_key(vec![self.random.below(40) as u8]),
        }
    }

    fn sync(&mut self) -> Outcome {
        self.upkeep("sync", |log| log.sync().map(drop))?;
        self.sim.acknowledge(self.end());
        Ok(())
    }

    fn delete(&mut self) -> Outcome {
        let Some(most) = self.end().checked_sub(RECORDS_KEPT) else { return Ok(()) };
        let limit = most + self.random.below(RECORDS_KEPT / 4);
        self.sim.may_delete(limit);
        self.upkeep(&format!("delete before {limit}"), |log| S::delete_before(log, Offset(limit)))
    }

    fn compact(&mut self) -> Outcome {
        self.sim.may_compact(self.end());
        let now_ms = self.now_ms;
        self.upkeep("compact", |log| S::compact(log, now_ms))
    }

    fn close(&mut self) -> Outcome {
        self.tell(format!("close, at {} records", self.end()));
        let log = self.log.take().expect("the log is open");
        S::close(log).map_err(|error| format!("close: {error}"))?;
        self.sim.acknowledge(self.end());
        Ok(())
    }

    /// A point among the last events of the disk, and what was said by then.
    fn crash_point(&mut self) -> (Trace, usize) {
        let trace = self.sim.trace();
        let events = trace.events().len();
        let point = events - self.random.below((events as u64).min(40) + 1) as usize;
        (trace, point)
    }

    fn kill(&mut self) -> Outcome {
        let (trace, point) = self.crash_point();
        let mut replay = trace.replay();
        replay.advance_to(point);
        let partial_bytes = self.random.below(100) as usize;
        self.tell(format!("kill at point {point}, at most {partial_bytes} bytes into a write"));
        self.soaked.kills += 1;
        self.go_on_with(replay.killed(partial_bytes), replay.remarks());
        Ok(())
    }

    fn cut_power(&mut self) -> Outcome {
        let (trace, point) = self.crash_point();
        let mut replay = trace.replay();
        replay.advance_to(point);
        let lens = S::LENSES[self.random.below(S::LENSES.len() as u64) as usize];
        let sampling = Sampling { states_max: 1 + self.random.below(5), seed: self.random.number() };
        let state = replay.crash(lens).states(sampling).last().expect("a power cut leaves something");
        self.tell(format!("{lens:?} at point {point}, choice {:?}", state.choice));
        self.soaked.power_cuts += 1;
        self.go_on_with(state.disk, replay.remarks());
        Ok(())
    }

    /// The machine is another one now, or the process: what was said until the crash still counts.
    fn go_on_with(&mut self, disk: SimDisk, said: Remarks) {
        self.remarks = latest(self.remarks, said);
        self.sim = disk;
        self.log = None;
    }

    fn open(&mut self) -> Outcome {
        self.tell("open".to_string());
        self.log = Some(S::open(self.sim.disk()).map_err(|error| format!("open: {error}"))?);
        self.check()
    }

    /// Reads all of the log. What it holds more than it has to was under way in the crash, and counts from now on.
    fn check(&mut self) -> Outcome {
        let log = self.log.as_mut().expect("the log is open");
        // Readers see what is durable.
        log.sync().map_err(|error| format!("sync before a check: {error}"))?;
        let trace = self.sim.trace();
        let mut replay = trace.replay();
        replay.advance_to(trace.events().len());
        let remarks = latest(self.remarks, replay.remarks());
        let told = |broken: Broken| format!("{}: {}", broken.invariant, broken.what);
        let expected = Expected::new(remarks, &self.model, self.random.number());
        let held = check_held(log, &expected).map_err(told)?;
        expected.check_count(held.end).map_err(told)?;
        self.soaked.checks += 1;
        self.soaked.deleted = self.soaked.deleted.max(held.start);
        self.model.0.truncate(held.end as usize);
        // Offsets behind the end are given again: to records that nobody has allowed to be deleted or compacted.
        self.remarks.may_delete = self.remarks.may_delete.min(held.end);
        self.remarks.may_compact = self.remarks.may_compact.min(held.end);
        // From here on in the trace, and not for a crash in front of here.
        self.sim.acknowledge(held.end);
        self.sim.served(held.end);
        Ok(())
    }
}

/// Of each remark the later one.
fn latest(one: Remarks, other: Remarks) -> Remarks {
    Remarks {
        acknowledged: one.acknowledged.max(other.acknowledged),
        served: one.served.max(other.served),
        may_delete: one.may_delete.max(other.may_delete),
        may_compact: one.may_compact.max(other.may_compact),
    }
}
