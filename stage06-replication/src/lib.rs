//! # Stage 6: replication
//!
//! A tablet is one log of stage 5, kept on several brokers. One of them leads: it is the single writer and gives the
//! offsets. The others fetch from it. Who leads is decided by controllers, which agree by Raft. The split is Kafka's,
//! since it has no ZooKeeper.
//!
//! Everything that decides is a state machine without clock, socket or disk: replicas, the controller, the bond between the
//! two, and groups of consumers. A simulator breaks whatever can break around them. The broker puts the same state machines
//! on a disk and behind a port, where Kafka's clients find them.
//!
//! ## What it promises
//!
//! - **R1** A record that was acknowledged by all in-sync replicas is below the high watermark of every later leader, at
//!   the same offset.
//! - **R2** Two logs are the same below both their high watermarks. An epoch has one leader, and writes an offset once.
//! - **R3** Nothing above the high watermark is shown to a consumer, and what was shown at an offset does not change.
//! - **R4** A leader's high watermark does not fall, and no log is cut below a high watermark that it has told.
//! - **R5** Nothing appears that nobody sent, nothing twice that was sent once, and a producer's batches keep their order.
//!   From a producer that counts its batches, nothing twice however often it is sent, and none is passed over.
//! - **R6** What was refused never appears.
//! - **R7** When faults cease, every replica catches up, and the tablet takes records again, within a bounded time.
//!
//! With [`Flush::Sync`](log_ends::Flush::Sync) all of it holds whatever loses power, and how often. With
//! [`Flush::Async`](log_ends::Flush::Async) it holds as long as fewer brokers than `min_insync_replicas` lose it at a
//! time.
//!
//! ## What it does not promise
//!
//! Nothing helps against more copies lost for good than there are, or against an operator who makes somebody lead without
//! the records ([`Command::ElectUnclean`](controller::Command::ElectUnclean)). A batch that was *not* acknowledged may
//! be there or not, and a producer that sends it again may find it twice, unless it counts its batches ([`producers`]).
//!
//! ## Reading order
//!
//! [`ids`], [`batch`], [`epochs`], [`tablet`], [`message`], [`producers`], [`log_ends`], [`replica`] (if you read one
//! file, read this one), `follower`, [`leader`], [`controller`], [`session`], [`desk`], [`replica_log`].
//!
//! Then [`sim`]; [`tablet_log`], a replica's log on disk; [`local`], three copies in one process.
//!
//! With the feature `broker`, which is on by default: `raft`, the controllers' consensus; `broker`; `wire`, Kafka's protocol;
//! `groups`; `client` and `demo`.

pub mod batch;
#[cfg(feature = "broker")]
pub mod broker;
#[cfg(feature = "broker")]
pub mod client;
pub mod controller;
#[cfg(feature = "broker")]
pub mod demo;
pub mod desk;
pub mod epochs;
#[cfg(feature = "broker")]
pub mod groups;
pub mod ids;
pub mod leader;
pub mod local;
pub mod log_ends;
pub mod message;
pub mod producers;
#[cfg(feature = "broker")]
pub mod raft;
pub mod replica;
pub mod replica_log;
pub mod session;
pub mod sim;
pub mod tablet;
pub mod tablet_log;
#[cfg(feature = "broker")]
pub mod wire;

mod follower;

pub use local::Stage06;
pub use stage05::*;
