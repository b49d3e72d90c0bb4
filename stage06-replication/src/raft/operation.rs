//! What is done to the log of entries, as a record of a log that can only be appended to.

use serde::{Deserialize, Serialize};
use stage05::{FormatError, Record};

use super::types::{Entry, LogId, Vote};

/// One thing that was done. The operations in their order make the state; see [`View`](super::view::View).
///
/// JSON: there are few of them, and whoever looks for the reason of an election can read them with `dump`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// An entry behind the last one.
    Append(Entry),
    /// The entry of this index and all behind it are gone: another leader has others there.
    TruncateFrom(u64),
    /// The entries up to this one are gone: a snapshot holds what they did.
    PurgeTo(LogId),
    /// This node has voted.
    Vote(Vote),
    /// The entries up to this one are committed.
    Committed(Option<LogId>),
}

impl Operation {
    /// The operation as a record. It has no time: nobody looks for it by one.
    ///
    /// # Errors
    ///
    /// If it is no JSON: a map whose keys are no strings.
    pub fn encode(&self) -> serde_json::Result<Record<'static>> {
        Ok(Record::new(0, serde_json::to_vec(self)?))
    }

    /// The operation that a record is, or what is wrong with it.
    pub fn decode(record: &Record<'_>) -> Result<Operation, FormatError> {
        serde_json::from_slice(&record.value).map_err(|e| FormatError::Malformed(format!("no operation: {e}")))
    }
}
