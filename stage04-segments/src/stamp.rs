//! When records were made, without the records.
//!
//! Rolling and the time index ask for no more than this. A storage that keeps records in pieces which it does not take
//! apart can still tell it: a stamp is for one record, or for all of such a piece.

use std::ops::ControlFlow;

use stage03::{Offset, Reader, Result, Scan};

/// When a record was made, or several that lie together in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The offset of the last of them.
    pub last: Offset,
    /// Where the first one starts, in bytes from the start of its file.
    pub position: u64,
    /// The timestamp of the first one, in milliseconds.
    pub first_timestamp_ms: u64,
    /// The largest timestamp.
    pub max_timestamp_ms: u64,
}

/// A stamp for each record from `from` on, until `visit` has seen enough.
pub fn visit_records<R: Reader>(
    reader: &R,
    from: Offset,
    visit: &mut dyn FnMut(Stamp) -> ControlFlow<()>,
) -> Result<()> {
    let mut scan = reader.scan(from)?;
    while let Some(entry) = scan.next()? {
        let timestamp_ms = entry.record.timestamp_ms;
        let (first_timestamp_ms, max_timestamp_ms) = (timestamp_ms, timestamp_ms);
        let stamp = Stamp { last: entry.offset, position: entry.position, first_timestamp_ms, max_timestamp_ms };
        if visit(stamp).is_break() {
            break;
        }
    }
    Ok(())
}
