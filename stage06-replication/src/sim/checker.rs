//! What must hold, whatever happens.
//!
//! The checker sees what no broker can: all logs at once, and every answer when it is given. Here are the logs, and
//! `answers` has the rest.

mod answers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use stage05::Offset;

use super::broker::{Broker, tablet};
use super::memory_log::{Cell, MemoryLog};
use crate::batch::Sequence;
use crate::controller::Controller;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch};
use crate::log_ends::Flush;
use crate::replica::{Acks, Millis, Replica};
use crate::replica_log::ReplicaLog;

/// Something that must not happen has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule that is broken, R1 to R7.
    pub rule: &'static str,
    /// When, in simulated milliseconds.
    pub at: Millis,
    /// What exactly.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken at {} ms: {}", self.rule, self.at, self.what)
    }
}

pub(crate) type Check = Result<(), (&'static str, String)>;

/// A batch that a producer has sent.
#[derive(Clone, Debug)]
struct Sent {
    acks: Acks,
    count: u32,
    producer: usize,
    /// Where it stands among its producer's, if that one counts.
    sequence: Option<Sequence>,
    /// When it was acknowledged by all for the first time, and where.
    acknowledged: Option<(Millis, Offset)>,
    /// How often it was sent.
    times: u32,
    /// How often the answer was that it was refused.
    refusals: u32,
    at: Millis,
}

impl Sent {
    /// Each time that it was sent it was refused. While one of them has no answer, it may appear.
    fn is_refused(&self) -> bool {
        self.refusals >= self.times
    }
}

/// What is known of a run so far.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    sent: Vec<Sent>,
    /// Every offset that was below a leader's high watermark, from 0 on. None of it may ever change.
    committed: Vec<Cell>,
    /// Where each value is in it.
    places: BTreeMap<u64, Offset>,
    /// For each producer that counts, the epoch and the sequence that come next.
    next: BTreeMap<u64, (u16, u32)>,
    leaders: BTreeMap<LeaderEpoch, (BrokerId, BrokerEpoch)>,
    written: BTreeMap<(LeaderEpoch, Offset), (u64, u32)>,
    /// The last high watermark of each reign.
    watermarks: BTreeMap<LeaderEpoch, Offset>,
    pub(crate) acknowledged: u64,
}

impl Checker {
    pub(crate) fn committed(&self) -> Offset {
        Offset(self.committed.len() as u64)
    }

    /// A replica has appended something.
    pub(crate) fn appended(&mut self, log: &MemoryLog, from: Offset) -> Check {
        for offset in (from.0..log.end().0).map(Offset) {
            let Some(cell) = log.cell(offset) else { continue };
            let known = *self.written.entry((cell.epoch, offset)).or_insert((cell.value, cell.slot));
            if known != (cell.value, cell.slot) {
                return Err(("R2", format!("{} has two records at offset {offset}", cell.epoch)));
            }
            match self.sent.get(cell.value as usize) {
                None => return Err(("R5", format!("nobody sent value {}", cell.value))),
                Some(sent) if sent.is_refused() => {
                    return Err(("R6", format!("value {} was refused, and is at offset {offset}", cell.value)));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// A replica has another high watermark than `before`.
    pub(crate) fn high_watermark(&mut self, broker: &Broker, replica: &Replica, before: Offset) -> Check {
        let (end, log) = (replica.high_watermark(), &broker.log);
        if end > log.end() {
            return Err((
                "R4",
                format!("{} has a high watermark of {end} and a log that ends at {}", broker.id, log.end()),
            ));
        }
        if let Some((epoch, true)) = replica.state().map(|state| (state.leader_epoch, replica.leading().is_some())) {
            let known = self.watermarks.entry(epoch).or_default();
            if end < *known {
                return Err(("R4", format!("the high watermark of {epoch} falls from {known} to {end}")));
            }
            *known = end;
            self.commit(broker, end)?;
        }
        for offset in (before.0.max(log.start().0)..end.0).map(Offset) {
            if log.cell(offset) != self.committed.get(offset.0 as usize).copied() {
                let what = format!("{} shows another record at offset {offset} than was committed there", broker.id);
                return Err(("R3", what));
            }
        }
        Ok(())
    }

    /// What a leader's high watermark has passed is committed.
    fn commit(&mut self, broker: &Broker, end: Offset) -> Check {
        while self.committed() < end {
            let offset = self.committed();
            let Some(cell) = broker.log.cell(offset) else {
                return Err(("R2", format!("{} has given up offset {offset} before it was committed", broker.id)));
            };
            if cell.slot == 0 {
                if self.places.insert(cell.value, offset).is_some() {
                    return Err(("R5", format!("value {} is there twice", cell.value)));
                }
                self.follows(cell.value, offset)?;
            }
            self.committed.push(cell);
        }
        Ok(())
    }

    /// A batch of a producer that counts is committed: it goes on where the one before it has ended.
    fn follows(&mut self, value: u64, offset: Offset) -> Check {
        let Some(&Sent { sequence: Some(sequence), count, .. }) = self.sent.get(value as usize) else { return Ok(()) };
        let Sequence { producer, epoch, first } = sequence;
        let expected = match self.next.get(&producer) {
            Some(&(known, next)) if known == epoch => next,
            Some(&(known, _)) if known > epoch => {
                let what =
                    format!("value {value} at {offset} is of epoch {epoch} of producer {producer}, behind {known}");
                return Err(("R5", what));
            }
            _ => 0,
        };
        if first != expected {
            let what = format!("value {value} at {offset} has number {first} of producer {producer}, not {expected}");
            return Err(("R5", what));
        }
        self.next.insert(producer, (epoch, first + count));
        Ok(())
    }

    /// A replica has done something: what it takes for durable is.
    pub(crate) fn durable(&self, broker: &Broker, replica: &Replica) -> Check {
        let (promised, durable) = (replica.log().durable, broker.log.durable_end());
        if promised > durable {
            return Err(("R1", format!("{} takes {promised} for durable, and {durable} is", broker.id)));
        }
        Ok(())
    }

    /// A log is about to be cut at `end`.
    pub(crate) fn cut(&self, broker: &Broker, replica: &Replica, end: Offset) -> Check {
        if end < replica.high_watermark() {
            let what = format!("{} cuts its log at {end}, below its watermark {}", broker.id, replica.high_watermark());
            return Err(("R4", what));
        }
        Ok(())
    }

    /// A replica leads.
    pub(crate) fn leads(&mut self, broker: &Broker, replica: &Replica, controller: &Controller) -> Check {
        let (Some(state), Some(leader)) = (replica.state(), replica.leading()) else { return Ok(()) };
        let who = (broker.id, replica.identity().life);
        let known = *self.leaders.entry(state.leader_epoch).or_insert(who);
        if known != who {
            return Err((
                "R2",
                format!(
                    "{} has two leaders: {} in {} and {} in {}",
                    state.leader_epoch, known.0, known.1, who.0, who.1
                ),
            ));
        }
        // Whoever the controller may take for in sync has to count, or the watermark passes it by.
        let Some(truth) = controller.tablet(&tablet()) else { return Ok(()) };
        let is_current = truth.leader_epoch == state.leader_epoch;
        let counts = |broker: &BrokerId| leader.maximal_isr().contains(broker);
        let is_open = state.isr.len() >= state.min_insync_replicas;
        if is_current && is_open && !truth.isr.union(&truth.elr).all(counts) {
            let what = format!("the leader counts {:?}, and the controller {:?}", leader.maximal_isr(), truth.isr);
            return Err(("R1", what));
        }
        Ok(())
    }

    /// Everyone who may be the next leader has everything that was committed.
    pub(crate) fn candidates(&self, brokers: &[Broker], controller: &Controller, flush: Flush) -> Check {
        let Some(truth) = controller.tablet(&tablet()) else { return Ok(()) };
        let may_lead: BTreeSet<BrokerId> = truth.isr.union(&truth.elr).copied().collect();
        for broker in brokers.iter().filter(|broker| may_lead.contains(&broker.id)) {
            let end = match flush {
                Flush::Sync => broker.durable_end(),
                Flush::Async => {
                    let registered = controller.brokers().get(&broker.id).map(|known| known.life);
                    // One that has lost its memory is fenced before it is asked.
                    if broker.life().is_none() || broker.life() != registered {
                        continue;
                    }
                    broker.log.end()
                }
            };
            self.has_all_committed(broker, end)?;
        }
        Ok(())
    }

    fn has_all_committed(&self, broker: &Broker, end: Offset) -> Check {
        if end < self.committed() {
            let what = format!(
                "{} may lead, and its log ends at {end}; everything in front of {} is committed",
                broker.id,
                self.committed()
            );
            return Err(("R1", what));
        }
        let start = broker.log.start();
        let committed = self.committed.get(start.0 as usize..).unwrap_or_default();
        let has = &broker.log.cells()[..committed.len()];
        if has != committed {
            let same = has.iter().zip(committed).take_while(|(has, committed)| has == committed).count();
            let offset = start.plus(same as u64);
            return Err(("R1", format!("{} may lead, and has another record at offset {offset}", broker.id)));
        }
        Ok(())
    }
}
