//! What the files of a log are called.
//!
//! ```text
//! 00000000000000001000.log                              a segment that starts at record 1000
//! 00000000000000001000.index                            its sparse index
//! 00000000000000001000.timeindex                        its time index
//! 00000000000000001000-00000000000000003000.packed      records 1000 to 2999, rewritten: compacted, compressed, or both
//! ```
//!
//! The base offset has 20 digits, as in Kafka, so that the names sort as the records do: 20 digits are enough for any
//! `u64`. A rewritten segment names its end as well. Its records no longer say it, since some of them are gone, and the
//! name says which segments it stands for: whoever finds it beside them knows what to remove.

use std::fmt;

use stage03::Offset;

/// How many digits an offset has in a name.
const DIGITS: usize = 20;

/// What is put behind the name of a file until it is whole. A file that has it after a crash is removed.
pub const TEMPORARY_SUFFIX: &str = ".new";

/// A segment's name, from which those of its files are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The offset of its first record, or the first that it may have.
    pub base: Offset,
    /// The offset behind the last record, for a segment that was rewritten.
    pub rewritten_end: Option<Offset>,
}

/// The files of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The records.
    Log,
    /// The sparse index, derived from the records.
    Index,
    /// The time index, derived too.
    TimeIndex,
}

impl SegmentName {
    /// A segment as it is written.
    pub fn new(base: Offset) -> SegmentName {
        SegmentName { base, rewritten_end: None }
    }

    /// A segment that stands for the records from `base` up to `end`.
    pub fn rewritten(base: Offset, end: Offset) -> SegmentName {
        SegmentName { base, rewritten_end: Some(end) }
    }

    /// Whether it was rewritten: packed, and with gaps where records were taken out.
    pub fn is_rewritten(self) -> bool {
        self.rewritten_end.is_some()
    }

    /// The name of one of its files.
    pub fn file(self, part: Part) -> String {
        let extension = match part {
            Part::Log if self.is_rewritten() => "packed",
            Part::Log => "log",
            Part::Index => "index",
            Part::TimeIndex => "timeindex",
        };
        format!("{self}.{extension}")
    }

    /// The segment and the part that a file name stands for, or `None` if it is no such name.
    pub fn parse(file: &str) -> Option<(SegmentName, Part)> {
        let (stem, extension) = file.split_once('.')?;
        let name = match stem.split_once('-') {
            None => SegmentName::new(parse_offset(stem)?),
            Some((base, end)) => SegmentName::rewritten(parse_offset(base)?, parse_offset(end)?),
        };
        let part = match extension {
            "log" if !name.is_rewritten() => Part::Log,
            "packed" if name.is_rewritten() => Part::Log,
            "index" => Part::Index,
            "timeindex" => Part::TimeIndex,
            _ => return None,
        };
        Some((name, part))
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$}", self.base.0)?;
        match self.rewritten_end {
            None => Ok(()),
            Some(end) => write!(f, "-{:0DIGITS$}", end.0),
        }
    }
}

/// Exactly 20 digits, so that no two names stand for the same offset.
fn parse_offset(digits: &str) -> Option<Offset> {
    let is_offset = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_offset.then(|| digits.parse().ok()).flatten().map(Offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_from_its_file() {
        for name in [SegmentName::new(Offset(u64::MAX)), SegmentName::rewritten(Offset(1000), Offset(3000))] {
            for part in [Part::Log, Part::Index, Part::TimeIndex] {
                assert_eq!(SegmentName::parse(&name.file(part)), Some((name, part)), "{}", name.file(part));
            }
        }
        assert_eq!(SegmentName::new(Offset(1000)).file(Part::Log), "00000000000000001000.log");
    }

    #[test]
    fn what_is_no_name_of_ours_is_nobodys() {
        let names = [
            "1000.log",
            "log.jsonl",
            "00000000000000001000",
            "00000000000000001000.log.new",
            "00000000000000001000.packed",
            "00000000000000001000-00000000000000003000.log",
            "99999999999999999999.log",
            "+0000000000000001000.log",
        ];
        for name in names {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }
}
