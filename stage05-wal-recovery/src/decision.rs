//! What is to be done about the place where the good frames of a segment end: one table.
//!
//! Everything that recovery knows at that place is in [`Evidence`], everything that it may do in [`Decision`], and
//! [`decide`] is the only way from one to the other. `tests/decision.rs` has the same table written down a second time,
//! as rows, and goes through all combinations. TigerBeetle recovers its journal by such a table.
//!
//! The central question is whether damage is a **torn tail**, left by a crash in the middle of an append that nobody
//! was answered, or **corruption**, which took records that somebody counts on. "Good frames follow, so it is
//! corruption" is the obvious rule, and it is wrong: frames that share a sync reach the disk in any order, so the
//! second of them may be there and the first not. What settles it is the watermark: each frame says how far the log was
//! synced when it was written. Damage in front of the highest watermark that anybody gives is corruption. Pebble found
//! both the problem and the way out.

/// How much damage a log is opened with. The names are RocksDB's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RecoveryMode {
    /// Any damage is an error, a torn tail too. For a log that was closed, or copied: it has no reason to be torn.
    AbsoluteConsistency,
    /// A torn tail is cut away, all other damage is an error. The default, and the only mode for every day.
    #[default]
    TolerateTornTail,
    /// The newest segment ends at its first damage, whatever lies behind it. **Records that were acknowledged may go.**
    /// What goes is kept in a file, and the report names it.
    ///
    /// A sealed segment is not cut: the log opens, and to read damage in it is an error, as in every mode. RocksDB goes
    /// further. Its recovery reads all of its logs, stops at the first damage in any of them, and does without those
    /// behind it. Opening this log reads no sealed segment, so it cannot know; and to end the log there would take whole
    /// segments of good records away. [`salvage`](mod@crate::salvage) reads them.
    PointInTime,
    /// What is damaged is passed over. **Records may be missing in the middle**, and a log with holes takes no records:
    /// this mode is for reading alone, in [`salvage`](mod@crate::salvage).
    SkipAny,
}

/// Which segment of the log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// The newest: appends go here, and a crash can tear its end.
    Newest,
    /// One that was ended and synced before the next one got its name. No crash can tear it.
    Sealed,
}

/// The state of the block that the segment's file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderBlock {
    /// It is the header of this segment.
    Good,
    /// The file ends in the middle of it, or it is all zeros: it may be what is left of the making of a file.
    Unfinished,
    /// It is something else. Without its salt, no frame of the file can be told from garbage.
    Bad,
}

/// What is there, where the next frame would start. If the header block is not good, what is behind that block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// Nothing: the file ends here.
    EndOfFile,
    /// Zeros up to the end of the file.
    Zeros,
    /// A header of zeros, and something that is not zero behind it: a frame that did not arrive.
    Hole,
    /// Bytes that are no header of this file and this position.
    BadHeader,
    /// A good header, and a body that is not the one that it was written with, or not all of it.
    BadBody,
    /// A frame that is good, and whose first record is not the one that belongs here.
    WrongOffset,
}

/// All that a decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// Which segment.
    pub segment: Segment,
    /// The state of its header block.
    pub header: HeaderBlock,
    /// What follows the last good frame.
    pub found: Found,
    /// Whether the first record that is missing was synced once: a frame or the recovery point says so, or for a sealed
    /// segment, the next one's name.
    pub below_watermark: bool,
    /// How much damage is to be put up with.
    pub mode: RecoveryMode,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nothing is damaged: the segment ends here.
    End,
    /// The rest of an append that was never acknowledged. It is saved in another file, and cut.
    TornTail,
    /// The same for records that were acknowledged, or may have been.
    CutAcknowledged,
    /// The segment's file was never finished, and no record was in it: it is made once more.
    RecreateEmpty,
    /// Passed over, for reading alone.
    Skip,
    /// An error. Not one byte of the log is changed.
    Corrupt(Reason),
}

/// Why it is corruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The segment's header block is not what was written.
    SegmentHeader,
    /// A sealed segment is damaged.
    Sealed,
    /// The segment ends in front of records that were synced.
    RecordsMissing,
    /// A frame is damaged whose records were synced.
    BelowWatermark,
    /// A frame is in the place of another. No crash does that.
    WrongOffset,
    /// A torn tail, where none was to be put up with.
    TornTail,
}

/// The decision for each evidence.
pub fn decide(evidence: Evidence) -> Decision {
    use Decision::{Corrupt, CutAcknowledged, End, RecreateEmpty, Skip, TornTail};
    use Found::{BadBody, BadHeader, EndOfFile, Hole, WrongOffset, Zeros};
    use HeaderBlock::{Bad, Good, Unfinished};
    use RecoveryMode::{AbsoluteConsistency, PointInTime, SkipAny, TolerateTornTail};
    use Segment::{Newest, Sealed};

    let Evidence { segment, header, found, below_watermark: below, mode } = evidence;
    match (header, segment, found, below, mode) {
        // A whole segment, in every mode. The newest may have been filled with zeros before it was used.
        (Good, Newest | Sealed, EndOfFile, false, _) | (Good, Newest, Zeros, false, _) => End,
        (_, _, _, _, SkipAny) => Skip,

        // The block in front. Only a file without anything behind the block may be one that was never finished.
        (Unfinished, Newest, EndOfFile | Zeros, false, TolerateTornTail | PointInTime) => RecreateEmpty,
        (Unfinished | Bad, Newest, _, _, PointInTime) => CutAcknowledged,
        (Unfinished | Bad, _, _, _, _) => Corrupt(Reason::SegmentHeader),

        // Later segments would hang in the air if this one were cut.
        (Good, Sealed, EndOfFile, true, _) => Corrupt(Reason::RecordsMissing),
        (Good, Sealed, _, _, _) => Corrupt(Reason::Sealed),

        (Good, Newest, WrongOffset, _, PointInTime) => CutAcknowledged,
        (Good, Newest, WrongOffset, _, AbsoluteConsistency | TolerateTornTail) => Corrupt(Reason::WrongOffset),

        (Good, Newest, EndOfFile | Zeros | Hole | BadHeader | BadBody, true, PointInTime) => CutAcknowledged,
        (Good, Newest, EndOfFile | Zeros, true, _) => Corrupt(Reason::RecordsMissing),
        (Good, Newest, Hole | BadHeader | BadBody, true, _) => Corrupt(Reason::BelowWatermark),

        (Good, Newest, Hole | BadHeader | BadBody, false, TolerateTornTail | PointInTime) => TornTail,
        (Good, Newest, Hole | BadHeader | BadBody, false, AbsoluteConsistency) => Corrupt(Reason::TornTail),
    }
}
