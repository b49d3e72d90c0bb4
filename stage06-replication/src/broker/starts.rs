//! How often a broker was started, and since when it has lost nothing.
//!
//! The controllers tell one start from the next by its number, so the number is durable before anybody hears of it, and
//! it never falls. That the last life was ended in order is written down as the very last thing that it does.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stage05::site::Site;
use stage05::{Access, Disk, Error, INDEX_INTERVAL_BYTES, Result};

/// The name of the file.
const NAME: &str = "starts";

/// What a broker has written down of its starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Starts {
    /// How often it was started.
    pub(super) count: u64,
    /// Since which of its starts every life but the present one was ended in order.
    pub(super) intact_since: u64,
    /// Whether the last life was ended in order.
    was_shut_down: bool,
}

/// The most bytes that the file can have.
const BYTES_MAX: usize = 1024;

/// Where they are written down.
#[derive(Debug)]
pub(super) struct StartsFile {
    site: Site,
    starts: Starts,
}

impl StartsFile {
    /// The broker whose directory this is starts once more. When this returns, that is written down.
    ///
    /// # Errors
    ///
    /// Those of the disk; [`Error::Damaged`] if the file is not one that was written here. It is left as it is: a broker
    /// that begins to count anew would be taken for an earlier life of itself.
    pub(super) fn begin(disk: &Arc<dyn Disk>) -> Result<StartsFile> {
        let known = read(disk)?;
        let count = known.map_or(0, |known| known.count) + 1;
        let intact_since = known.filter(|known| known.was_shut_down).map_or(count, |known| known.intact_since);
        let site = Site { disk: Arc::clone(disk), access: Access::Write, index_interval_bytes: INDEX_INTERVAL_BYTES };
        let file = StartsFile { site, starts: Starts { count, intact_since, was_shut_down: false } };
        file.write()?;
        Ok(file)
    }

    /// The starts, this one among them.
    pub(super) fn starts(&self) -> Starts {
        self.starts
    }

    /// Everything that the broker had said that it has is durable, and it says nothing more: this life was ended in order.
    pub(super) fn end(mut self) -> Result<()> {
        self.starts.was_shut_down = true;
        self.write()
    }

    /// Under another name, synced, renamed, and the name synced: the old or the new one is there, whole (stage 5).
    fn write(&self) -> Result<()> {
        let path = self.site.disk.path().join(NAME);
        let bytes = serde_json::to_vec(&self.starts).map_err(|e| Error::io("write down", path, e.into()))?;
        let file = self.site.create_temporary(NAME)?;
        file.write_at(&bytes, 0).map_err(|e| Error::io("write", file.path(), e))?;
        file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
        self.site.publish(NAME)?;
        Ok(())
    }
}

fn read(disk: &Arc<dyn Disk>) -> Result<Option<Starts>> {
    let path = disk.path().join(NAME);
    let failed = |cause: io::Error| Error::io("read", path.clone(), cause);
    let file = match disk.open(NAME, Access::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut bytes = [0; BYTES_MAX];
    let count = file.read_at(&mut bytes, 0).map_err(failed)?;
    let damaged = |what: String| Error::Damaged { path: path.clone(), position: 0, what };
    let starts: Starts = serde_json::from_slice(&bytes[..count])
        .map_err(|e| damaged(format!("expected how often the broker was started, found something else: {e}")))?;
    if starts.intact_since > starts.count {
        return Err(damaged(format!("intact since start {}, after {} starts", starts.intact_since, starts.count)));
    }
    Ok(Some(starts))
}

#[cfg(test)]
mod tests {
    use lab::sim::SimDisk;

    use super::*;

    #[test]
    fn every_start_counts_and_a_life_that_was_not_ended_in_order_begins_anew() {
        let sim = SimDisk::new();
        let begin = || StartsFile::begin(&sim.disk()).unwrap();
        let seen = |file: &StartsFile| (file.starts().count, file.starts().intact_since);
        assert_eq!(seen(&begin()), (1, 1));
        let second = begin();
        assert_eq!(seen(&second), (2, 2), "the first was not ended in order");
        second.end().unwrap();
        let third = begin();
        assert_eq!(seen(&third), (3, 2), "the second was");
        third.end().unwrap();
        assert_eq!(seen(&begin()), (4, 2));
        assert_eq!(seen(&begin()), (5, 5));
    }

    #[test]
    fn a_start_is_on_the_disk_before_anybody_hears_of_it() {
        let sim = SimDisk::new();
        StartsFile::begin(&sim.disk()).unwrap();
        let durable = sim.durable(NAME).expect("the name is durable");
        let after_a_power_cut = SimDisk::with_files([(NAME, &durable[..])]);
        assert_eq!(StartsFile::begin(&after_a_power_cut.disk()).unwrap().starts().count, 2);
    }

    #[test]
    fn a_file_that_says_nothing_is_an_error_and_stays() {
        for text in ["", "{", r#"{"count":1,"intact_since":2,"was_shut_down":true}"#] {
            let sim = SimDisk::with_files([(NAME, text.as_bytes())]);
            let error = StartsFile::begin(&sim.disk()).unwrap_err();
            assert!(error.to_string().contains(NAME), "{error}");
            assert_eq!(sim.cached(NAME).unwrap(), text.as_bytes());
        }
    }
}
