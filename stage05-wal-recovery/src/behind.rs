//! What lies behind the first place that is not a good frame.

use std::sync::Arc;

use stage04::{DiskFile, Offset, Result};

use crate::frame::FRAME_ALIGNMENT_BYTES;
use crate::walk::header_at;
use crate::window::Window;

/// How much is looked at before the next piece is read.
const CHUNK_BYTES: usize = 32 * 1024;

/// A chunk of what was prepared, and never written.
static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];

/// What a look behind the damage has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// Frame headers that were written to the places where they are. Of their bodies, nothing is known.
    pub headers: u64,
    /// The highest watermark in them: all records in front of it were synced once.
    pub synced_through: Offset,
    /// Behind the last byte that is not zero; where the look began if there is none.
    pub data_end: u64,
}

/// Looks at every place from `from` on, the start of a frame, at which a frame may start.
///
/// A header that passes is the log's own word: its checksum has the file's random salt and the position in it, so
/// neither the image of another log in some record's value nor a frame that was left over from elsewhere can pass.
pub fn look_behind(file: &Arc<dyn DiskFile>, salt: u64, from: u64) -> Result<Behind> {
    let mut window = Window::new(file)?;
    let mut behind = Behind { data_end: from, ..Behind::default() };
    let mut position = from;
    while position < window.length() {
        let chunk = window.at(position, CHUNK_BYTES)?;
        let end = position + CHUNK_BYTES as u64;
        // Most chunks are zeros, and to compare one is quicker than to search it.
        if chunk != &ZEROS[..chunk.len()]
            && let Some(last) = chunk.iter().rposition(|&byte| byte != 0)
        {
            behind.data_end = position + last as u64 + 1;
            // A header that begins in this chunk may end in the next one.
            for place in (position..behind.data_end).step_by(FRAME_ALIGNMENT_BYTES as usize) {
                if let Some(header) = header_at(&mut window, salt, place)? {
                    behind.headers += 1;
                    behind.synced_through = behind.synced_through.max(header.synced_through);
                }
            }
        }
        position = end;
    }
    Ok(behind)
}
