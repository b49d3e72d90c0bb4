//! What the log stores.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};

/// The most bytes that a record's key and value may have together: what Kafka's brokers take by default, too.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// One record. Key and value are opaque bytes: the log never looks inside.
///
/// A record either owns its bytes or borrows them, so that a scan can hand out records that point into its window of
/// the file and allocate nothing, while a queue can keep a `Record<'static>` for as long as it likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Milliseconds since the Unix epoch, by the producer's clock.
    pub timestamp_ms: u64,
    /// What the record is about. Routing and compaction use it; a record may have none.
    pub key: Option<Cow<'a, [u8]>>,
    /// The payload.
    pub value: Cow<'a, [u8]>,
}

impl<'a> Record<'a> {
    /// A record without a key.
    pub fn new(timestamp_ms: u64, value: impl Into<Cow<'a, [u8]>>) -> Record<'a> {
        Record { timestamp_ms, key: None, value: value.into() }
    }

    /// The same record with a key.
    pub fn with_key(self, key: impl Into<Cow<'a, [u8]>>) -> Record<'a> {
        Record { key: Some(key.into()), ..self }
    }

    /// A record without a key, stamped with this machine's clock.
    pub fn now(value: impl Into<Cow<'a, [u8]>>) -> Record<'a> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Record::new(since_epoch.as_millis() as u64, value)
    }

    /// Bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.as_ref().map_or(0, |key| key.len()) + self.value.len()
    }

    /// Refuses a record over [`RECORD_BYTES_MAX`]. Asked before anything is queued or written, so that one producer's
    /// large record cannot fail the records that others handed in with it.
    pub fn check_size(&self) -> Result<()> {
        match self.bytes() {
            bytes if bytes > RECORD_BYTES_MAX => Err(Error::RecordTooLarge { bytes, bytes_max: RECORD_BYTES_MAX }),
            _ => Ok(()),
        }
    }

    /// Copies whatever is borrowed, so that the record can outlive the buffer that it was read from.
    pub fn into_owned(self) -> Record<'static> {
        Record {
            timestamp_ms: self.timestamp_ms,
            key: self.key.map(|key| Cow::Owned(key.into_owned())),
            value: Cow::Owned(self.value.into_owned()),
        }
    }
}
