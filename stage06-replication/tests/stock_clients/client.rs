//! What the tests want of a client, whichever it is.

use std::time::Duration;

use crate::installed::Installed;
use crate::kcat::Kcat;
use crate::python::Python;

/// Much longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The same for reading so many records.
pub(crate) fn patience_for(count: usize) -> Duration {
    PATIENCE + Duration::from_millis(count as u64)
}

/// A record that is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// In milliseconds since 1970. `None` leaves it to the client.
    pub(crate) timestamp: Option<i64>,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) record: Record,
}

/// How records are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// As the clients call it.
    pub(crate) codec: &'static str,
    /// `0`, `1` or `all`.
    pub(crate) acks: &'static str,
    pub(crate) is_idempotent: bool,
    /// The limit that the client itself puts to a batch, if not its own.
    pub(crate) bytes_max: Option<usize>,
}

impl Default for How {
    fn default() -> How {
        How { codec: "none", acks: "all", is_idempotent: false, bytes_max: None }
    }
}

/// What became of a record: its offset (-1 without acknowledgement), or the client's own name of the error.
pub(crate) type Told = Result<i64, String>;

/// A stock client.
pub(crate) trait Client {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Which version it is.
    fn version(&mut self) -> String;

    /// Sends records to one partition, and waits for what becomes of each.
    fn produce(&mut self, topic: &str, partition: u32, how: How, records: &[Record]) -> Vec<Told>;

    /// Reads `count` records of a partition, from `from` on. Fewer if they do not come.
    fn consume(&mut self, topic: &str, partition: u32, from: i64, count: usize) -> Vec<Read>;

    /// The topics that it sees.
    fn topics(&mut self) -> Vec<String>;

    /// The offset of the first record that is not older. `None` if there is none.
    fn offset_for_time(&mut self, topic: &str, partition: u32, timestamp: i64) -> Option<i64>;

    /// Whether its records can have timestamps, headers of their own and no value.
    fn is_free(&self) -> bool {
        true
    }
}

/// Each of them once.
pub(crate) fn all(installed: &Installed, bootstrap: &str) -> Vec<Box<dyn Client>> {
    vec![
        Box::new(Kcat::new(bootstrap)),
        Box::new(Python::confluent(installed, bootstrap)),
        Box::new(Python::kafka_python(installed, bootstrap)),
    ]
}
