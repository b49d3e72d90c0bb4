//! What is in the brokers' directories when they have stopped.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use stage06::tablet_log::TabletReader;
use stage06::{Disk, Framed, Offset, OsDisk, SegmentOptions};

use crate::cluster::{BROKERS, Cluster};

/// A batch of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredBatch {
    pub(crate) base_offset: Offset,
    pub(crate) epoch: u32,
    pub(crate) count: u32,
    pub(crate) body: Bytes,
}

/// All batches of a partition, as a broker has them on its disk.
pub(crate) fn stored(data: &Path, topic: &str, partition: u32) -> Vec<StoredBatch> {
    let prefix = format!("{topic}-{partition}@");
    let tablets = fs::read_dir(data.join("tablets")).expect("a broker has a directory for tablets");
    let paths: Vec<_> = tablets
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
        .collect();
    assert_eq!(paths.len(), 1, "{prefix} in {}", data.display());
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(&paths[0]).expect("the tablet's directory"));
    let reader = TabletReader::open(&disk, Framed::default(), &SegmentOptions::default()).expect("the log is sound");
    let (mut batches, mut next) = (Vec::new(), reader.start());
    while next < reader.end() {
        let read = reader.read(next, 1024 * 1024).expect("the log is sound");
        for batch in read {
            next = batch.end_offset();
            let (base_offset, epoch, count) = (batch.base_offset, batch.epoch.0, batch.count);
            batches.push(StoredBatch { base_offset, epoch, count, body: batch.body });
        }
    }
    batches
}

/// Checks that all replicas of a partition have the same batches, and returns how many.
pub(crate) fn check_replicas(cluster: &Cluster, topic: &str, partition: u32) -> usize {
    let first = stored(&cluster.data(1), topic, partition);
    for broker in 2..=BROKERS {
        let other = stored(&cluster.data(broker), topic, partition);
        let common = first.iter().zip(&other).take_while(|(one, other)| one == other).count();
        assert!(
            common == first.len() && common == other.len(),
            "{topic}-{partition}: brokers 1 and {broker} have {} and {} batches and part at {:?} and {:?}",
            first.len(),
            other.len(),
            first.get(common).map(|batch| (batch.base_offset, batch.epoch, batch.count)),
            other.get(common).map(|batch| (batch.base_offset, batch.epoch, batch.count)),
        );
    }
    first.len()
}
