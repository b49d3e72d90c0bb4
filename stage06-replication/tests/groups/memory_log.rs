//! A tablet in memory, whose followers do what a test wants; and a coordinator over it.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use stage05::Offset;
use stage06::batch::Batch;
use stage06::broker::{NewBatch, View};
use stage06::groups::batch::decode;
use stage06::groups::coordinator::coordinate;
use stage06::groups::log::OffsetsLog;
use stage06::groups::message::{Answer, Caller, GroupError};
use stage06::groups::options::GroupOptions;
use stage06::groups::question::{Call, Partition, Question, Reply};
use stage06::groups::record::{Committed, OffsetRecord};
use stage06::ids::LeaderEpoch;
use stage06::replica::{Outcome, Why};
use stage06::tablet::TabletId;
use tokio::sync::{mpsc, oneshot, watch};

/// What the followers do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followers {
    /// They have it at once.
    Follow,
    /// They do not fetch.
    Stand,
    /// There are not enough of them.
    AreGone,
}

#[derive(Clone, Debug)]
pub(crate) struct MemoryLog {
    inner: Arc<Mutex<Inner>>,
    view: Arc<watch::Sender<View>>,
}

#[derive(Debug)]
struct Inner {
    batches: Vec<Batch>,
    followers: Followers,
    /// Of every batch with such a record.
    refuses: Option<fn(&OffsetRecord) -> bool>,
    /// Another broker leads, and then this one again, before the next batch is appended.
    is_slow: bool,
    waiting: Vec<(Offset, oneshot::Sender<Outcome>)>,
}

impl MemoryLog {
    /// An empty one, led in epoch 1.
    pub(crate) fn new() -> MemoryLog {
        let view = View {
            tablet: TabletId { topic: "__consumer_offsets".into(), partition: 0 },
            leader: None,
            leader_epoch: LeaderEpoch(1),
            is_leader: true,
            start: Offset(0),
            high_watermark: Offset(0),
            latest: Some(Offset(0)),
            end: Offset(0),
        };
        let inner = Inner {
            batches: Vec::new(),
            followers: Followers::Follow,
            refuses: None,
            is_slow: false,
            waiting: Vec::new(),
        };
        MemoryLog { inner: Arc::new(Mutex::new(inner)), view: Arc::new(watch::Sender::new(view)) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test has failed with it")
    }

    pub(crate) fn followers(&self, followers: Followers) {
        self.lock().followers = followers;
        if followers == Followers::Follow {
            self.replicate();
        }
    }

    pub(crate) fn refuses(&self, refuses: Option<fn(&OffsetRecord) -> bool>) {
        self.lock().refuses = refuses;
    }

    pub(crate) fn is_slow(&self) {
        self.lock().is_slow = true;
    }

    /// Everything is on all in-sync replicas.
    fn replicate(&self) {
        let end = self.view.borrow().end;
        self.view.send_modify(|view| (view.high_watermark, view.latest) = (end, Some(end)));
        for (offset, reply) in std::mem::take(&mut self.lock().waiting) {
            let _ = reply.send(Outcome::Acknowledged(offset));
        }
    }

    /// Another leader, which has `kept` of the batches that were not acknowledged. It is not sure of them before its
    /// followers follow.
    pub(crate) fn fail_over(&self, kept: usize) {
        let mut inner = self.lock();
        let high_watermark = self.view.borrow().high_watermark;
        let acknowledged = inner.batches.iter().filter(|batch| batch.end_offset() <= high_watermark).count();
        inner.batches.truncate(acknowledged + kept);
        inner.followers = Followers::Stand;
        let waiting = std::mem::take(&mut inner.waiting);
        let end = inner.batches.last().map_or(high_watermark, Batch::end_offset);
        drop(inner);
        waiting.into_iter().for_each(|(_, reply)| drop(reply.send(Outcome::Unknown(Why::NotLeader))));
        self.view.send_modify(|view| {
            (view.leader_epoch, view.latest, view.end) = (view.leader_epoch.next(), None, end);
        });
    }

    pub(crate) fn leads(&self, is_leader: bool) {
        self.view.send_modify(|view| view.is_leader = is_leader);
    }

    pub(crate) fn start(&self) -> Offset {
        self.view.borrow().start
    }

    pub(crate) fn records(&self) -> Vec<OffsetRecord> {
        self.lock().batches.iter().flat_map(|batch| decode(batch).expect("records")).collect()
    }

    /// Puts something into the log that is none of the records.
    pub(crate) fn damage(&self) {
        let last = self.lock().batches.last_mut().map(|batch| {
            let mut body = batch.body.to_vec();
            body[30] ^= 1;
            batch.body = body.into();
        });
        last.expect("a batch");
    }
}

impl OffsetsLog for MemoryLog {
    fn view(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// A batch at a time, so that reading takes its time.
    fn read(&self, from: Offset, _bytes_max: usize) -> stage05::Result<Vec<Batch>> {
        let inner = self.lock();
        Ok(inner.batches.iter().find(|batch| batch.end_offset() > from).cloned().into_iter().collect())
    }

    async fn append(&self, new: NewBatch) -> BoxFuture<'static, Outcome> {
        let (reply, outcome) = oneshot::channel();
        let mut inner = self.lock();
        if std::mem::take(&mut inner.is_slow) {
            self.view.send_modify(|view| view.leader_epoch = view.leader_epoch.next());
        }
        let batch = Batch {
            base_offset: self.view.borrow().end,
            epoch: self.view.borrow().leader_epoch,
            count: new.count,
            base_timestamp_ms: new.base_timestamp_ms,
            max_timestamp_ms: new.max_timestamp_ms,
            sequence: None,
            body: new.body,
        };
        let is_refused = |refuses| decode(&batch).expect("records").iter().any(refuses);
        if inner.followers == Followers::AreGone || inner.refuses.is_some_and(is_refused) {
            return std::future::ready(Outcome::Refused(Why::NotEnoughReplicas)).boxed();
        }
        let end = batch.end_offset();
        inner.waiting.push((batch.base_offset, reply));
        inner.batches.push(batch);
        let follow = inner.followers == Followers::Follow;
        drop(inner);
        self.view.send_modify(|view| view.end = end);
        if follow {
            self.replicate();
        }
        outcome.map(|outcome| outcome.unwrap_or(Outcome::Unknown(Why::NotLeader))).boxed()
    }

    async fn delete_before(&self, limit: Offset) -> Offset {
        self.lock().batches.retain(|batch| batch.end_offset() > limit);
        self.view.send_modify(|view| view.start = limit);
        limit
    }
}

/// A coordinator, and those who ask it.
pub(crate) struct Asked {
    calls: mpsc::Sender<Call>,
}

impl Asked {
    pub(crate) fn coordinator(log: &MemoryLog, options: GroupOptions) -> Asked {
        let (calls, waiting) = mpsc::channel(16);
        let log = log.clone();
        tokio::spawn(coordinate(move || Some(log.clone()), options, waiting));
        Asked { calls }
    }

    /// Asks. The question has its place when this returns.
    pub(crate) async fn ask(
        &self,
        group: &str,
        question: Question,
    ) -> impl Future<Output = Result<Reply, GroupError>> + use<> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call { group: group.into(), question, reply }).await.expect("a coordinator");
        async { answer.await.unwrap_or(Err(GroupError::NotCoordinator)) }
    }

    /// A client of no group commits.
    pub(crate) async fn commit(&self, group: &str, partition: u32, offset: u64) -> Result<Reply, GroupError> {
        self.ask(group, commit(partition, offset)).await.await
    }

    /// How far a group is; `None` if it has committed nothing.
    pub(crate) async fn offset(&self, group: &str, partition: u32) -> Result<Option<u64>, GroupError> {
        let question = Question::Fetch(Some(vec![at(partition)]));
        match self.ask(group, question).await.await? {
            Reply::Offsets(offsets) => Ok(offsets[0].1.as_ref().map(|committed| committed.offset)),
            other => panic!("no offsets, but {other:?}"),
        }
    }

    /// Asks until it is loaded.
    pub(crate) async fn loaded_offset(&self, group: &str, partition: u32) -> Option<u64> {
        loop {
            match self.offset(group, partition).await {
                Err(GroupError::LoadInProgress) => tokio::task::yield_now().await,
                offset => return offset.expect("an offset"),
            }
        }
    }
}

pub(crate) fn at(partition: u32) -> Partition {
    ("t".into(), partition)
}

pub(crate) fn commit(partition: u32, offset: u64) -> Question {
    let committed = Committed { offset, leader_epoch: -1, note: String::new(), at_ms: offset };
    Question::Commit(Caller { member: String::new(), generation: -1 }, vec![(at(partition), committed)])
}

pub(crate) const DONE: Result<Reply, GroupError> = Ok(Reply::Answer(Answer::Done));

/// Runs a test that does not hang.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test hangs");
    });
}
