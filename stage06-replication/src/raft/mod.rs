//! # The controllers agree: Raft over a log of stage 5
//!
//! There is one [`Controller`](crate::controller::Controller), and it must survive the machine that it runs on. So a few
//! nodes keep it, and agree on the order of its commands. That is consensus, and the one thing in this stage that we do
//! not write ourselves: [openraft] elects, replicates and commits. What it asks of us is a place to keep things, and that
//! must keep its word after any crash. We have a log for that.
//!
//! ## What it promises
//!
//! - **C1** A vote and an entry are durable before anybody is told of them.
//! - **C2** The vote never goes back; entries have no hole, and none is of an earlier leader than the one in front.
//! - **C3** A snapshot is durable before it is served, and after a crash it is the old one or the new one, whole.
//! - **C4** What was truncated or purged does not come back.
//! - **C5** After a write or a sync that failed, nothing more is taken. Opening again is the cure.
//!
//! ## Layout on disk
//!
//! ```text
//! DIR/00000000000000000000.log    a log of stage 5; each record is an operation in JSON
//! DIR/snapshot                    the controller's state, and up to which entry it goes
//! ```
//!
//! ## Reading order
//!
//! [`types`], [`runtime`], [`operation`], [`view`] (what the operations come to), [`log_store`] (where they are kept),
//! [`log_storage`] (what openraft asks), `blocking`, [`snapshot_file`], [`state_machine`]. Then how the nodes talk:
//! [`frame`], [`network`], [`service`] (what brokers ask), [`server`]; and [`node`], which puts it together.
//!
//! [openraft]: https://docs.rs/openraft/0.9.25

mod blocking;
pub mod frame;
pub mod log_storage;
pub mod log_store;
pub mod network;
pub mod node;
pub mod operation;
pub mod runtime;
pub mod server;
pub mod service;
pub mod snapshot_file;
pub mod state_machine;
pub mod types;
pub mod view;

pub use log_store::LogStore;
pub use node::start;
pub use state_machine::{Applied, StateMachine};
pub use types::TypeConfig;
