//! From an answer to the bytes of a frame.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ResponseHeader, ResponseKind};
use kafka_protocol::protocol::Encodable;

use super::request::ReplyTo;

/// An answer that its version cannot express: a field has a value that this version does not have. It is a mistake of this
/// broker's, and the client gets no answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer to {:?} in version {}: {cause}", reply_to.key, reply_to.version)]
pub struct ResponseError {
    /// What is answered.
    pub reply_to: ReplyTo,
    /// What is wrong.
    pub cause: String,
}

/// The frame of an answer.
///
/// # Errors
///
/// If the version has no room for something in it.
pub fn encode(reply_to: ReplyTo, response: &ResponseKind) -> Result<Bytes, ResponseError> {
    let failed = |cause: String| ResponseError { reply_to, cause };
    let mut frame = BytesMut::with_capacity(bytes_about(response));
    frame.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(reply_to.correlation_id);
    header
        .encode(&mut frame, reply_to.key.response_header_version(reply_to.version))
        .map_err(|error| failed(error.to_string()))?;
    response.encode(&mut frame, reply_to.version).map_err(|error| failed(error.to_string()))?;
    let length = i32::try_from(frame.len() - 4).map_err(|_| failed(format!("{} bytes", frame.len())))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// About how many bytes an answer has: memory for a mebibyte of batches is taken once, and not as they are copied.
fn bytes_about(response: &ResponseKind) -> usize {
    let ResponseKind::Fetch(fetch) = response else { return 256 };
    let partitions = fetch.responses.iter().flat_map(|topic| &topic.partitions);
    256 + partitions.map(|partition| 128 + partition.records.as_ref().map_or(0, Bytes::len)).sum::<usize>()
}
