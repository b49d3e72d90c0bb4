//! What the controller is told to do, and what it says to that.

use serde::{Deserialize, Serialize};

use crate::ids::{BrokerEpoch, BrokerId};
use crate::tablet::{IsrChange, Refusal, TabletId, TabletState};

/// A change of the controller's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A broker has started: it gets a new life, and whatever it was before is fenced first.
    Register {
        /// The broker.
        broker: BrokerId,
        /// How often the broker was started. A registration that is repeated, since its answer was lost, is the same, and
        /// one that arrives when there was another start is refused: it must not end what came after it.
        incarnation: u64,
        /// Since which of its starts the broker has lost nothing that it had said that it has. 0 for one that says so
        /// only of what is durable. Otherwise every start that does not follow an orderly shutdown begins anew. A broker
        /// that could say only whether its *last* life was ended in order would hide a power cut: it starts, is shut down
        /// before anybody has heard of it, and starts again (KIP-966).
        intact_since: u64,
        /// Where clients and other brokers find it: a host and a port.
        address: String,
    },
    /// A broker was not heard of for too long, or leaves.
    Fence {
        /// The broker.
        broker: BrokerId,
        /// The life that is over.
        life: BrokerEpoch,
    },
    /// A broker is ready to lead and to follow.
    Unfence {
        /// The broker.
        broker: BrokerId,
        /// In which life.
        life: BrokerEpoch,
    },
    /// A new tablet, on brokers that are there.
    CreateTablet {
        /// Its name.
        tablet: TabletId,
        /// Its replicas: the brokers that are to keep it.
        replicas: Vec<BrokerId>,
        /// See [`TabletState::min_insync_replicas`].
        min_insync_replicas: usize,
    },
    /// A new topic: all of its tablets at once, or none.
    CreateTopic {
        /// Its name.
        topic: String,
        /// For each of its partitions, the brokers that are to keep it.
        replicas: Vec<Vec<BrokerId>>,
        /// See [`TabletState::min_insync_replicas`].
        min_insync_replicas: usize,
    },
    /// All tablets of a topic are given up.
    DeleteTopic {
        /// Its name.
        topic: String,
    },
    /// A number for a producer that wants its batches told apart: nobody else has it, ever.
    NewProducer,
    /// A tablet is given up.
    DeleteTablet {
        /// Its name.
        tablet: TabletId,
    },
    /// A leader proposes other in-sync replicas.
    ChangeIsr(IsrChange),
    /// Another in-sync replica is to lead.
    MoveLeader {
        /// The tablet.
        tablet: TabletId,
        /// Who is to lead it.
        to: BrokerId,
    },
    /// Somebody is to lead although records may be lost by it: an operator's last resort.
    ElectUnclean {
        /// The tablet.
        tablet: TabletId,
        /// Who is to lead it.
        leader: BrokerId,
    },
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The broker is registered, and this is its life.
    Registered(BrokerEpoch),
    /// The tablet as it is now.
    Tablet(TabletState),
    /// The producer's number.
    Producer(u64),
    /// It is done.
    Done,
    /// Nothing was changed.
    Refused(Refusal),
}
