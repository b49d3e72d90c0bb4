//! Reading a time index from its file, as far as it can be believed.

use std::io::ErrorKind;
use std::sync::Arc;

use stage03::{Access, DiskFile, Offset};

use super::entry::{ENTRY_BYTES, TimeEntry};
use crate::name::{Part, SegmentName};
use crate::site::Site;

/// How many entries are read at a time.
const PORTION: usize = 256;

/// Why the file of a time index is of no use. None of these is an error: the log has all that it has (T1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeIndexFault {
    /// There is none: the segment is new, or somebody removed it.
    #[error("there is no time index")]
    Missing,
    /// It cannot be opened or read.
    #[error("the time index cannot be read: {0}")]
    Unreadable(String),
    /// Its bytes from this entry on are no entries of this segment. Zeros, a cut and a flipped bit are found this way.
    #[error("entry {slot} of the time index is not one of this segment")]
    BadEntry {
        /// The entry's number in the file.
        slot: usize,
    },
    /// The segment is sealed, and it is not: its writer did not come to the end.
    #[error("the time index has no seal")]
    Unsealed,
    /// It does not end where the segment ends.
    #[error("the time index ends at record {found}, the segment at record {end}")]
    OtherEnd {
        /// Behind the last record that it knows.
        found: Offset,
        /// Behind the last record of the segment.
        end: Offset,
    },
}

/// What a file begins with: entries that hold, each behind the one before it.
#[derive(Debug)]
pub(super) struct Prefix {
    pub(super) entries: Vec<TimeEntry>,
    /// What follows them: nothing, or what ends the belief.
    pub(super) fault: Option<TimeIndexFault>,
}

/// Opens a segment's time index.
pub(super) fn open(site: &Site, segment: &SegmentName, access: Access) -> Result<Arc<dyn DiskFile>, TimeIndexFault> {
    site.disk.open(&segment.file(Part::TimeIndex), access).map_err(|e| match e.kind() {
        ErrorKind::NotFound => TimeIndexFault::Missing,
        _ => TimeIndexFault::Unreadable(e.to_string()),
    })
}

/// The longest part of the file that holds, from its start. The seal is an entry too, and nothing follows it.
///
/// The file is read piece by piece, so that one which lies about its length costs no more memory than what is true.
pub(super) fn read_prefix(file: &dyn DiskFile, base: Offset) -> Prefix {
    let mut entries: Vec<TimeEntry> = Vec::new();
    let mut portion = [0; ENTRY_BYTES * PORTION];
    loop {
        let first = entries.len();
        let read = match file.read_at(&mut portion, (first * ENTRY_BYTES) as u64) {
            Ok(0) => return Prefix { entries, fault: None },
            Ok(read) => read,
            Err(e) => return Prefix { entries, fault: Some(TimeIndexFault::Unreadable(e.to_string())) },
        };
        let (whole, rest) = portion[..read].as_chunks();
        for bytes in whole {
            let slot = entries.len();
            match TimeEntry::decode(base, slot, bytes) {
                Some(entry) if entry.follows(entries.last().copied()) => entries.push(entry),
                _ => return Prefix { entries, fault: Some(TimeIndexFault::BadEntry { slot }) },
            }
        }
        if !rest.is_empty() {
            let fault = Some(TimeIndexFault::BadEntry { slot: entries.len() });
            return Prefix { entries, fault };
        }
    }
}
