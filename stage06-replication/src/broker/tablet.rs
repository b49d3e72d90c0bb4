//! A tablet at work: a replica, its log, and all who wait for it.

use std::time::Duration;

use bytes::Bytes;
use stage05::Offset;
use tokio::sync::watch;

use crate::batch::Sequence;
use crate::epochs::EpochEnd;
use crate::ids::{BrokerId, LeaderEpoch};
use crate::message::{FetchAnswer, FetchRequest};
use crate::replica::{Acks, Outcome};
use crate::tablet::TabletId;
use crate::tablet_log::TabletReader;

/// A tablet that this broker keeps. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tablet {
    view: watch::Receiver<View>,
    reader: TabletReader,
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
    /// other are appended in this order. What is returned waits for what becomes of it: at once with [`Acks::None`].
    pub async fn produce(&self, _batch: NewBatch, _acks: Acks) -> impl Future<Output = Outcome> + Send + 'static {
        async { unimplemented!() }
    }

    /// Answers a follower. If there is nothing new for it, the answer waits until there is, at most `wait`. `None` if there
    /// is nothing to say: the question was an earlier life's, or the tablet is closed.
    pub async fn fetch(&self, _request: FetchRequest, _wait: Duration) -> Option<FetchAnswer> {
        unimplemented!()
    }

    /// Up to where the leader has the records of an epoch, or of the last one before it. `None` if this broker does not lead,
    /// or the log has nothing that old.
    pub async fn end_of_epoch(&self, _epoch: LeaderEpoch) -> Option<EpochEnd> {
        unimplemented!()
    }
}
