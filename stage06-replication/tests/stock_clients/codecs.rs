//! Which codec the batches of a tablet are packed with, as its log has them.
//!
//! Only a look at the log tells: a client that does not believe the broker to know a codec sends everything unpacked,
//! without a word, and consumers notice nothing.

use std::collections::BTreeSet;

use crate::cluster::Cluster;
use crate::logs::{StoredBatch, stored};

/// What the lowest three bits of the attributes mean.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// The codecs of all batches of a partition on one broker. The brokers have to be stopped.
pub(crate) fn codecs(cluster: &Cluster, broker: u32, topic: &str, partition: u32) -> BTreeSet<&'static str> {
    stored(&cluster.data(broker), topic, partition).iter().map(codec).collect()
}

fn codec(batch: &StoredBatch) -> &'static str {
    let attributes = u16::from_be_bytes([batch.body[21], batch.body[22]]);
    CODECS[usize::from(attributes & 7)]
}
