//! How a broker is started.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::ids::BrokerId;
use crate::replica::ReplicaOptions;

/// How a broker is started. The names in brackets are Kafka's.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// Which broker it is (`node.id`).
    pub id: BrokerId,
    /// Where it keeps everything (`log.dirs`).
    pub directory: PathBuf,
    /// Every controller, this one among them, and where the others reach it (`controller.quorum.voters`).
    pub controllers: BTreeMap<BrokerId, String>,
    /// How its replicas behave.
    pub replica: ReplicaOptions,
    /// How often it tells the controllers that it is there (`broker.heartbeat.interval.ms`).
    pub heartbeat: Duration,
    /// How long the controllers wait for a broker before they fence it (`broker.session.timeout.ms`).
    pub session_timeout: Duration,
    /// The heartbeat of the controllers among themselves. An election takes four to eight of them.
    pub raft_heartbeat: Duration,
    /// Whether a topic that a client asks for is made if it is not there (`auto.create.topics.enable`).
    pub creates_topics: bool,
    /// How many partitions a topic has that says nothing of it (`num.partitions`).
    pub partitions: u32,
    /// How many brokers keep a tablet whose topic says nothing of it, if there are so many (`default.replication.factor`).
    pub replication_factor: usize,
    /// How many of them have to be in sync, if the topic says nothing of it (`min.insync.replicas`).
    pub min_insync_replicas: usize,
    /// The size of a log's segments, in bytes (`log.segment.bytes`).
    pub segment_bytes: u64,
    /// How old a tablet's records become, at least (`log.retention.ms`). `None` is for ever.
    pub retention: Option<Duration>,
    /// How large a tablet becomes, and up to a segment more (`log.retention.bytes`). `None` is without a limit.
    pub retention_bytes: Option<u64>,
}

impl BrokerOptions {
    /// A broker that listens on loopback, with numbers for one machine room.
    pub fn new(id: BrokerId, directory: PathBuf, controllers: BTreeMap<BrokerId, String>) -> BrokerOptions {
        BrokerOptions {
            id,
            directory,
            controllers,
            replica: ReplicaOptions::default(),
            heartbeat: Duration::from_millis(300),
            session_timeout: Duration::from_secs(2),
            raft_heartbeat: Duration::from_millis(150),
            creates_topics: true,
            partitions: 1,
            replication_factor: 3,
            min_insync_replicas: 2,
            segment_bytes: 64 * 1024 * 1024,
            retention: None,
            retention_bytes: None,
        }
    }
}
