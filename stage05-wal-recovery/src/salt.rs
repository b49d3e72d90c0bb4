//! Where the salts of new files come from.

use stage04::{Error, Offset, Result};

use crate::header::SegmentHeader;

/// Where the salts come from. A salt has to differ from that of every other file whose blocks may turn up in this one.
#[derive(Clone, Copy, Debug, Default)]
pub enum SaltSource {
    /// From the operating system: a random number for each file.
    #[default]
    Random,
    /// From this number and the segment's base offset, so that the same records make the same files, to the last bit.
    /// For tests: two logs then have the same salts.
    Fixed(u64),
}

impl SaltSource {
    /// The header of a new file.
    pub fn header(self, base: Offset) -> Result<SegmentHeader> {
        match self {
            SaltSource::Random => {
                let salt = getrandom::u64().map_err(|e| {
                    Error::io("give a random number", "the operating system", std::io::Error::other(e.to_string()))
                })?;
                Ok(SegmentHeader::new(base, salt))
            }
            SaltSource::Fixed(seed) => {
                let salt = (seed ^ base.0).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ seed;
                Ok(SegmentHeader { base, salt, created_ms: 0 })
            }
        }
    }
}
