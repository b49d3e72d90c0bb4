//! Asking the log whether an index entry tells the truth.

use stage02::{Error, Result, Scan};

/// Whether the record that the index promises is where `scan` starts. The scan has passed it if so.
///
/// A scan knows the offset of the record that it expects, and a frame carries its own, so reading one frame settles it:
/// an entry that points into a record, at another record or behind the end is found out here, on every lookup, before
/// anything that was read is believed.
///
/// # Errors
///
/// If the log cannot be read at all. That says nothing about the index.
pub(crate) fn lands(scan: &mut impl Scan) -> Result<bool> {
    match scan.next() {
        Ok(found) => Ok(found.is_some()),
        Err(Error::BadFrame { .. } | Error::OutOfOrder { .. } | Error::Truncated { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
