//! A tablet at work: what its replica wants done is done here, to its log and to all who wait.
//!
//! Each tablet has one task, and so its log has one writer. The task takes everything that has come meanwhile, writes all
//! of it, answers the followers, and syncs once: what comes while the disk is at work is the next group, as in stage 2.
//! Followers are answered in front of the sync, so that theirs runs at the same time: see `followers`. `retention` gives up
//! what is old.

mod followers;
mod retention;

use std::collections::HashMap;
use std::time::Duration;

use stage05::maintenance::Maintenance;
use stage05::retention::Retention;
use stage05::{Framed, Offset, Result};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::clock::Clock;
use super::parked::Parked;
use super::tablet::{NewBatch, View};
use crate::batch::Batch;
use crate::epochs::EpochEnd;
use crate::ids::{BrokerId, LeaderEpoch};
use crate::message::{FetchAnswer, FetchRequest};
use crate::replica::{Acks, Input, Outcome, Output, Produce, Replica, RequestId};
use crate::replica_log::ReplicaLog;
use crate::tablet::IsrChange;
use crate::tablet_log::TabletLog;

/// How many things are taken from the queue at once.
const GROUP_MAX: usize = 256;
/// How often a replica looks whether anything is due.
const TICK: Duration = Duration::from_millis(50);

/// What a tablet is asked to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Something has happened.
    Input(Input),
    /// A client wants a batch appended.
    Produce(NewBatch, Acks, oneshot::Sender<Outcome>),
    /// A follower asks, and waits until then.
    Fetch(FetchRequest, Instant, oneshot::Sender<FetchAnswer>),
    /// Where an epoch ends.
    EndOfEpoch(LeaderEpoch, oneshot::Sender<Option<EpochEnd>>),
    /// The records in front of this may go.
    DeleteBefore(Offset, oneshot::Sender<Offset>),
    /// Nothing more comes.
    Close,
}

/// Where a tablet's questions to others go.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    /// To the tablet's leader.
    pub(super) fetches: watch::Sender<Option<(BrokerId, FetchRequest)>>,
    /// To the controllers.
    pub(super) proposals: mpsc::UnboundedSender<IsrChange>,
}

/// A tablet's task.
#[derive(Debug)]
pub(super) struct Worker {
    replica: Replica,
    log: TabletLog,
    /// Everything in front of it was synced.
    synced: Offset,
    /// Batches that the replica has appended and the log has not yet: they are written by as few writes as possible, before
    /// anything else is done with the log.
    unwritten: Vec<Batch>,
    wants_sync: bool,
    clock: Clock,
    clients: HashMap<RequestId, oneshot::Sender<Outcome>>,
    last_request: u64,
    /// The follower whose question the replica is looking at.
    asking: Option<(Instant, oneshot::Sender<FetchAnswer>)>,
    parked: Vec<Parked>,
    ways: Ways,
    view: watch::Sender<View>,
    maintenance: Maintenance<Framed>,
    retention: Retention,
    looked_at_retention: Instant,
    is_closed: bool,
}

impl Worker {
    pub(super) fn new(replica: Replica, log: TabletLog, clock: Clock, ways: Ways, retention: Retention) -> Worker {
        let view = watch::Sender::new(View::of(&replica));
        let (synced, maintenance) = (log.end(), log.maintenance());
        Worker {
            replica,
            log,
            synced,
            unwritten: Vec::new(),
            wants_sync: false,
            clock,
            clients: HashMap::new(),
            last_request: 0,
            asking: None,
            parked: Vec::new(),
            ways,
            view,
            maintenance,
            retention,
            looked_at_retention: Instant::now(),
            is_closed: false,
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Works until it is told to close, and then syncs what there is. An error is the disk's: the tablet can do no more.
    /// Whatever is left in the queue is dropped with it, and that answers whoever waits.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Work>) -> Result<()> {
        let mut group = Vec::new();
        while !self.is_closed && !self.replica.has_failed() {
            tokio::select! {
                _ = queue.recv_many(&mut group, GROUP_MAX) => {}
                () = tokio::time::sleep(TICK) => {}
            }
            // The disk may take its time; what else this thread had to do is taken over by others.
            tokio::task::block_in_place(|| self.take_group(&mut group));
        }
        // A log that has failed says so once more.
        tokio::task::block_in_place(|| self.make_durable())
    }

    /// Does everything that was asked for, and one sync if one is wanted.
    fn take_group(&mut self, group: &mut Vec<Work>) {
        for work in group.drain(..) {
            self.take(work);
        }
        self.handle(Input::Tick);
        self.write();
        self.serve_parked();
        if std::mem::take(&mut self.wants_sync) {
            self.end_group();
        }
        self.retain();
        self.show();
    }

    /// Shows all others how the tablet is now.
    fn show(&self) {
        let view = View::of(&self.replica);
        self.view.send_if_modified(|known| std::mem::replace(known, view.clone()) != view);
    }

    fn take(&mut self, work: Work) {
        match work {
            Work::Input(input) => self.handle(input),
            Work::Produce(batch, acks, reply) => self.produce(batch, acks, reply),
            Work::Fetch(request, until, reply) => {
                self.asking = Some((until, reply));
                self.handle(Input::FetchRequest(request));
                // If the replica had nothing to say, whoever asked is told by this.
                self.asking = None;
            }
            Work::EndOfEpoch(epoch, reply) => {
                let log = self.replica.log();
                let end = self.replica.leading().and_then(|_| log.epochs.end_of(epoch, log.written));
                let _ = reply.send(end);
            }
            Work::DeleteBefore(limit, reply) => {
                self.delete_before(limit);
                let _ = reply.send(self.replica.log().start);
            }
            Work::Close => self.is_closed = true,
        }
    }

    fn produce(&mut self, batch: NewBatch, acks: Acks, reply: oneshot::Sender<Outcome>) {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        if acks != Acks::None {
            self.clients.insert(request, reply);
        }
        let NewBatch { count, base_timestamp_ms, max_timestamp_ms, sequence, body } = batch;
        self.handle(Input::Produce(Produce {
            request,
            acks,
            count,
            base_timestamp_ms,
            max_timestamp_ms,
            sequence,
            body,
        }));
    }

    /// Tells the replica, and does what it says. What that brings about is told in turn.
    fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        for output in self.replica.handle(now, input) {
            if let Err(error) = self.act(output) {
                tracing::error!(tablet = %self.replica.identity().tablet, "the disk has failed: {error}");
                self.unwritten.clear();
                let outputs = self.replica.handle(now, Input::DiskFailed);
                // Nothing of it is about the log any more.
                outputs.into_iter().for_each(|output| drop(self.act(output)));
                return;
            }
        }
    }

    fn act(&mut self, output: Output) -> Result<()> {
        match output {
            Output::Append(batches) => self.unwritten.extend(batches),
            Output::Sync => self.wants_sync = true,
            Output::Truncate(end) => {
                self.write_now()?;
                let end = self.log.truncate(end)?;
                self.synced = self.synced.min(end);
                tracing::info!(tablet = %self.replica.identity().tablet, %end, "cut where it parts from the leader's");
                self.handle(Input::Truncated(end));
                let producers = self.log.producers()?;
                self.handle(Input::Producers(producers));
            }
            Output::StartAgain(start) => {
                self.unwritten.clear();
                self.log.start_again(start)?;
                self.synced = start;
                tracing::info!(tablet = %self.replica.identity().tablet, %start, "begins again where the leader's log begins");
                self.handle(Input::StartedAgain(start));
            }
            // The newest question takes the place of the one before.
            Output::Fetch { leader, request } => drop(self.ways.fetches.send_replace(Some((leader, request)))),
            Output::AnswerFetch { answer, .. } => {
                if let Some((_, reply)) = self.asking.take() {
                    let _ = reply.send(answer);
                }
            }
            Output::ServeFetch { number, leader_epoch, from, .. } => {
                if let Some((until, reply)) = self.asking.take() {
                    self.parked.push(Parked { number, leader_epoch, from, until, reply });
                }
            }
            // It is sent again if there is nobody to take it.
            Output::Propose { change } => drop(self.ways.proposals.send(change)),
            Output::Answer { request, outcome } => {
                // Whoever is told that it is written finds it there: he may ask on another connection before this is over.
                self.write_now()?;
                self.show();
                if let Some(reply) = self.clients.remove(&request) {
                    let _ = reply.send(outcome);
                }
            }
            // The view says it.
            Output::HighWatermark(_) => {}
        }
        Ok(())
    }

    fn write_now(&mut self) -> Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let written = self.log.append(&self.unwritten);
        self.unwritten.clear();
        written
    }

    fn write(&mut self) {
        let written = self.write_now();
        self.note(written);
    }

    /// Syncs, unless there is nothing that was not synced: the sync before may have covered more than the replica knew.
    fn end_group(&mut self) {
        loop {
            if self.synced < self.log.end()
                && let Err(error) = self.make_durable()
            {
                return self.note(Err(error));
            }
            self.handle(Input::Synced);
            self.write();
            if !std::mem::take(&mut self.wants_sync) {
                return;
            }
        }
    }

    fn make_durable(&mut self) -> Result<()> {
        self.synced = self.log.sync()?;
        Ok(())
    }

    /// The disk has failed, if that is what this says.
    fn note(&mut self, done: Result<()>) {
        if let Err(error) = done {
            tracing::error!(tablet = %self.replica.identity().tablet, "the disk has failed: {error}");
            self.handle(Input::DiskFailed);
        }
    }
}

#[cfg(test)]
mod tests;
