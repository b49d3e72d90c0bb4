//! Where things are: a record's number in the log, and its place in a file.

use std::fmt;

/// A record's number in its log: 0, 1, 2, … It is given by the log, never by the producer, and never given twice.
///
/// A type of its own, because a file position is a `u64` too and the two must not be mixed. The name is Kafka's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset `records` further on.
    pub fn plus(self, records: u64) -> Offset {
        Offset(self.0 + records)
    }

    /// The offset after this one.
    pub fn next(self) -> Offset {
        self.plus(1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point between two records, named in both ways: the offset of the record that starts here, and the position of
/// its first byte in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The offset of the record that starts here.
    pub offset: Offset,
    /// Bytes from the start of the file.
    pub position: u64,
}
