//! A tablet of a broker, as the rest of the broker sees it.

use std::time::Duration;

use bytes::Bytes;
use stage05::Offset;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::worker::Work;
use crate::batch::Sequence;
use crate::epochs::EpochEnd;
use crate::ids::{BrokerId, LeaderEpoch};
use crate::message::{FetchAnswer, FetchRequest};
use crate::replica::{Acks, Input, Outcome, Replica, Why};
use crate::tablet::TabletId;
use crate::tablet_log::TabletReader;

/// A tablet that this broker keeps. Cheap to clone. What is asked of it waits in a queue; whoever asks waits when the queue
/// is full.
#[derive(Clone, Debug)]
pub struct Tablet {
    pub(super) queue: mpsc::Sender<Work>,
    pub(super) view: watch::Receiver<View>,
    pub(super) reader: TabletReader,
}

/// A tablet as it is at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Which tablet.
    pub tablet: TabletId,
    /// Who leads it.
    pub leader: Option<BrokerId>,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
    /// Whether this broker is the one that leads.
    pub is_leader: bool,
    /// The first record that is still there.
    pub start: Offset,
    /// Every record in front of it is on all in-sync replicas: a consumer reads no further.
    pub high_watermark: Offset,
    /// The high watermark, once a leader is sure of it: what a client may be told is the newest offset.
    pub latest: Option<Offset>,
    /// Behind the last record that was written.
    pub end: Offset,
}

impl View {
    pub(super) fn of(replica: &Replica) -> View {
        let state = replica.state();
        View {
            tablet: replica.identity().tablet.clone(),
            leader: state.and_then(|state| state.leader),
            leader_epoch: state.map(|state| state.leader_epoch).unwrap_or_default(),
            is_leader: replica.leading().is_some(),
            start: replica.log().start,
            high_watermark: replica.high_watermark(),
            latest: replica.latest_offset(),
            end: replica.log().written,
        }
    }
}

/// A batch that a client wants appended.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// How many records there are, at least 1.
    pub count: u32,
    /// The timestamp of the first, in milliseconds since 1970.
    pub base_timestamp_ms: u64,
    /// The largest timestamp.
    pub max_timestamp_ms: u64,
    /// Where it stands among its producer's batches, if the producer counts them.
    pub sequence: Option<Sequence>,
    /// The producer's bytes.
    pub body: Bytes,
}

impl Tablet {
    /// How the tablet is, and how it becomes.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Reads the log, also behind the high watermark: whoever reads for a consumer stops there.
    pub fn reader(&self) -> &TabletReader {
        &self.reader
    }

    /// Puts a batch into the tablet's queue. When this returns, it has its place: batches that are put there one after the
    /// other are appended in this order. What is returned waits for what becomes of it. With [`Acks::None`], that is
    /// nothing that anybody is told: do not wait for it.
    pub async fn produce(&self, batch: NewBatch, acks: Acks) -> impl Future<Output = Outcome> + Send + 'static {
        let (reply, outcome) = oneshot::channel();
        let is_queued = self.queue.send(Work::Produce(batch, acks, reply)).await.is_ok();
        async move {
            match outcome.await {
                Ok(outcome) => outcome,
                // The tablet was closed: before it had the batch, or who knows when.
                Err(_) if is_queued => Outcome::Unknown(Why::NotLeader),
                Err(_) => Outcome::Refused(Why::NotLeader),
            }
        }
    }

    /// Answers a follower. If there is nothing new for it, the answer waits until there is, at most `wait`. `None` if there
    /// is nothing to say: the question was an earlier life's, or the tablet is closed.
    pub async fn fetch(&self, request: FetchRequest, wait: Duration) -> Option<FetchAnswer> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Work::Fetch(request, Instant::now() + wait, reply)).await.ok()?;
        answer.await.ok()
    }

    /// Up to where the leader has the records of an epoch, or of the last one before it. `None` if this broker does not lead,
    /// or the log has nothing that old.
    pub async fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        let (reply, end) = oneshot::channel();
        self.queue.send(Work::EndOfEpoch(epoch, reply)).await.ok()?;
        end.await.ok().flatten()
    }

    /// Gives up whole segments whose batches are all in front of `limit` and of the high watermark. Returns where the log
    /// starts then.
    pub async fn delete_before(&self, limit: Offset) -> Offset {
        let (reply, start) = oneshot::channel();
        if self.queue.send(Work::DeleteBefore(limit, reply)).await.is_ok()
            && let Ok(start) = start.await
        {
            return start;
        }
        self.view.borrow().start
    }

    /// Tells the replica something that it will be told again if it does not hear it now: a tablet whose queue is full must
    /// not keep its broker from the heartbeat.
    pub(super) fn tell(&self, input: Input) {
        let _ = self.queue.try_send(Work::Input(input));
    }
}
