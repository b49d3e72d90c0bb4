//! # A broker
//!
//! The state machines of this stage decide; here is what they decide about: tablets on a disk, connections, timers. A
//! broker is also one of the controllers. It runs on tokio, with one task for each tablet, one for its bond with the
//! controllers, and one for each connection.
//!
//! ## Layout on disk
//!
//! ```text
//! DIR/starts                   how often it was started, and since when it has lost nothing
//! DIR/controller/              this node of the consensus, as `raft` lays it out
//! DIR/tablets/orders-0@17/     partition 0 of the topic orders, as `tablet_log` lays it out; 17 tells it from another
//!                              topic that had this name before
//! ```
//!
//! ## Reading order
//!
//! [`options`], `clock`, `starts`, [`tablet`] (what the others see), `worker` (what it does), `parked`, `fetcher`,
//! `tablets`, `controllers`, `bond`, and this file, which puts them together.

mod bond;
mod clock;
mod controllers;
mod fetcher;
pub mod options;
mod parked;
mod starts;
pub mod tablet;
mod tablets;
mod worker;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use stage05::{Disk, OsDisk};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::bond::{Bond, session};
use self::clock::Clock;
use self::controllers::Controllers;
use self::starts::StartsFile;
use self::tablets::Tablets;
use crate::controller::{Command, Reply};
use crate::ids::{BrokerEpoch, BrokerId};
use crate::raft::Applied;
use crate::raft::service::{ControllerRequest, ControllerResponse};
use crate::tablet::TabletId;

pub use clock::unix_time_ms;
pub use options::BrokerOptions;
pub use tablet::{NewBatch, Tablet, View};
pub use tablets::is_topic_name;

/// How long the controllers may take to carry out what a client wants.
const ORDER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a broker that stops waits for others to lead its tablets.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// A broker that runs. Cheap to clone: all clones are the same broker.
#[derive(Clone, Debug)]
pub struct Broker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: BrokerOptions,
    controllers: Arc<Controllers>,
    applied: watch::Receiver<Applied>,
    tablets: Arc<Tablets>,
    status: watch::Receiver<Status>,
}

/// How a broker stands with the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Status {
    life: Option<BrokerEpoch>,
    is_fenced: bool,
    /// The version of the controllers' state of which it has given up what was deleted.
    cleaned_at: u64,
}

/// Why a broker does not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// What it keeps cannot be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// A log cannot be opened, or its disk has failed.
    #[error("{0}")]
    Log(#[from] stage05::Error),
    /// The consensus does not start.
    #[error("the consensus: {0}")]
    Consensus(String),
    /// It is none of the controllers, and this stage has no other brokers.
    #[error("{0} is none of the controllers that it was told of")]
    NoController(BrokerId),
    /// A topic's name that cannot be part of a path.
    #[error("{0:?} cannot be a topic's name")]
    BadTopic(String),
    /// It must not go on.
    #[error("{0}")]
    Stopped(String),
}

impl BrokerError {
    fn consensus(cause: impl std::fmt::Display) -> BrokerError {
        BrokerError::Consensus(cause.to_string())
    }
}

/// Why the controllers did not carry a command out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No controller leads, as far as this broker can find out, or the one that leads did not answer in time: the command
    /// may be carried out, or not.
    #[error("no controller has answered")]
    NoAnswer,
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

    /// The same, for those who wait for a change.
    pub fn watch_cluster(&self) -> watch::Receiver<Applied> {
        self.inner.applied.clone()
    }

    /// A tablet, if this broker keeps it.
    pub fn tablet(&self, tablet: &TabletId) -> Option<Tablet> {
        self.inner.tablets.get(tablet)
    }

    /// All tablets that this broker keeps.
    pub fn tablets(&self) -> Vec<Tablet> {
        self.inner.tablets.all()
    }

    /// Has the controllers carry a command out.
    ///
    /// # Errors
    ///
    /// If no controller leads, or none answers in time. A command that is refused is a [`Reply`].
    pub async fn order(&self, command: Command) -> Result<Reply, OrderError> {
        match self.inner.controllers.request(ControllerRequest::Command(command), ORDER_PATIENCE).await {
            Some(ControllerResponse::Reply(reply)) => Ok(reply),
            _ => Err(OrderError::NoAnswer),
        }
    }

    /// Waits until the broker is registered and may lead and follow.
    pub async fn ready(&self) {
        let mut status = self.inner.status.clone();
        // The bond's task is there as long as the broker runs.
        let _ = status.wait_for(|status| status.life.is_some() && !status.is_fenced).await;
    }
}

/// A broker without its front door: everything but clients.
#[derive(Debug)]
pub struct RunningBroker {
    broker: Broker,
    starts: StartsFile,
    leaves: watch::Sender<bool>,
    bond: JoinHandle<BrokerError>,
    /// Nobody else uses the directory.
    _lock: stage05::DiskLock,
}

impl RunningBroker {
    /// Starts a broker. `address` is where clients and other brokers will find it: a server for the returned
    /// [`RunningBroker::broker`] is to listen there. `controllers` is where its own node of the consensus listens.
    ///
    /// # Errors
    ///
    /// If its directory is in use, cannot be used, or is damaged; or if it is none of the controllers.
    pub fn start(
        options: BrokerOptions,
        address: String,
        controllers: TcpListener,
    ) -> BoxFuture<'static, Result<RunningBroker, BrokerError>> {
        // In a box, so that a program that starts a broker need not compile it: see `raft::start`.
        Box::pin(RunningBroker::begin(options, address, controllers))
    }

    async fn begin(
        options: BrokerOptions,
        address: String,
        controllers: TcpListener,
    ) -> Result<RunningBroker, BrokerError> {
        if !options.controllers.contains_key(&options.id) {
            return Err(BrokerError::NoController(options.id));
        }
        let failed = |path: &PathBuf| {
            let path = path.clone();
            move |cause| BrokerError::Io { path, cause }
        };
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(&options.directory)?);
        let lock = disk.lock().map_err(failed(&options.directory))?;
        let starts = StartsFile::begin(&disk)?;
        let path = options.directory.join("controller");
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(&path)?);
        let clock = Clock::start();
        let controllers = Arc::new(Controllers::start(&options, &disk, controllers, clock).await?);
        let (proposals, proposed) = mpsc::unbounded_channel();
        let applied = controllers.applied();
        let tablets = Arc::new(Tablets::new(&options, clock, proposals, applied.clone()));
        let status = watch::Sender::new(Status { life: None, is_fenced: true, cleaned_at: 0 });
        let (leaves, leaving) = watch::channel(false);
        let inner = Inner {
            controllers: Arc::clone(&controllers),
            applied,
            tablets: Arc::clone(&tablets),
            status: status.subscribe(),
            options: options.clone(),
        };
        let session = session(&options, starts.starts(), address);
        let patience = options.session_timeout / 2;
        let bond =
            Bond { session, controllers, tablets, proposals: proposed, status, leaves: leaving, clock, patience };
        let bond = tokio::spawn(bond.keep());
        Ok(RunningBroker { broker: Broker { inner: Arc::new(inner) }, starts, leaves, bond, _lock: lock })
    }

    /// The broker.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Waits until the broker must not go on, and says why.
    pub async fn failed(&mut self) -> BrokerError {
        match (&mut self.bond).await {
            Ok(error) => error,
            Err(panicked) => BrokerError::Stopped(panicked.to_string()),
        }
    }

    /// Has others lead this broker's tablets, as far as there are others (Kafka's controlled shutdown). Clients are served
    /// meanwhile, so that they are told who leads.
    pub async fn leave(&self) {
        let _ = self.leaves.send(true);
        let others_lead = async {
            for tablet in self.broker.tablets() {
                let _ = tablet.view().wait_for(|view| !view.is_leader).await;
            }
        };
        if tokio::time::timeout(LEAVE_PATIENCE, others_lead).await.is_err() {
            tracing::warn!("stops although it leads: no controller has put another broker in its place");
        }
    }

    /// Stops. What the broker has is durable when this returns without an error.
    ///
    /// # Errors
    ///
    /// If a log could not be synced.
    pub async fn stop(self) -> Result<(), BrokerError> {
        self.bond.abort();
        let closed = self.broker.inner.tablets.close_all().await;
        self.broker.inner.controllers.stop().await;
        closed?;
        Ok(self.starts.end()?)
    }
}
