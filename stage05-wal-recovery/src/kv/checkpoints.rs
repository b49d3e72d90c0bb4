//! The checkpoints in a directory, and how one takes the place of another.

use std::path::PathBuf;
use std::sync::Arc;

use stage04::name::TEMPORARY_SUFFIX;
use stage04::{Access, Disk, Error, INDEX_INTERVAL_BYTES, Offset, Result, Site};

use super::table::State;
use super::{checkpoint_reader, checkpoint_writer};

const PREFIX: &str = "checkpoint-";
/// How many digits an offset has in a name, as in the names of the segments.
const DIGITS: usize = 20;

/// The checkpoints of a store.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoints {
    site: Site,
    block_bytes: usize,
}

impl Checkpoints {
    pub(crate) fn new(disk: &Arc<dyn Disk>, block_bytes: usize) -> Checkpoints {
        let disk = Arc::clone(disk);
        let site = Site { disk, access: Access::Write, index_interval_bytes: INDEX_INTERVAL_BYTES };
        Checkpoints { site, block_bytes }
    }

    /// The offsets of the checkpoints that have their names, the newest first. They may be damaged.
    pub(crate) fn offsets(&self) -> Result<Vec<Offset>> {
        let mut offsets: Vec<_> = self.site.list()?.iter().filter_map(|name| parse(name)).collect();
        offsets.sort_by(|a, b| b.cmp(a));
        Ok(offsets)
    }

    /// Reads a checkpoint. See [`checkpoint_reader::read`] for the errors.
    pub(crate) fn read(&self, offset: Offset) -> Result<State> {
        let file = self.site.open(&name(offset), Access::Read)?;
        checkpoint_reader::read(&*file, offset)
    }

    /// Writes a checkpoint, durably: the records in front of `state.next` are not needed any more when this returns.
    ///
    /// The bytes go to a temporary name and are synced; the rename then is the moment at which the checkpoint is there,
    /// as a whole; and the sync of the directory makes that moment last. In any other order there is a power cut that
    /// leaves a name without its bytes (K4).
    pub(crate) fn write(&self, state: &State) -> Result<()> {
        let name = name(state.next);
        let file = self.site.create_temporary(&name)?;
        checkpoint_writer::write(&*file, state, self.block_bytes)?;
        file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
        self.site.publish(&name)?;
        Ok(())
    }

    /// Removes what the checkpoint of `newest` stands for, and what a crash or an error left of others. If a power cut
    /// brings some of it back, it is removed the next time.
    pub(crate) fn remove_others(&self, newest: Offset) -> Result<()> {
        let newest = name(newest);
        let others = self.site.list()?.into_iter().filter(|name| is_ours(name) && *name != newest);
        others.into_iter().try_for_each(|name| self.site.remove(&name))
    }

    /// Where a checkpoint is, for messages.
    pub(crate) fn path(&self, offset: Offset) -> PathBuf {
        self.site.disk.path().join(name(offset))
    }
}

fn name(offset: Offset) -> String {
    format!("{PREFIX}{:0DIGITS$}", offset.0)
}

/// The offset in a checkpoint's name.
fn parse(name: &str) -> Option<Offset> {
    let digits = name.strip_prefix(PREFIX)?;
    let is_offset = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_offset.then(|| digits.parse().ok()).flatten().map(Offset)
}

/// Whether a name is a checkpoint's, finished or not.
fn is_ours(name: &str) -> bool {
    parse(name.strip_suffix(TEMPORARY_SUFFIX).unwrap_or(name)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_found_by_its_name() {
        for offset in [0, 1234, u64::MAX].map(Offset) {
            assert_eq!(parse(&name(offset)), Some(offset));
            assert!(is_ours(&format!("{}.new", name(offset))));
            assert_eq!(parse(&format!("{}.new", name(offset))), None, "what is not finished is no checkpoint");
        }
        for other in ["checkpoint-12", "checkpoint-99999999999999999999", "00000000000000001234.log", "checkpoint-"] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
