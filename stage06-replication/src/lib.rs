//! # Stage 6: replication
//!
//! A tablet is one log of stage 5, kept on several brokers. One of them leads: it is the single writer and gives the
//! offsets. The others fetch from it.

pub mod batch;
pub mod epochs;
pub mod ids;
pub mod replica_log;
pub mod tablet_log;

pub use stage05::*;
