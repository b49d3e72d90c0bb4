//! # Stage 4: segments
//!
//! Being written.

pub mod compact;
pub mod directory;
pub mod follow;
pub mod json_segments;
pub mod maintenance;
pub mod name;
pub mod options;
pub mod packed;
pub mod reader;
pub mod retention;
pub mod roll;
pub mod segmented_log;
pub mod site;
pub mod stage;
pub mod storage;

mod compress;
mod prepare;
mod rewrite;
mod times;
mod view;
mod watch;

pub use compact::{CompactOptions, Compacted};
pub use follow::Follow;
pub use json_segments::JsonSegments;
pub use maintenance::{Deleted, Maintenance};
pub use name::{Part, SegmentName};
pub use options::{Preparation, SegmentOptions};
pub use packed::{Compression, PackOptions, PackedFile, PackedSizes, PackedWriter};
pub use reader::{SegmentedReader, SegmentedScan};
pub use retention::{Retention, SegmentFacts};
pub use roll::RollReason;
pub use segmented_log::SegmentedLog;
pub use site::Site;
pub use stage::Stage04;
pub use stage03::*;
pub use storage::{Rewriter, Sealed, SegmentWriter, Storage};
