//! How often a broker was started, and since when it has lost nothing.
//!
//! The controllers tell one start from the next by its number, so the number is durable before anybody hears of it, and
//! it never falls. That the last life was ended in order is written down as the very last thing that it does.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

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

/// Where they are written down.
#[derive(Debug)]
pub(super) struct StartsFile {
    directory: PathBuf,
    starts: Starts,
}

impl StartsFile {
    /// The broker whose directory this is starts once more. When this returns, that is written down.
    ///
    /// # Errors
    ///
    /// Those of the disk; of kind `InvalidData` if the file is not one that was written here. It is left as it is: a
    /// broker that begins to count anew would be taken for an earlier life of itself.
    pub(super) fn begin(directory: &Path) -> io::Result<StartsFile> {
        let known = read(directory)?;
        let count = known.map_or(0, |known| known.count) + 1;
        let intact_since = known.filter(|known| known.was_shut_down).map_or(count, |known| known.intact_since);
        let file = StartsFile {
            directory: directory.to_owned(),
            starts: Starts { count, intact_since, was_shut_down: false },
        };
        file.write()?;
        Ok(file)
    }

    /// The starts, this one among them.
    pub(super) fn starts(&self) -> Starts {
        self.starts
    }

    /// Everything that the broker had said that it has is durable, and it says nothing more: this life was ended in order.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.starts.was_shut_down = true;
        self.write()
    }

    /// Under another name, synced, renamed, and the name synced: the old or the new one is there, whole (stage 5).
    fn write(&self) -> io::Result<()> {
        let temporary = self.directory.join(format!("{NAME}.tmp"));
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(&self.starts)?)?;
        file.sync_all()?;
        fs::rename(&temporary, self.directory.join(NAME))?;
        File::open(&self.directory)?.sync_all()
    }
}

fn read(directory: &Path) -> io::Result<Option<Starts>> {
    let path = directory.join(NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let damaged = |what: String| io::Error::new(ErrorKind::InvalidData, format!("{}: {what}", path.display()));
    let starts: Starts = serde_json::from_slice(&bytes)
        .map_err(|e| damaged(format!("expected how often the broker was started, found something else: {e}")))?;
    if starts.intact_since > starts.count {
        return Err(damaged(format!("intact since start {}, after {} starts", starts.intact_since, starts.count)));
    }
    Ok(Some(starts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_counts_and_a_life_that_was_not_ended_in_order_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let begin = || StartsFile::begin(directory.path()).unwrap();
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
    fn a_file_that_says_nothing_is_an_error_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        for text in ["", "{", r#"{"count":1,"intact_since":2,"was_shut_down":true}"#] {
            fs::write(&path, text).unwrap();
            let error = StartsFile::begin(directory.path()).unwrap_err();
            assert!(error.to_string().contains(NAME), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
