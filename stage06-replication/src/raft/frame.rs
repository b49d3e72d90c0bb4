//! Messages between controllers: a length, then JSON.

use std::io::{self, ErrorKind};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most bytes of a message. Entries are sent a mebibyte at a time, and a piece of a snapshot takes four characters a
/// byte.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Writes a message.
///
/// # Errors
///
/// Of kind `InvalidData` if the message is larger than [`FRAME_BYTES_MAX`].
pub async fn write_frame<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), message: &T) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    check_length(body.len())?;
    // One write: a length by itself would wait for the other side's acknowledgement (Nagle's algorithm).
    let bytes = [&(body.len() as u32).to_be_bytes()[..], &body].concat();
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Reads a message, or `None` if the other side has closed the connection in front of it.
///
/// # Errors
///
/// Of kind `InvalidData` if it is too large or no such message; `UnexpectedEof` if it breaks off.
pub async fn read_frame<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    if stream.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..]).await?;
    let length = u32::from_be_bytes(length) as usize;
    check_length(length)?;
    // Memory is taken as the bytes come, and not as the length says.
    let mut body = Vec::new();
    stream.take(length as u64).read_to_end(&mut body).await?;
    if body.len() < length {
        let text = format!("a message of {length} bytes breaks off after {}", body.len());
        return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
    }
    Ok(Some(serde_json::from_slice(&body)?))
}

fn check_length(bytes: usize) -> io::Result<()> {
    match bytes {
        0..=FRAME_BYTES_MAX => Ok(()),
        _ => Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("a message of {bytes} bytes, at most {FRAME_BYTES_MAX} are taken"),
        )),
    }
}
