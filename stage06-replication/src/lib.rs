//! # Stage 6: replication
//!
//! A tablet is one log of stage 5, kept on several brokers. One of them leads: it is the single writer and gives the
//! offsets. The others fetch from it.

pub mod batch;
pub mod controller;
pub mod desk;
pub mod epochs;
pub mod ids;
pub mod leader;
pub mod log_ends;
pub mod message;
pub mod raft;
pub mod replica;
pub mod replica_log;
pub mod session;
pub mod sim;
pub mod tablet;
pub mod tablet_log;

mod follower;

pub use stage05::*;
