//! # Stage 4: segments
//!
//! A log in one file can only grow. This stage begins a new file now and then, and everything that a log needs in the
//! long run follows from that: old files are deleted, quiet ones are rewritten without what nobody needs, and a record
//! can be found by its time as well as by its offset.
//!
//! ## What it promises
//!
//! All of stage 3, and two things more ([`Stage04::KEEPS`](Stage::KEEPS)):
//!
//! - old data can be deleted, and the space is given back ([`Promise::DeletesOldData`]);
//! - opening reads the newest segment's index and the end of its records, however long the log is
//!   ([`Promise::OpensInConstantTime`]). It does open the files of all the others.
//!
//! Readers are never in the way of that, and never notice it: see [`reader`].
//!
//! ## What it does not promise yet
//!
//! The newest segment is still a file of JSON lines without checksums: a flipped bit in a value is served as it is, and
//! a torn write can leave a hole that looks like damage. All files stay open, one or two for each segment: a log of ten
//! thousand segments needs a higher limit of open files.
//!
//! ## Layout on disk
//!
//! ```text
//! DIR/00000000000000000000-00000000000000003000.packed   records 0 to 2999, rewritten: compacted, compressed, or both
//! DIR/00000000000000003000.log                           a sealed segment, JSON lines as in stage 1
//! DIR/00000000000000003000.index                         its sparse index, as in stage 3
//! DIR/00000000000000003000.timeindex                     its time index
//! DIR/00000000000000004000.log                           the newest segment; maybe zeros behind its records
//! DIR/prepared                                           zeros: the file of the segment after that
//! DIR/spare                                              the file of a segment that was given up, for another one
//! ```
//!
//! A file whose name ends in `.new` is not whole yet.
//!
//! ## Invariants
//!
//! - **S1** Each segment ends where the next one starts.
//! - **S2** A segment is sealed and synced before the next one gets its name: only the newest can be torn.
//! - **S3** There is always a newest segment, and nothing else is ever appended to.
//! - **S4** Segments go from the oldest on, one after the other: what is left of a log has no hole.
//! - **S5** A reader's snapshot never changes.
//! - **S6** A rewritten segment counts from the moment in which its name is durable. Until then the old ones count.
//!
//! The packed files have **P1** to **P3** ([`packed`]), the time index **T1** to **T4** ([`time_index`]), a
//! file that is used again **U1** to **U4** (`recycle`).
//!
//! ## Reading order
//!
//! [`name`], [`site`], [`storage`], [`json_segments`], [`options`], [`roll`], `prepare`, `recycle`, `view`,
//! [`segmented_log`], [`reader`], [`directory`], `watch`, [`follow`], [`time_index`], `times`, [`retention`],
//! [`maintenance`], [`packed`], `rewrite`, `compress`, [`compact`], [`partitions`], [`stage`]. For stage 6:
//! [`mod@stamp`], `append_with`, [`segments_from`], `truncate`.

pub mod compact;
pub mod directory;
pub mod follow;
pub mod json_segments;
pub mod maintenance;
pub mod name;
pub mod options;
pub mod packed;
pub mod partitions;
pub mod reader;
pub mod retention;
pub mod roll;
pub mod segmented_log;
pub mod segments_from;
pub mod site;
pub mod stage;
pub mod stamp;
pub mod storage;
pub mod time_index;

mod compress;
mod prepare;
mod recycle;
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
pub use partitions::{Partition, Partitions, partition_for};
pub use reader::{SegmentedReader, SegmentedScan};
pub use retention::{Retention, SegmentFacts};
pub use roll::RollReason;
pub use segmented_log::SegmentedLog;
pub use segments_from::{SegmentAt, SegmentsFrom};
pub use site::Site;
pub use stage::Stage04;
pub use stage03::*;
pub use stamp::Stamp;
pub use storage::{Rewriter, Sealed, SegmentWriter, Storage};
pub use time_index::{SealedTimeIndex, TIME_INDEX_INTERVAL_BYTES, TimeIndex, TimeIndexFault, TimeIndexFile};
