//! The seam below a replica: the log that it keeps.

use stage05::{Offset, Result};

use crate::batch::Batch;
use crate::epochs::Epochs;
use crate::producers::Producers;

/// A log of batches that can be cut at its end: on disk in a broker, in memory in most runs of the simulator.
pub trait ReplicaLog {
    /// Writes batches at the end. The first one starts where the log ends, and each next one behind it. They are not
    /// durable yet.
    fn append(&mut self, batches: &[Batch]) -> Result<()>;

    /// Makes everything that was appended durable, and returns the offset behind it.
    fn sync(&mut self) -> Result<Offset>;

    /// Removes every batch that does not end at or in front of `end`. When this returns, what is removed does not come
    /// back, and what is left is durable. The new end, which is in front of `end` if that lies within a batch, is
    /// returned.
    fn truncate(&mut self, end: Offset) -> Result<Offset>;

    /// Batches from the one that holds `from` on, until they have `bytes_max` bytes together: at least one if there is
    /// one, written or durable. Empty if `from` is the end or behind it.
    fn read(&self, from: Offset, bytes_max: usize) -> Result<Vec<Batch>>;

    /// The offset of the first record that is still there.
    fn start(&self) -> Offset;

    /// The offset behind the last record that was written.
    fn end(&self) -> Offset;

    /// Where each leader's records start, as the batches say.
    fn epochs(&self) -> Result<Epochs>;

    /// Which batches it has of which producers. A log on a disk may have to read for that, and remembers it then.
    fn producers(&mut self) -> Result<Producers>;
}
