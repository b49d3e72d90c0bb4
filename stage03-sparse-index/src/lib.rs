//! Stage 3.
pub use stage02::*;
