//! A broker's side of its bond with the controller: register, send heartbeats, learn what became of the tablets.
//!
//! Like a replica, it has no clock and no socket of its own.

use serde::{Deserialize, Serialize};

use crate::ids::{BrokerEpoch, BrokerId, PartitionEpoch};
use crate::replica::Millis;
use crate::tablet::{IsrChange, Refusal, TabletId, TabletState};

/// What a broker asks the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// For a life of its own: see [`Command::Register`](crate::controller::Command::Register).
    Register {
        /// The broker.
        broker: BrokerId,
        /// How often it was started.
        incarnation: u64,
        /// Since which of its starts it has lost nothing.
        intact_since: u64,
        /// Where clients and other brokers find it.
        address: String,
    },
    /// Still here.
    Heartbeat {
        /// The broker.
        broker: BrokerId,
        /// Its life.
        life: BrokerEpoch,
        /// The version of the controller's state that it has seen.
        seen: u64,
    },
    /// For other in-sync replicas of a tablet that it leads.
    ChangeIsr(IsrChange),
    /// To be fenced, since it will stop: others lead its tablets before it is gone, and not a timeout later.
    Leave {
        /// The broker.
        broker: BrokerId,
        /// Its life.
        life: BrokerEpoch,
    },
}

/// What the controller tells a broker. All of it is for one life of the broker: the next one must not take it for its
/// own, whatever way it comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tell {
    /// It is registered.
    Registered {
        /// Which start of the broker.
        incarnation: u64,
        /// What everybody calls it.
        life: BrokerEpoch,
    },
    /// What there is to know, since what the broker has seen.
    News {
        /// The life that this is for.
        life: BrokerEpoch,
        /// The version of the controller's state.
        version: u64,
        /// Whether the broker may lead and follow.
        is_fenced: bool,
        /// The tablets that it keeps.
        tablets: Vec<(TabletId, TabletState)>,
    },
    /// The answer to a proposal.
    IsrChanged {
        /// The life that has proposed.
        life: BrokerEpoch,
        /// The tablet.
        tablet: TabletId,
        /// The version that was to be changed.
        partition_epoch: PartitionEpoch,
        /// The tablet as it is now, or why not.
        result: Result<TabletState, Refusal>,
    },
    /// The broker is registered as another life, or not at all: this one is over.
    Over {
        /// The life that is over.
        life: BrokerEpoch,
    },
}

/// What a broker does about what it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It has a life now, and may open its tablets.
    Registered(BrokerEpoch),
    /// A tablet is like this.
    Tablet(TabletId, TabletState),
    /// For [`Input::ProposalAnswer`](crate::replica::Input::ProposalAnswer).
    ProposalAnswer {
        /// The life that has proposed.
        life: BrokerEpoch,
        /// The tablet.
        tablet: TabletId,
        /// The version that was to be changed.
        partition_epoch: PartitionEpoch,
        /// The tablet as it is now, or why not.
        result: Result<TabletState, Refusal>,
    },
    /// Another process is this broker now: stop.
    Over,
}

/// A broker's bond with the controller, from one start to the next.
#[derive(Debug)]
pub struct Session {
    broker: BrokerId,
    incarnation: u64,
    intact_since: u64,
    address: String,
    life: Option<BrokerEpoch>,
    is_fenced: bool,
    seen: u64,
    heartbeat_ms: Millis,
    next: Millis,
}

impl Session {
    /// A broker that was just started. `incarnation` says how often, and never falls; `address` says where it is found.
    pub fn new(
        broker: BrokerId,
        incarnation: u64,
        intact_since: u64,
        heartbeat_ms: Millis,
        address: String,
    ) -> Session {
        let (life, is_fenced, seen, next) = (None, true, 0, 0);
        Session { broker, incarnation, intact_since, address, life, is_fenced, seen, heartbeat_ms, next }
    }

    /// There is news, as far as the broker can tell: it asks at the next tick, and does not wait for its heartbeat.
    pub fn hurry(&mut self) {
        self.next = 0;
    }

    /// What to send now, if anything.
    pub fn tick(&mut self, now: Millis) -> Option<Ask> {
        if now < self.next {
            return None;
        }
        self.next = now + self.heartbeat_ms;
        let &mut Session { broker, incarnation, intact_since, seen, .. } = self;
        Some(match self.life {
            None => Ask::Register { broker, incarnation, intact_since, address: self.address.clone() },
            Some(life) => Ask::Heartbeat { broker, life, seen },
        })
    }

    /// The controller has said something. Returns what is new by it.
    pub fn take(&mut self, tell: Tell) -> Vec<News> {
        match tell {
            Tell::Registered { incarnation, life } if incarnation == self.incarnation && self.life.is_none() => {
                self.life = Some(life);
                // Not before the next heartbeat is anything known of the tablets.
                self.next = 0;
                vec![News::Registered(life)]
            }
            Tell::News { life, version, is_fenced, tablets } if self.life == Some(life) => {
                // Answers may come in any order.
                if version < self.seen {
                    return Vec::new();
                }
                (self.seen, self.is_fenced) = (version, is_fenced);
                tablets.into_iter().map(|(tablet, state)| News::Tablet(tablet, state)).collect()
            }
            Tell::IsrChanged { life, tablet, partition_epoch, result } if self.life == Some(life) => {
                vec![News::ProposalAnswer { life, tablet, partition_epoch, result }]
            }
            Tell::Over { life } if self.life == Some(life) => vec![News::Over],
            _ => Vec::new(),
        }
    }

    /// The broker's life, once it is registered.
    pub fn life(&self) -> Option<BrokerEpoch> {
        self.life
    }

    /// Whether the controller had fenced it when it was last heard of.
    pub fn is_fenced(&self) -> bool {
        self.is_fenced
    }
}
