//! The part of a replica that follows: ask for more, cut what the leader does not have, append, sync, ask again.

use stage05::Offset;

use crate::batch::Batch;
use crate::epochs::EpochEnd;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch};
use crate::log_ends::LogEnds;
use crate::message::{FetchAnswer, FetchRequest, FetchResult};
use crate::replica::{Identity, Millis, Output, ReplicaOptions};

/// A replica that follows a leader, in one epoch.
#[derive(Debug)]
pub(crate) struct Follower {
    leader: BrokerId,
    leader_epoch: LeaderEpoch,
    /// The number of its last question.
    number: u64,
    /// When it asked the question that has no answer yet.
    asked: Option<Millis>,
    /// Not before then is the next one.
    not_before: Millis,
    /// Its log is being cut.
    pub(crate) is_cutting: bool,
}

impl Follower {
    /// It begins to follow, and has asked nothing yet. Its questions are numbered behind all that its broker's earlier lives
    /// can have asked: an answer may take longer than a restart, and the log that it speaks of is another one by then.
    pub(crate) fn new(leader: BrokerId, leader_epoch: LeaderEpoch, life: BrokerEpoch) -> Follower {
        let number = life.0 << 32;
        Follower { leader, leader_epoch, number, asked: None, not_before: 0, is_cutting: false }
    }

    /// Asks for more, if it is time to: one question at a time, and only when all that is written may be promised. The
    /// question itself is the promise, so the sync comes before it.
    pub(crate) fn fetch(
        &mut self,
        now: Millis,
        identity: &Identity,
        options: &ReplicaOptions,
        log: &LogEnds,
        out: &mut Vec<Output>,
    ) {
        let is_lost = self.asked.is_some_and(|asked| now >= asked + options.resend_ms);
        let is_waiting = self.asked.is_some() && !is_lost;
        if is_waiting || self.is_cutting || now < self.not_before || log.promised() < log.written {
            return;
        }
        self.number += 1;
        self.asked = Some(now);
        let request = FetchRequest {
            from: identity.broker,
            life: identity.life,
            number: self.number,
            leader_epoch: self.leader_epoch,
            offset: log.written,
            last_epoch: log.epochs.latest(),
        };
        out.push(Output::Fetch { leader: self.leader, request });
    }

    /// Takes an answer, if it is the one to the last question: any other is about a log that may have changed since.
    pub(crate) fn take(
        &mut self,
        now: Millis,
        options: &ReplicaOptions,
        log: &mut LogEnds,
        high_watermark: &mut Offset,
        answer: FetchAnswer,
        out: &mut Vec<Output>,
    ) {
        let is_expected = self.asked.is_some() && answer.number == self.number;
        if !is_expected || answer.leader_epoch != self.leader_epoch {
            return;
        }
        self.asked = None;
        match answer.result {
            FetchResult::Batches { batches, high_watermark: leaders } => {
                if batches.is_empty() {
                    self.not_before = now + options.backoff_ms;
                }
                append(log, batches, self.leader_epoch, out);
                // The leader may know of more than has arrived here.
                *high_watermark = leaders.min(log.written).max(log.start);
            }
            FetchResult::Diverging(leaders) => self.cut(log, leaders, out),
            FetchResult::Deleted { start } => {
                self.is_cutting = true;
                out.push(Output::StartAgain(start));
            }
            FetchResult::NotLeader => self.not_before = now + options.backoff_ms,
        }
    }

    /// Cuts the log where it parts from the leader's, and not at the high watermark, which says only what this replica
    /// has heard of: records behind it may be acknowledged (KIP-101).
    fn cut(&mut self, log: &LogEnds, leaders: EpochEnd, out: &mut Vec<Output>) {
        let own = log.epochs.end_of(leaders.epoch, log.written);
        // Without anything as old as that, nothing of this log is known to be the leader's.
        let end = own.map_or(log.start, |own| own.end.min(leaders.end));
        self.is_cutting = true;
        out.push(Output::Truncate(end));
    }
}

/// Appends what the leader has sent, as far as it goes on where the log ends.
fn append(log: &mut LogEnds, batches: Vec<Batch>, leader_epoch: LeaderEpoch, out: &mut Vec<Output>) {
    let mut fitting = Vec::new();
    for batch in batches {
        let is_next = batch.base_offset == log.written && batch.count > 0;
        let is_in_order = batch.epoch <= leader_epoch && log.epochs.latest().is_none_or(|latest| latest <= batch.epoch);
        if !is_next || !is_in_order {
            break;
        }
        log.append(&batch);
        fitting.push(batch);
    }
    if !fitting.is_empty() {
        out.push(Output::Append(fitting));
    }
}
