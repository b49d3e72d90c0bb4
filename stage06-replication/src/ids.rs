//! The numbers of replication. All of them only ever grow; each has a type of its own, so that no one of them is taken
//! for another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl $name {
            /// The one after this.
            pub fn next(self) -> $name {
                $name(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, "{}"), self.0)
            }
        }
    };
}

number!(
    /// A broker, for as long as it exists (`node.id`).
    BrokerId(u32),
    "broker "
);
number!(
    /// One life of a broker, from its registration to the next one's. Whoever knows it can tell a broker from the one
    /// that it was before it was restarted (Kafka's broker epoch, KIP-903).
    BrokerEpoch(u64),
    "life "
);
number!(
    /// One reign of one leader over a tablet: the term of Raft, the view of Viewstamped Replication (KIP-101).
    LeaderEpoch(u32),
    "epoch "
);
number!(
    /// The version of what the controller says of a tablet: it grows with each change of leader or in-sync replicas,
    /// and a change that was proposed on an older version is refused (Kafka's partition epoch, KIP-497).
    PartitionEpoch(u32),
    "version "
);
