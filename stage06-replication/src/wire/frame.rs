//! Frames: how a stream of bytes becomes requests, and answers.
//!
//! ```text
//! 0  i32  bytes behind this field
//! 4       a request, or an answer
//! ```
//!
//! Nothing about the other side is believed: not the length, for which no memory is taken until the bytes are there, and
//! not that they ever come.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::pool::{PoolExhausted, Share};

/// The most bytes of a request (`socket.request.max.bytes`; Kafka takes a hundred mebibytes).
pub const REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How much memory is taken before any byte of a frame is there.
const FIRST_BYTES: usize = 1024;

/// Why a connection gives no further frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The length is none.
    #[error("a frame of {found} bytes, at most {bytes_max} are taken")]
    Length {
        /// What it says.
        found: i32,
        /// The most that is taken.
        bytes_max: usize,
    },
    /// It was closed within a frame.
    #[error("a frame of {expected} bytes breaks off after {found}")]
    BreaksOff {
        /// How many bytes there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Nothing came between two frames for too long.
    #[error("nothing came for {} s", .0.as_secs())]
    Idle(Duration),
    /// A frame was begun, and not ended in time.
    #[error("a frame was not there after {} s", .0.as_secs())]
    Slow(Duration),
    /// Too many frames of too many connections.
    #[error(transparent)]
    Pool(#[from] PoolExhausted),
}

/// How long a connection may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Between two frames.
    pub idle: Duration,
    /// Within a frame.
    pub transfer: Duration,
}

/// Reads the length of the next frame, or `None` if the connection was closed in front of it.
///
/// # Errors
///
/// If there is none in time, or it is negative or more than `bytes_max`: what follows is no frame then.
pub async fn read_length(
    stream: &mut (impl AsyncRead + Unpin),
    bytes_max: usize,
    patience: Patience,
) -> Result<Option<usize>, FrameError> {
    let mut length = [0; 4];
    let first = timeout(patience.idle, stream.read(&mut length));
    let found = first.await.map_err(|_| FrameError::Idle(patience.idle))??;
    if found == 0 {
        return Ok(None);
    }
    if found < 4 {
        let rest = timeout(patience.transfer, stream.read_exact(&mut length[found..]));
        match rest.await.map_err(|_| FrameError::Slow(patience.transfer))? {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(FrameError::BreaksOff { expected: 4, found });
            }
            Err(error) => return Err(error.into()),
        }
    }
    let found = i32::from_be_bytes(length);
    match usize::try_from(found) {
        Ok(bytes) if bytes <= bytes_max => Ok(Some(bytes)),
        _ => Err(FrameError::Length { found, bytes_max }),
    }
}

/// Reads the `length` bytes of a frame. `share` grows with what is there of them.
///
/// # Errors
///
/// If they do not come in time, or the share cannot grow.
pub async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    length: usize,
    patience: Patience,
    share: &mut Share,
) -> Result<Bytes, FrameError> {
    let reading = read_growing(stream, length, share);
    timeout(patience.transfer, reading).await.map_err(|_| FrameError::Slow(patience.transfer))?
}

async fn read_growing(
    stream: &mut (impl AsyncRead + Unpin),
    length: usize,
    share: &mut Share,
) -> Result<Bytes, FrameError> {
    let mut body = Vec::new();
    while body.len() < length {
        if body.len() == body.capacity() {
            // As much again as has come: a peer has to send a half of what it wants kept.
            let more = body.len().max(FIRST_BYTES).min(length - body.len());
            share.grow(more).await?;
            body.reserve_exact(more);
        }
        let room = (body.capacity() - body.len()).min(length - body.len());
        if (&mut *stream).take(room as u64).read_buf(&mut body).await? == 0 {
            return Err(FrameError::BreaksOff { expected: length, found: body.len() });
        }
    }
    Ok(body.into())
}
