//! A replica of a tablet: what it does about everything that can happen to it.
//!
//! It has no clock, no socket and no disk. Whoever runs it tells it what happened and what time it is, and does what it
//! says: a broker with a real network and a real disk, or a simulator, in which years pass in minutes and every message
//! comes late. So there is one implementation, and it is tested where anything can be made to happen.
//!
//! What goes in is an [`Input`], and what comes out are [`Output`]s.

mod exchange;
mod options;
mod produce;

use stage05::Offset;

use crate::epochs::Epochs;
use crate::follower::Follower;
use crate::ids::{BrokerEpoch, PartitionEpoch};
use crate::leader::Leader;
use crate::log_ends::{Flush, LogEnds};
use crate::message::{FetchAnswer, FetchRequest};
use crate::producers::Producers;
use crate::tablet::{Refusal, TabletState};

pub use self::exchange::{Acks, Input, Outcome, Output, Produce, RequestId, Why};
pub use self::options::{Identity, ReplicaOptions};

/// Milliseconds on the clock of whoever runs the replica. Only differences count.
pub type Millis = u64;

/// A replica of a tablet, in one life of its broker.
#[derive(Debug)]
pub struct Replica {
    pub(crate) identity: Identity,
    pub(crate) options: ReplicaOptions,
    pub(crate) log: LogEnds,
    /// Every record in front of it is on all in-sync replicas, as far as this replica knows.
    pub(crate) high_watermark: Offset,
    /// The newest word of the controller.
    pub(crate) state: Option<TabletState>,
    role: Role,
    last_flush: Millis,
    out: Vec<Output>,
}

/// What a replica is at the moment.
#[derive(Debug)]
enum Role {
    /// Nobody leads as far as it knows, or nobody has told it anything yet.
    Idle,
    Leader(Leader),
    Follower(Follower),
    /// Its disk has failed.
    Failed,
}

impl Replica {
    /// A replica with a log that was just opened, which has the records from `start` to `end`.
    pub fn new(identity: Identity, options: ReplicaOptions, start: Offset, end: Offset, epochs: Epochs) -> Replica {
        Replica {
            identity,
            options,
            log: LogEnds::opened(start, end, epochs, options.flush),
            high_watermark: start,
            state: None,
            role: Role::Idle,
            last_flush: 0,
            out: Vec::new(),
        }
    }

    /// Something has happened. Returns what is to be done, in this order.
    pub fn handle(&mut self, now: Millis, input: Input) -> Vec<Output> {
        if matches!(self.role, Role::Failed) {
            self.refuse(&input);
            return std::mem::take(&mut self.out);
        }
        match input {
            Input::Tablet(state) => self.learn(now, state),
            Input::Produce(produce) => self.produce(now, produce),
            Input::FetchRequest(request) => self.serve(now, &request),
            Input::FetchAnswer(answer) => self.take_answer(now, answer),
            Input::Synced => self.log.end_sync(),
            Input::Truncated(end) => self.truncated(end),
            Input::StartedAgain(start) => self.started_again(start),
            Input::Producers(producers) => self.log.producers = Some(producers),
            Input::ProposalAnswer { life, partition_epoch, result } => {
                self.take_proposal_answer(now, life, partition_epoch, result);
            }
            Input::Deleted(start) => self.deleted(start),
            Input::DiskFailed => self.fail(),
            Input::Tick => {}
        }
        self.go_on(now);
        std::mem::take(&mut self.out)
    }

    /// What is due whatever has happened: syncs, a leader's watermark and answers, a follower's next fetch.
    fn go_on(&mut self, now: Millis) {
        let is_due = match self.options.flush {
            Flush::Sync => true,
            Flush::Async => now >= self.last_flush + self.options.flush_interval_ms,
        };
        if is_due && self.log.wants_sync() && !matches!(self.role, Role::Failed) {
            self.last_flush = now;
            self.log.begin_sync();
            self.out.push(Output::Sync);
        }
        let before = self.high_watermark;
        match &mut self.role {
            Role::Leader(leader) => {
                let state = self.state.as_ref().expect("a leader knows its tablet");
                leader.look_at_isr(now, &self.identity, &self.options, state, &self.log, self.high_watermark);
                leader.propose(now, &self.options, &mut self.out);
                self.high_watermark = leader.high_watermark(&self.identity, state, &self.log, self.high_watermark);
                leader.acknowledge(now, &self.log, self.high_watermark, &mut self.out);
            }
            Role::Follower(follower) => follower.fetch(now, &self.identity, &self.options, &self.log, &mut self.out),
            Role::Idle | Role::Failed => {}
        }
        if self.high_watermark != before {
            self.out.push(Output::HighWatermark(self.high_watermark));
        }
    }

    /// Learns what the controller says.
    fn learn(&mut self, now: Millis, state: TabletState) {
        let is_news = self.state.as_ref().is_none_or(|known| known.partition_epoch < state.partition_epoch);
        if !is_news {
            return;
        }
        let is_another_reign = self.state.as_ref().is_none_or(|known| known.leader_epoch != state.leader_epoch);
        if is_another_reign {
            self.change_role(now, &state);
        } else if let Role::Leader(leader) = &mut self.role {
            leader.committed(&state);
        }
        self.state = Some(state);
    }

    fn change_role(&mut self, now: Millis, state: &TabletState) {
        self.abdicate(Why::NotLeader);
        self.role = match state.leader {
            Some(leader) if leader == self.identity.broker => {
                // Before anything is appended: who asks where the epochs before this one end has to be told.
                self.log.epochs.begin(state.leader_epoch, self.log.written);
                Role::Leader(Leader::new(now, state, self.log.written))
            }
            Some(leader) => Role::Follower(Follower::new(leader, state.leader_epoch, self.identity.life)),
            None => Role::Idle,
        };
    }

    /// Stops to lead: whoever waits for an acknowledgement does not get one, and is not told that there is no record.
    fn abdicate(&mut self, why: Why) {
        if let Role::Leader(leader) = &mut self.role {
            leader.give_up(why, &mut self.out);
        }
    }

    fn fail(&mut self) {
        self.abdicate(Why::DiskFailed);
        self.role = Role::Failed;
    }

    /// A replica without a disk appends nothing, and answers nobody but clients.
    fn refuse(&mut self, input: &Input) {
        if let Input::Produce(Produce { request, .. }) = input {
            self.out.push(Output::Answer { request: *request, outcome: Outcome::Refused(Why::DiskFailed) });
        }
    }

    fn serve(&mut self, now: Millis, request: &FetchRequest) {
        let answer = match &mut self.role {
            Role::Leader(leader) => {
                let state = self.state.as_ref().expect("a leader knows its tablet");
                leader.serve(now, state, &self.log, self.high_watermark, request)
            }
            _ => Some(Leader::not_leading(request)),
        };
        self.out.extend(answer);
    }

    fn take_answer(&mut self, now: Millis, answer: FetchAnswer) {
        if let Role::Follower(follower) = &mut self.role {
            let options = &self.options;
            follower.take(now, options, &mut self.log, &mut self.high_watermark, answer, &mut self.out);
        }
    }

    fn truncated(&mut self, end: Offset) {
        self.log.truncate(end);
        // What is left of which producer, only the log can tell: older batches than those that were remembered may be the
        // last ones now.
        self.log.producers = None;
        self.high_watermark = self.high_watermark.min(self.log.written);
        if let Role::Follower(follower) = &mut self.role {
            follower.is_cutting = false;
        }
    }

    fn started_again(&mut self, start: Offset) {
        let running = self.log.syncing;
        self.log = LogEnds::opened(start, start, Epochs::default(), self.options.flush);
        // A sync that is still running has covered nothing of what will be written, and the next one waits for its end.
        self.log.syncing = running.map(|_| start);
        self.log.producers = Some(Producers::new(start));
        self.high_watermark = start;
        if let Role::Follower(follower) = &mut self.role {
            follower.is_cutting = false;
        }
    }

    fn deleted(&mut self, start: Offset) {
        self.log.start = self.log.start.max(start);
        self.log.epochs.delete_before(start);
        if let Some(producers) = &mut self.log.producers {
            producers.delete_before(start);
        }
        self.high_watermark = self.high_watermark.max(start);
    }

    fn take_proposal_answer(
        &mut self,
        now: Millis,
        life: BrokerEpoch,
        partition_epoch: PartitionEpoch,
        result: Result<TabletState, Refusal>,
    ) {
        // An answer to an earlier life is about a leader that is no more.
        if life != self.identity.life {
            return;
        }
        match result {
            Ok(state) => self.learn(now, state),
            Err(refusal) => {
                if let Role::Leader(leader) = &mut self.role {
                    leader.refused(now, partition_epoch, &refusal, &self.options);
                }
            }
        }
    }

    /// Every record in front of it is on all in-sync replicas: a consumer sees no further.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The newest offset that a client may be told: `None` for a replica that does not lead, and for one that leads and
    /// does not know yet how far the leader before it came.
    pub fn latest_offset(&self) -> Option<Offset> {
        match &self.role {
            Role::Leader(leader) if self.high_watermark >= leader.start => Some(self.high_watermark),
            _ => None,
        }
    }

    /// How far the log goes.
    pub fn log(&self) -> &LogEnds {
        &self.log
    }

    /// The leader's part, if this replica leads.
    pub fn leading(&self) -> Option<&Leader> {
        match &self.role {
            Role::Leader(leader) => Some(leader),
            _ => None,
        }
    }

    /// The newest word of the controller that it has heard.
    pub fn state(&self) -> Option<&TabletState> {
        self.state.as_ref()
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether its disk has failed.
    pub fn has_failed(&self) -> bool {
        matches!(self.role, Role::Failed)
    }
}
