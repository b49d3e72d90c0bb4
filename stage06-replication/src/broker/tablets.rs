//! The tablets that a broker keeps: each in a directory of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use stage05::retention::Retention;
use stage05::{Disk, Framed, OsDisk, SegmentOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::fetcher::fetch_for;
use super::tablet::Tablet;
use super::worker::{Ways, Work, Worker};
use super::{BrokerError, BrokerOptions};
use crate::controller::Controller;
use crate::groups::service::OFFSETS_TOPIC;
use crate::ids::BrokerEpoch;
use crate::raft::Applied;
use crate::replica::{Identity, Input, Replica};
use crate::replica_log::ReplicaLog;
use crate::tablet::{IsrChange, TabletId, TabletState};
use crate::tablet_log::TabletLog;

/// How many things may wait in a tablet's queue.
const QUEUE_MAX: usize = 1024;

/// The tablets that a broker has opened.
#[derive(Debug)]
pub(super) struct Tablets {
    directory: PathBuf,
    options: BrokerOptions,
    clock: Clock,
    proposals: mpsc::UnboundedSender<IsrChange>,
    applied: watch::Receiver<Applied>,
    open: RwLock<BTreeMap<TabletId, OpenTablet>>,
}

#[derive(Debug)]
struct OpenTablet {
    /// Which of all that ever had its name.
    id: u64,
    tablet: Tablet,
    work: JoinHandle<stage05::Result<()>>,
}

impl Tablets {
    pub(super) fn new(
        options: &BrokerOptions,
        clock: Clock,
        proposals: mpsc::UnboundedSender<IsrChange>,
        applied: watch::Receiver<Applied>,
    ) -> Tablets {
        let directory = options.directory.join("tablets");
        Tablets { directory, options: options.clone(), clock, proposals, applied, open: RwLock::default() }
    }

    /// A tablet, if it is open.
    pub(super) fn get(&self, tablet: &TabletId) -> Option<Tablet> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(tablet).map(|open| open.tablet.clone())
    }

    /// All that are open.
    pub(super) fn all(&self) -> Vec<Tablet> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().map(|open| open.tablet.clone()).collect()
    }

    /// The controller's word on a tablet: it is opened if it is not open yet.
    pub(super) async fn learn(&self, life: BrokerEpoch, name: TabletId, state: TabletState) -> Result<(), BrokerError> {
        let is_open = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            open.get(&name).is_some_and(|open| open.id == state.id)
        };
        if !is_open {
            self.close(&name).await?;
            let opened = tokio::task::block_in_place(|| self.open(life, &name, state.id))?;
            self.open.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), opened);
        }
        if let Some(tablet) = self.get(&name) {
            tablet.tell(Input::Tablet(state));
        }
        Ok(())
    }

    /// Opens a tablet's log, puts in order what a crash has left of it, and sets it to work.
    fn open(&self, life: BrokerEpoch, name: &TabletId, id: u64) -> Result<OpenTablet, BrokerError> {
        let path = self.directory.join(directory_of(name, id)?);
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(&path)?);
        let mut log =
            TabletLog::open(&disk, Framed::default(), SegmentOptions::with_segment_bytes(self.options.segment_bytes))?;
        let identity = Identity { broker: self.options.id, life, tablet: name.clone() };
        let mut replica = Replica::new(identity, self.options.replica, log.start(), log.end(), log.epochs()?);
        replica.handle(self.clock.now(), Input::Producers(log.producers()?));
        tracing::info!(tablet = %name, start = %log.start(), end = %log.end(), "opened");
        let (queue, received) = mpsc::channel(QUEUE_MAX);
        let (fetches, questions) = watch::channel(None);
        let ways = Ways { fetches, proposals: self.proposals.clone() };
        let retention = match name.topic == OFFSETS_TOPIC {
            // Its coordinator says what can go: what is old there is not what nobody needs.
            true => Retention::default(),
            false => Retention { age_max: self.options.retention, bytes_min: self.options.retention_bytes },
        };
        let reader = log.reader();
        let worker = Worker::new(replica, log, self.clock, ways, retention);
        let tablet = Tablet { queue: queue.clone(), view: worker.subscribe(), reader };
        tokio::spawn(fetch_for(name.clone(), queue.downgrade(), questions, self.applied.clone()));
        Ok(OpenTablet { id, tablet, work: tokio::spawn(worker.run(received)) })
    }

    /// Closes a tablet: what it has is durable when this returns.
    async fn close(&self, name: &TabletId) -> Result<(), BrokerError> {
        let closed = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(OpenTablet { tablet, work, .. }) = closed {
            let _ = tablet.queue.send(Work::Close).await;
            work.await.map_err(|e| BrokerError::Stopped(e.to_string()))??;
        }
        Ok(())
    }

    /// Closes all of them.
    pub(super) async fn close_all(&self) -> Result<(), BrokerError> {
        let names: Vec<TabletId> = self.all().iter().map(|tablet| tablet.view.borrow().tablet.clone()).collect();
        for name in names {
            self.close(&name).await?;
        }
        Ok(())
    }

    /// The first tablet whose disk has failed.
    pub(super) fn failed(&self) -> Option<TabletId> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.iter().find(|(_, open)| open.work.is_finished()).map(|(name, _)| name.clone())
    }

    /// Removes what is left of tablets that are there no more, and of earlier ones of the same name. The controller's state
    /// has to be as new as this broker's registration: a tablet that it does not know then was deleted.
    pub(super) async fn remove_deleted(&self, controller: &Controller) -> Result<(), BrokerError> {
        let exists = |name: &TabletId, id: u64| controller.tablet(name).is_some_and(|state| state.id == id);
        let gone: Vec<TabletId> = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            open.iter().filter(|(name, open)| !exists(name, open.id)).map(|(name, _)| name.clone()).collect()
        };
        for name in gone {
            self.close(&name).await?;
        }
        tokio::task::block_in_place(|| self.remove_directories(exists))
    }

    fn remove_directories(&self, exists: impl Fn(&TabletId, u64) -> bool) -> Result<(), BrokerError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| BrokerError::Io { path, cause }
        };
        fs::create_dir_all(&self.directory).map_err(failed(&self.directory))?;
        for entry in fs::read_dir(&self.directory).map_err(failed(&self.directory))? {
            let entry = entry.map_err(failed(&self.directory))?;
            // What nobody here has named is not ours to remove.
            if let Some((name, id)) = entry.file_name().to_str().and_then(tablet_of)
                && !exists(&name, id)
            {
                tracing::info!(tablet = %name, "deleted");
                fs::remove_dir_all(entry.path()).map_err(failed(&entry.path()))?;
            }
        }
        Ok(())
    }
}

/// Whether a topic can be called so: its name becomes part of a path.
pub fn is_topic_name(topic: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=249).contains(&topic.len()) && topic.bytes().all(is_allowed) && topic != "." && topic != ".."
}

/// `orders-0@17`: the tablet, and which of all that ever had its name.
fn directory_of(tablet: &TabletId, id: u64) -> Result<String, BrokerError> {
    match is_topic_name(&tablet.topic) {
        true => Ok(format!("{tablet}@{id}")),
        false => Err(BrokerError::BadTopic(tablet.topic.clone())),
    }
}

fn tablet_of(directory: &str) -> Option<(TabletId, u64)> {
    let (name, id) = directory.rsplit_once('@')?;
    let (topic, partition) = name.rsplit_once('-')?;
    Some((TabletId { topic: topic.to_string(), partition: partition.parse().ok()? }, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_says_which_tablet_it_is() {
        let tablet = TabletId { topic: "a-b.c_d".into(), partition: 12 };
        let directory = directory_of(&tablet, 345).unwrap();
        assert_eq!(tablet_of(&directory), Some((tablet, 345)));
    }

    #[test]
    fn a_topic_whose_name_is_a_path_is_refused() {
        for topic in ["", ".", "..", "../x", "a/b", "a\0b", "ä", &"x".repeat(250)] {
            assert!(directory_of(&TabletId { topic: topic.into(), partition: 0 }, 1).is_err(), "{topic:?}");
        }
    }
}
