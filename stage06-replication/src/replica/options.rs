//! Who a replica is, and how it behaves.

use super::Millis;
use crate::ids::{BrokerEpoch, BrokerId};
use crate::log_ends::Flush;
use crate::tablet::TabletId;

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
