//! The simulator: a cluster in one thread, in which everything goes wrong.
//!
//! Brokers, controller, clients, network and disks are one value, a [`World`]; time is a number. A seed says all that
//! happens: which messages come late, twice or never, who is cut off from whom, which broker loses power when, and what
//! its disk had not synced. The same seed is the same run, to the last message, so a failure is found once and looked at
//! as often as it takes. The idea is FoundationDB's.
//!
//! What runs in it is the [`Replica`](crate::replica::Replica), the [`Controller`](crate::controller::Controller) and
//! what is between them: the code that runs in the broker.

mod broker;
mod checker;
mod client;
mod config;
mod memory_log;
mod nemesis;
mod network;
mod run;
mod timeline;
mod words;
mod world;

pub use checker::Violation;
pub use config::{Config, Swarm};
pub use memory_log::MemoryLog;
pub use run::{Report, Verdict, run, run_seeds};
pub use timeline::Timeline;
pub use world::World;
