//! # Stage 5: recovery of a write-ahead log
//!
//! Being written.

pub mod body;
pub mod decision;
pub mod frame;
pub mod header;
pub mod kv;
pub mod recovery_point;
pub mod varint;

pub use stage04::*;
