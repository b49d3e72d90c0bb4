//! The recovery point: how far the log was known to be synced, in a file of its own.
//!
//! ```text
//! recovery-point 1
//! start 0                  the first record that was still there
//! durable 1000             every record in front of this one was synced
//! segment 900              the newest segment, and where in its file
//! position 8192            the frame of record 1000 starts, or would
//! crc 1a2b3c4d             of all that is in front of this line
//! ```
//!
//! It has two uses. Opening reads the newest segment from here on and not from its start. And it is *evidence*: no
//! frame says that the last group was synced, for no frame follows it. If that group is damaged after a clean close,
//! this file alone tells it from an append that was torn.
//!
//! So it is not like an index, which is made anew when it is wrong: a damaged one is an error. A missing one is not; an
//! old log, or one that was copied by its segments, has none, and all of its newest segment is read.
//!
//! It moves forward at a sync and at no other time. Kafka once moved it in recovery, to the end that it had found; the
//! records in front of it were then believed to be on the disk, and were not (KAFKA-10101).

use std::io::ErrorKind;
use std::sync::Arc;

use stage04::name::TEMPORARY_SUFFIX;
use stage04::{Access, Disk, Error, Offset, Place, Result, Site};

/// The file's name.
pub const RECOVERY_POINT: &str = "recovery-point";

/// The file is shorter than this; a longer one is not read.
const BYTES_MAX: usize = 256;

/// How far a log was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// The first record that was still there. For people: retention moves on without writing it down here.
    pub start: Offset,
    /// The base offset of the segment that was the newest.
    pub segment: Offset,
    /// The first record that was not known to be durable, and where its frame starts in that segment's file.
    pub durable: Place,
}

impl RecoveryPoint {
    /// The recovery point of the log in `disk`; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if the file is not byte for byte what [`RecoveryPoint::encode`] gives.
    pub fn read(disk: &Arc<dyn Disk>) -> Result<Option<RecoveryPoint>> {
        let path = disk.path().join(RECOVERY_POINT);
        let file = match disk.open(RECOVERY_POINT, Access::Read) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|e| Error::io("open", &path, e))?,
        };
        let mut bytes = [0; BYTES_MAX];
        let length = file.read_at(&mut bytes, 0).map_err(|e| Error::io("read", &path, e))?;
        match RecoveryPoint::decode(&bytes[..length]) {
            Some(point) => Ok(Some(point)),
            None => Err(Error::Damaged {
                path,
                position: 0,
                what:
                    "this is no recovery point, or its checksum does not fit; it may be all that tells a damaged end \
                       of the log from a torn one"
                        .to_string(),
            }),
        }
    }

    /// Puts the file in the place of the one before. After a crash, the one or the other is there, whole.
    pub fn write(&self, site: &Site) -> Result<()> {
        let file = site.create_temporary(RECOVERY_POINT)?;
        let written = file.write_at(self.encode().as_bytes(), 0).and_then(|()| file.sync_data());
        if let Err(cause) = written {
            // What is left of it would be in nobody's way, and means nothing.
            let _ = site.remove(&format!("{RECOVERY_POINT}{TEMPORARY_SUFFIX}"));
            return Err(Error::io("write", file.path(), cause));
        }
        site.publish(RECOVERY_POINT).map(drop)
    }

    /// The text of the file.
    pub fn encode(&self) -> String {
        let RecoveryPoint { start, segment, durable: Place { offset, position } } = self;
        let text =
            format!("recovery-point 1\nstart {start}\ndurable {offset}\nsegment {segment}\nposition {position}\n");
        let crc = crc32fast::hash(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    /// The other way round. There is one text for each recovery point: one space too many is damage.
    fn decode(bytes: &[u8]) -> Option<RecoveryPoint> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines().skip(1);
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.trim_start().parse::<u64>().ok();
        let (start, offset) = (Offset(field("start")?), Offset(field("durable")?));
        let (segment, position) = (Offset(field("segment")?), field("position")?);
        let point = RecoveryPoint { start, segment, durable: Place { offset, position } };
        (point.encode() == text).then_some(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: RecoveryPoint = RecoveryPoint {
        start: Offset(7),
        segment: Offset(900),
        durable: Place { offset: Offset(1000), position: 8192 },
    };

    #[test]
    fn a_recovery_point_comes_back() {
        assert_eq!(RecoveryPoint::decode(POINT.encode().as_bytes()), Some(POINT));
        let end = Place { offset: Offset(u64::MAX), position: u64::MAX };
        let largest = RecoveryPoint { start: Offset(u64::MAX), segment: Offset(u64::MAX), durable: end };
        assert!(largest.encode().len() < BYTES_MAX);
        assert_eq!(RecoveryPoint::decode(largest.encode().as_bytes()), Some(largest));
    }

    #[test]
    fn no_flipped_bit_no_cut_and_no_longer_file_passes() {
        let text = POINT.encode();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(RecoveryPoint::decode(&flipped), None, "bit {bit}");
        }
        for bytes in 0..text.len() {
            assert_eq!(RecoveryPoint::decode(&text.as_bytes()[..bytes]), None, "{bytes} bytes");
        }
        assert_eq!(RecoveryPoint::decode(format!("{text}\n").as_bytes()), None);
        assert_eq!(RecoveryPoint::decode(text.replace("start 7", "start  7").as_bytes()), None);
    }
}
