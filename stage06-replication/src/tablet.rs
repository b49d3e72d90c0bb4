//! What the controller says of a tablet: who leads it, and who is in sync.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};

/// A tablet's name: a topic, and the number of a partition of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TabletId {
    /// The topic.
    pub topic: String,
    /// Which of its partitions, from 0 on.
    pub partition: u32,
}

impl fmt::Display for TabletId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The controller's word on a tablet. Each change makes another version of it, and each other leader another epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabletState {
    /// Which of all tablets that ever had this name: what a broker has kept of another one is not this one's (KIP-516).
    pub id: u64,
    /// The brokers that keep the tablet. The first is the one that leads by preference.
    pub replicas: Vec<BrokerId>,
    /// How many replicas have to be in sync for an acknowledgement of all (`min.insync.replicas`).
    pub min_insync_replicas: usize,
    /// Who leads; nobody if none of those who may is there.
    pub leader: Option<BrokerId>,
    /// The reign of this leader.
    pub leader_epoch: LeaderEpoch,
    /// The version of all this.
    pub partition_epoch: PartitionEpoch,
    /// The in-sync replicas: each has every record that was ever acknowledged by all (`ISR`).
    pub isr: BTreeSet<BrokerId>,
    /// Replicas that left the ISR when it had fewer than `min_insync_replicas`: nothing was acknowledged by all without
    /// them, so each of them may lead as well as one that is in sync (`ELR`, KIP-966).
    pub elr: BTreeSet<BrokerId>,
}

/// A change of a tablet's in-sync replicas, as its leader proposes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsrChange {
    /// The tablet.
    pub tablet: TabletId,
    /// The leader that proposes it.
    pub leader: BrokerId,
    /// Which life of the leader.
    pub leader_life: BrokerEpoch,
    /// Its reign.
    pub leader_epoch: LeaderEpoch,
    /// The version that is to be changed.
    pub partition_epoch: PartitionEpoch,
    /// The in-sync replicas that it wants.
    pub isr: Vec<Member>,
}

/// One of the in-sync replicas of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The replica's broker.
    pub broker: BrokerId,
    /// For one that is to join: the life in which it was seen to have caught up. A broker that was restarted since may
    /// have lost what it had (KIP-903). `None` for one that is in sync already; the controller knows of its restarts.
    pub life: Option<BrokerEpoch>,
}

/// Why the controller does not do what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// There is no such tablet.
    #[error("there is no tablet {0}")]
    UnknownTablet(TabletId),
    /// There is such a tablet already.
    #[error("there is a tablet {0} already")]
    TabletExists(TabletId),
    /// The broker was never registered, or was registered anew since it asked.
    #[error("{broker} asks as {asks}, and is {registered:?}")]
    StaleBroker {
        /// Who asks.
        broker: BrokerId,
        /// As which of its lives.
        asks: BrokerEpoch,
        /// The life that is registered.
        registered: Option<BrokerEpoch>,
    },
    /// The broker was started again since it asked.
    #[error("{broker} asks as start {asks}, and has been started {known} times")]
    EarlierStart {
        /// Who asks.
        broker: BrokerId,
        /// As which of its starts.
        asks: u64,
        /// The start that is registered.
        known: u64,
    },
    /// Whoever asks does not lead the tablet, or did so in another epoch.
    #[error("{tablet} is led by {leader:?} in {leader_epoch}")]
    NotLeader {
        /// The tablet.
        tablet: TabletId,
        /// Who leads it.
        leader: Option<BrokerId>,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
    },
    /// The change was proposed on another version.
    #[error("{tablet} is at {found}, and the change is for {expected}")]
    StaleVersion {
        /// The tablet.
        tablet: TabletId,
        /// The version that the change is for.
        expected: PartitionEpoch,
        /// The version that there is.
        found: PartitionEpoch,
    },
    /// A broker that is to be in sync is none of the tablet's, fenced, or another one since its last restart.
    #[error("{broker} is not eligible for {tablet}")]
    Ineligible {
        /// The tablet.
        tablet: TabletId,
        /// The broker.
        broker: BrokerId,
    },
}
