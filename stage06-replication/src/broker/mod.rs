//! # A broker
//!
//! The state machines of this stage decide; here is what they decide about: tablets on a disk, connections, timers. A
//! broker is also one of the controllers.
//!
//! ## Reading order
//!
//! [`options`], [`tablet`].

pub mod options;
pub mod tablet;

use std::sync::Arc;

use tokio::sync::watch;

use crate::controller::{Command, Reply};
use crate::ids::BrokerId;
use crate::raft::Applied;
use crate::tablet::TabletId;

pub use options::BrokerOptions;
pub use tablet::{NewBatch, Tablet, View};

/// A broker that runs. Cheap to clone: all clones are the same broker.
#[derive(Clone, Debug)]
pub struct Broker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: BrokerOptions,
    applied: watch::Receiver<Applied>,
}

/// Why the controllers did not carry a command out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// No controller leads, as far as this broker can find out: try again.
    #[error("no controller leads")]
    NoLeader,
    /// The answer did not come: it may be carried out, or not.
    #[error("the controllers do not answer")]
    TimedOut,
}

impl Broker {
    /// Which broker it is.
    pub fn id(&self) -> BrokerId {
        self.inner.options.id
    }

    /// How it was started.
    pub fn options(&self) -> &BrokerOptions {
        &self.inner.options
    }

    /// What the controllers have decided, as far as this broker has heard. While it is borrowed, nothing new is heard: do
    /// not hold it while waiting.
    pub fn cluster(&self) -> watch::Ref<'_, Applied> {
        self.inner.applied.borrow()
    }

    /// A tablet, if this broker keeps it.
    pub fn tablet(&self, _tablet: &TabletId) -> Option<Tablet> {
        unimplemented!()
    }

    /// Has the controllers carry a command out.
    ///
    /// # Errors
    ///
    /// If no controller leads, or none answers in time. A command that is refused is a [`Reply`].
    pub async fn order(&self, _command: Command) -> Result<Reply, OrderError> {
        unimplemented!()
    }
}
