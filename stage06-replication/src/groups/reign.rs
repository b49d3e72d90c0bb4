//! A coordinator as long as its broker leads the tablet: the groups, their offsets, and who waits for what.
//!
//! The offsets are always what the tablet says in front of its high watermark, and nothing else: when the reign begins,
//! it reads the tablet from its start, and then goes on to read what it has appended itself. So what a commit comes to
//! now, and what the next coordinator will make of it, is one piece of code.
//!
//! Who is a member is not written down. The next coordinator knows nobody, and tells everybody so; they join again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use stage05::Offset;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::batch::{decode, encode};
use super::checkpoint::Checkpoint;
use super::group::Group;
use super::log::OffsetsLog;
use super::message::{Answer, GroupError, Input};
use super::offsets::Offsets;
use super::options::GroupOptions;
use super::question::{Call, Reply};
use super::record::OffsetRecord;
use crate::broker::{View, unix_time_ms};
use crate::ids::LeaderEpoch;
use crate::replica::{Millis, Outcome, RequestId, Why};

/// How often it is looked whether anything is due.
const TICK: Duration = Duration::from_millis(100);
/// How much of the tablet is read at once, in bytes.
const READ_BYTES_MAX: usize = 1 << 20;

/// Where a reply goes.
pub(super) type ReplyTo = oneshot::Sender<Result<Reply, GroupError>>;

/// One coordinator's time.
pub(super) struct Reign<L> {
    pub(super) log: L,
    pub(super) options: GroupOptions,
    view: watch::Receiver<View>,
    epoch: LeaderEpoch,
    began: Instant,
    pub(super) began_at_ms: u64,
    /// The records in front of it have been applied to the offsets.
    pub(super) applied: Offset,
    /// All that the coordinators before have acknowledged has been applied.
    pub(super) is_loaded: bool,
    /// A record could not be read: nobody knows what the offsets are.
    has_failed: bool,
    pub(super) offsets: Offsets,
    pub(super) groups: BTreeMap<String, Group>,
    /// When a group has lost its last member.
    pub(super) emptied_at_ms: HashMap<String, u64>,
    pub(super) last_request: u64,
    pub(super) asked: HashMap<RequestId, ReplyTo>,
    /// Batches that were appended, and what becomes of them.
    appending: FuturesUnordered<BoxFuture<'static, (Appended, Outcome)>>,
    /// What is in the log, and not applied yet, by where it is.
    acknowledged: Vec<(Offset, Appended)>,
    /// How many bytes the offsets will take more, by commits that are on their way.
    pub(super) growth: usize,
    pub(super) commits_waiting: usize,
    pub(super) checkpoint: Checkpoint,
    /// Expired offsets are being given up.
    pub(super) is_expiring: bool,
}

/// Why a batch was appended.
pub(super) enum Appended {
    /// A client waits for it, and the offsets grow by so many bytes.
    Commit(ReplyTo, usize),
    /// A step of the checkpoint.
    Checkpoint,
    /// Offsets have expired.
    Expiry,
}

impl<L: OffsetsLog> Reign<L> {
    pub(super) fn begin(log: L, options: GroupOptions) -> Reign<L> {
        let view = log.view();
        let (epoch, start) = {
            let view = view.borrow();
            (view.leader_epoch, view.start)
        };
        Reign {
            log,
            options,
            view,
            epoch,
            began: Instant::now(),
            began_at_ms: unix_time_ms(),
            applied: start,
            is_loaded: false,
            has_failed: false,
            offsets: Offsets::default(),
            groups: BTreeMap::new(),
            emptied_at_ms: HashMap::new(),
            last_request: 0,
            asked: HashMap::new(),
            appending: FuturesUnordered::new(),
            acknowledged: Vec::new(),
            growth: 0,
            commits_waiting: 0,
            checkpoint: Checkpoint::since(start),
            is_expiring: false,
        }
    }

    /// Answers calls as long as the broker leads the tablet in this epoch.
    pub(super) async fn run(mut self, first: Call, calls: &mut mpsc::Receiver<Call>) {
        let mut tick = tokio::time::interval(TICK);
        self.read_on();
        self.take(first).await;
        while self.leads() {
            tokio::select! {
                call = calls.recv() => match call {
                    Some(call) => self.take(call).await,
                    None => break,
                },
                Some((why, outcome)) = self.appending.next() => self.appended(why, outcome).await,
                changed = self.view.changed() => if changed.is_err() { break },
                _ = tick.tick() => self.tick().await,
                // There is more to read: between two calls, a part of it.
                () = std::future::ready(()), if self.is_behind() => {}
            }
            self.read_on();
            self.finish_applied().await;
            self.begin_checkpoint().await;
        }
        self.close();
    }

    fn leads(&self) -> bool {
        let view = self.view.borrow();
        view.is_leader && view.leader_epoch == self.epoch
    }

    fn is_behind(&self) -> bool {
        !self.has_failed && self.applied < self.view.borrow().high_watermark
    }

    /// What time it is, for groups.
    pub(super) fn now(&self) -> Millis {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether questions can be answered.
    pub(super) fn check_loaded(&self) -> Result<(), GroupError> {
        match (self.has_failed, self.is_loaded) {
            (true, _) => Err(GroupError::NotAvailable),
            (false, false) => Err(GroupError::LoadInProgress),
            (false, true) => Ok(()),
        }
    }

    /// Applies the next records of the tablet, up to its high watermark.
    fn read_on(&mut self) {
        if self.is_behind()
            && let Err(what) = self.apply_more()
        {
            self.has_failed = true;
            let tablet = self.view.borrow().tablet.clone();
            tracing::error!(%tablet, from = self.applied.0, "the groups of this tablet have no coordinator: {what}");
        }
        // A new leader's high watermark may be behind what the one before has acknowledged. It is sure of it later.
        let view = self.view.borrow();
        self.is_loaded |= view.latest.is_some_and(|latest| self.applied >= latest);
    }

    fn apply_more(&mut self) -> Result<(), String> {
        let high_watermark = self.view.borrow_and_update().high_watermark;
        let batches = self.log.read(self.applied, READ_BYTES_MAX).map_err(|e| e.to_string())?;
        if batches.first().is_none_or(|first| first.end_offset() > high_watermark) {
            return Err(format!("no batch in front of the high watermark {}", high_watermark.0));
        }
        for batch in batches.iter().take_while(|batch| batch.end_offset() <= high_watermark) {
            let records = decode(batch).map_err(|e| e.to_string())?;
            for (record, at) in records.into_iter().zip(batch.base_offset.0..) {
                self.offsets.apply(Offset(at), record);
            }
            self.applied = batch.end_offset();
        }
        Ok(())
    }

    /// Appends records. When they are applied, or cannot be, [`Reign::done`] is told why they were appended.
    pub(super) async fn append(&mut self, records: &[OffsetRecord], why: Appended) {
        let outcome = match encode(records, self.epoch, unix_time_ms()) {
            Some(batch) => self.log.append(batch).await,
            // There is no batch as large as that. The limits of the options are far below.
            None => std::future::ready(Outcome::Refused(Why::NotEnoughReplicas)).boxed(),
        };
        self.appending.push(outcome.map(move |outcome| (why, outcome)).boxed());
    }

    /// All in-sync replicas have a batch, or nobody can say.
    async fn appended(&mut self, why: Appended, outcome: Outcome) {
        match outcome {
            Outcome::Acknowledged(offset) => self.acknowledged.push((offset, why)),
            Outcome::Refused(reason) | Outcome::Unknown(reason) => self.done(why, Err(error_of(reason))).await,
        }
    }

    /// Goes on with what has been applied by now.
    async fn finish_applied(&mut self) {
        if !self.leads() {
            // What was appended after the end of this reign counts for nothing.
            return;
        }
        let applied = self.applied;
        let finished: Vec<_> = self.acknowledged.extract_if(.., |(offset, _)| *offset < applied).collect();
        for (_, why) in finished {
            self.done(why, Ok(())).await;
        }
    }

    async fn done(&mut self, why: Appended, result: Result<(), GroupError>) {
        match why {
            Appended::Commit(reply, growth) => {
                self.growth -= growth;
                self.commits_waiting -= 1;
                let _ = reply.send(result.map(|()| Reply::Answer(Answer::Done)));
            }
            Appended::Checkpoint => self.go_on_with_checkpoint(result).await,
            // What could not be given up is tried again.
            Appended::Expiry => self.is_expiring = false,
        }
    }

    /// Another broker leads. Whoever waits is told to ask there. That goes for commits on their way too, which are dropped
    /// with all the rest: whether they stay, the next coordinator knows.
    fn close(mut self) {
        let names: Vec<String> = self.groups.keys().cloned().collect();
        names.iter().for_each(|name| drop(self.tell(name, Input::Close)));
    }
}

fn error_of(why: Why) -> GroupError {
    match why {
        Why::NotLeader | Why::DiskFailed => GroupError::NotCoordinator,
        Why::NotEnoughReplicas | Why::TimedOut | Why::OutOfSequence | Why::ProducerFenced => GroupError::NotAvailable,
    }
}
