//! # Stage 4: segments
//!
//! Being written.

pub mod name;
pub mod packed;
pub mod site;
pub mod storage;

pub use name::{Part, SegmentName};
pub use packed::{Compression, PackOptions, PackedFile, PackedSizes, PackedWriter};
pub use site::Site;
pub use stage03::*;
pub use storage::{Rewriter, Sealed, SegmentWriter, Storage};
