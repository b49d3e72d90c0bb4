//! Stage 2.
pub use stage01::*;
