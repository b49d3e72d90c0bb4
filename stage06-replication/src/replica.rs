//! A replica of a tablet: what it does about everything that can happen to it.
//!
//! It has no clock, no socket and no disk. Whoever runs it tells it what happened and what time it is, and does what it
//! says: a broker with a real network and a real disk, or a simulator, in which years pass in minutes and every message
//! comes late. So there is one implementation, and it is tested where anything can be made to happen.

use bytes::Bytes;
use stage05::Offset;

use crate::batch::{Batch, Sequence};
use crate::epochs::Epochs;
use crate::follower::Follower;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use crate::leader::Leader;
use crate::log_ends::{Flush, LogEnds};
use crate::message::{FetchAnswer, FetchRequest};
use crate::producers::{Check, Producers};
use crate::tablet::{IsrChange, Refusal, TabletId, TabletState};

/// Milliseconds on the clock of whoever runs the replica. Only differences count.
pub type Millis = u64;

/// What a replica is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The controller's word on the tablet. Older versions than the one that is known may come, and change nothing.
    Tablet(TabletState),
    /// A client wants a batch appended.
    Produce(Produce),
    /// A follower asks for more.
    FetchRequest(FetchRequest),
    /// The leader has answered.
    FetchAnswer(FetchAnswer),
    /// The sync that [`Output::Sync`] asked for is over.
    Synced,
    /// The cut that [`Output::Truncate`] asked for is done: this is where the log ends now.
    Truncated(Offset),
    /// The log was thrown away and begins at this offset, as [`Output::StartAgain`] asked for.
    StartedAgain(Offset),
    /// Which batches the log has of which producers, as it is now. It has to be told at first, and after each
    /// [`Input::Truncated`]: until then, a leader takes no batch that is counted.
    Producers(Producers),
    /// The controller's answer to a proposal of one of this broker's lives.
    ProposalAnswer {
        /// The life that has proposed.
        life: BrokerEpoch,
        /// The version that the proposal was to change.
        partition_epoch: PartitionEpoch,
        /// The tablet as it is now, or why not.
        result: Result<TabletState, Refusal>,
    },
    /// Retention has given up the records in front of this offset.
    Deleted(Offset),
    /// A write or a sync has failed. Nobody knows what is on the disk now, so this replica is over until it is opened
    /// again.
    DiskFailed,
    /// Some time has passed: comes now and then, and more often than any timeout of [`ReplicaOptions`].
    Tick,
}

/// A batch that a client wants appended.
#[derive(Clone, Debug)]
pub struct Produce {
    /// How the answer finds the client.
    pub request: RequestId,
    /// When to answer.
    pub acks: Acks,
    /// How many records there are.
    pub count: u32,
    /// The timestamp of the first, in milliseconds since 1970.
    pub base_timestamp_ms: u64,
    /// The largest timestamp.
    pub max_timestamp_ms: u64,
    /// Where it stands among its producer's batches, if the producer counts them.
    pub sequence: Option<Sequence>,
    /// The records, as the client has encoded them.
    pub body: Bytes,
}

/// Names a request of a client, for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// When a batch is acknowledged (`acks`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Never (`acks=0`).
    None,
    /// When the leader has it (`acks=1`). It is lost if the leader does not come back.
    Leader,
    /// When all in-sync replicas have it, of which there have to be enough (`acks=all`).
    All,
}

/// What a replica wants done, in this order. What is about the log is done before the replica is told anything else: it
/// goes by what the log will be. Only a sync takes its time.
#[derive(Clone, Debug)]
pub enum Output {
    /// Write these at the end of the log.
    Append(Vec<Batch>),
    /// Start to sync the log, and say [`Input::Synced`] when that is done.
    Sync,
    /// Cut the log here, durably, and say [`Input::Truncated`] and [`Input::Producers`] at once.
    Truncate(Offset),
    /// Throw the log away, begin again at this offset, durably, and say [`Input::StartedAgain`] at once.
    StartAgain(Offset),
    /// Ask the leader.
    Fetch {
        /// The leader.
        leader: BrokerId,
        /// The question.
        request: FetchRequest,
    },
    /// Answer a follower.
    AnswerFetch {
        /// The follower.
        to: BrokerId,
        /// The answer.
        answer: FetchAnswer,
    },
    /// Answer a follower with the batches that the log has from `from` on.
    ServeFetch {
        /// The follower.
        to: BrokerId,
        /// Its question.
        number: u64,
        /// The epoch of both.
        leader_epoch: LeaderEpoch,
        /// The first offset it lacks.
        from: Offset,
        /// The leader's high watermark.
        high_watermark: Offset,
    },
    /// Ask the controller for other in-sync replicas.
    Propose {
        /// Them.
        change: IsrChange,
    },
    /// Answer a client.
    Answer {
        /// Its request.
        request: RequestId,
        /// What came of it.
        outcome: Outcome,
    },
    /// The high watermark is another one: consumers that wait may look again.
    HighWatermark(Offset),
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log, as safe as [`Acks`] says, from this offset on. A batch that is counted may have been there before
    /// it was sent again.
    Acknowledged(Offset),
    /// It was not appended by this request, and never will be: try again, here or elsewhere.
    Refused(Why),
    /// It was appended, and nobody can say whether it stays.
    Unknown(Why),
}

/// Why a batch was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another broker leads, or none.
    NotLeader,
    /// There are fewer in-sync replicas than it takes.
    NotEnoughReplicas,
    /// The in-sync replicas took too long.
    TimedOut,
    /// The disk has failed.
    DiskFailed,
    /// Its sequence number does not go on where the producer's last batch ended: one in between is missing.
    OutOfSequence,
    /// The producer has begun another life since.
    ProducerFenced,
}

/// How a replica behaves. The names in brackets are Kafka's.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaOptions {
    /// When a replica says that it has a record.
    pub flush: Flush,
    /// How long a follower may lag before the leader goes on without it (`replica.lag.time.max.ms`).
    pub replica_lag_max_ms: Millis,
    /// How long a batch may wait for its in-sync replicas (`request.timeout.ms`).
    pub ack_timeout_ms: Millis,
    /// When a fetch, or a proposal, is taken for lost and sent again.
    pub resend_ms: Millis,
    /// How long to wait after an empty or a failed answer before the next try (`replica.fetch.backoff.ms`).
    pub backoff_ms: Millis,
    /// How long to wait before a follower is proposed again that the controller has refused. It may have been fenced at that
    /// moment, since it had just been started.
    pub refused_ms: Millis,
    /// How often a log is synced that acknowledges before (`log.flush.interval.ms`).
    pub flush_interval_ms: Millis,
}

impl Default for ReplicaOptions {
    fn default() -> ReplicaOptions {
        ReplicaOptions {
            flush: Flush::Sync,
            replica_lag_max_ms: 10_000,
            ack_timeout_ms: 30_000,
            resend_ms: 2_000,
            backoff_ms: 100,
            refused_ms: 500,
            flush_interval_ms: 1_000,
        }
    }
}

/// Who a replica is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its broker.
    pub broker: BrokerId,
    /// Which life of the broker.
    pub life: BrokerEpoch,
    /// The tablet.
    pub tablet: TabletId,
}

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

    fn produce(&mut self, now: Millis, produce: Produce) {
        let request = produce.request;
        let Role::Leader(leader) = &mut self.role else {
            return self.out.push(Output::Answer { request, outcome: Outcome::Refused(Why::NotLeader) });
        };
        let state = self.state.as_ref().expect("a leader knows its tablet");
        if produce.acks == Acks::All && state.isr.len() < state.min_insync_replicas {
            return self.out.push(Output::Answer { request, outcome: Outcome::Refused(Why::NotEnoughReplicas) });
        }
        let deadline = now + self.options.ack_timeout_ms;
        if let Some(sequence) = &produce.sequence {
            let Some(producers) = &self.log.producers else {
                return self.out.push(Output::Answer { request, outcome: Outcome::Refused(Why::NotLeader) });
            };
            let why = match producers.check(sequence, produce.count) {
                Check::New => None,
                // It is as safe as it was asked for when its records are: they may be the ones that nobody else has yet.
                Check::Duplicate { base, end } => return leader.wait(request, produce.acks, base, end, deadline),
                Check::OutOfSequence => Some(Why::OutOfSequence),
                Check::Fenced => Some(Why::ProducerFenced),
            };
            if let Some(why) = why {
                return self.out.push(Output::Answer { request, outcome: Outcome::Refused(why) });
            }
        }
        let batch = Batch {
            base_offset: self.log.written,
            epoch: state.leader_epoch,
            count: produce.count,
            base_timestamp_ms: produce.base_timestamp_ms,
            max_timestamp_ms: produce.max_timestamp_ms,
            sequence: produce.sequence,
            body: produce.body,
        };
        self.log.append(&batch);
        leader.wait(request, produce.acks, batch.base_offset, batch.end_offset(), deadline);
        self.out.push(Output::Append(vec![batch]));
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
