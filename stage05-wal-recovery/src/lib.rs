//! # Stage 5: recovery of a write-ahead log
//!
//! Being written.

pub use stage04::*;
