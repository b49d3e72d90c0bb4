//! From the bytes of a frame to a request.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind};
use kafka_protocol::protocol::{Decodable, StrBytes};

use super::shape::{ELEMENT_BYTES, ShapeError, walk, walk_header};
use super::versions::Api;

/// The bytes of a header that all requests have in common: which one it is, its version, and its number.
const FIXED_BYTES: usize = 8;

/// How the answer to a request has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// Which request it was.
    pub key: ApiKey,
    /// In which version.
    pub version: i16,
    /// The client's number for it.
    pub correlation_id: i32,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// How it is answered.
    pub reply_to: ReplyTo,
    /// What the client calls itself.
    pub client_id: Option<StrBytes>,
    /// What it wants; `None` if it wants to know the versions and asks in one that is too new.
    pub kind: Option<RequestKind>,
}

/// What was read, before anything is decoded.
#[derive(Debug)]
pub struct Raw {
    reply_to: ReplyTo,
    /// It asks for the versions, in one that nobody here knows.
    is_too_new: bool,
    header_bytes: usize,
    elements: usize,
    frame: Bytes,
}

/// Why a frame is no request that could be answered. The connection is closed: nobody knows what the client expects.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It has no whole header.
    #[error("a request of {0} bytes")]
    Short(usize),
    /// There is no such request here.
    #[error("a request of the kind {0}, which is not taken")]
    UnknownApi(i16),
    /// The version is none of those that are taken.
    #[error("{key:?} in version {found}, where {from} to {to} are taken")]
    Version {
        /// Which request.
        key: ApiKey,
        /// Its version.
        found: i16,
        /// The first that is taken.
        from: i16,
        /// The last that is taken.
        to: i16,
    },
    /// The lengths in it are not right.
    #[error("{key:?} in version {version}: {cause}")]
    Shape {
        /// Which request.
        key: ApiKey,
        /// Its version.
        version: i16,
        /// What is wrong.
        cause: ShapeError,
    },
    /// Its content is not right.
    #[error("{key:?} in version {version}: {cause}")]
    Content {
        /// Which request.
        key: ApiKey,
        /// Its version.
        version: i16,
        /// What is wrong.
        cause: String,
    },
}

impl Raw {
    /// Looks at a frame. Memory is not taken yet.
    ///
    /// # Errors
    ///
    /// If it is no request, or none that is taken.
    pub fn read(frame: Bytes) -> Result<Raw, RequestError> {
        let Some(fixed) = frame.first_chunk::<FIXED_BYTES>() else {
            return Err(RequestError::Short(frame.len()));
        };
        let [k0, k1, v0, v1, correlation @ ..] = *fixed;
        let key = i16::from_be_bytes([k0, k1]);
        let api = Api::of(key).ok_or(RequestError::UnknownApi(key))?;
        let (key, version) = (api.key, i16::from_be_bytes([v0, v1]));
        let reply_to = ReplyTo { key, version, correlation_id: i32::from_be_bytes(correlation) };
        if api.key == ApiKey::ApiVersions && version > api.to {
            // The one request that is answered in any version: it is how a client finds out what there is. Every client
            // can read the answer of version 0.
            let reply_to = ReplyTo { version: 0, ..reply_to };
            return Ok(Raw { reply_to, is_too_new: true, header_bytes: 0, elements: 0, frame });
        }
        if !api.takes(version) {
            return Err(RequestError::Version { key, found: version, from: api.from, to: api.to });
        }
        let is_flexible = api.is_flexible(version);
        let failed = |cause| RequestError::Shape { key, version, cause };
        let header_bytes = walk_header(&frame, is_flexible).map_err(failed)?;
        let elements = walk(&frame[header_bytes..], api.fields, version, is_flexible).map_err(failed)?;
        Ok(Raw { reply_to, is_too_new: false, header_bytes, elements, frame })
    }

    /// How much memory it takes to decode it, at most, beside the frame.
    pub fn decoded_bytes_max(&self) -> usize {
        self.elements * ELEMENT_BYTES
    }

    /// Decodes it.
    ///
    /// # Errors
    ///
    /// If its content is not that of such a request.
    pub fn decode(self) -> Result<Request, RequestError> {
        let Raw { reply_to, is_too_new, header_bytes, mut frame, .. } = self;
        if is_too_new {
            return Ok(Request { reply_to, client_id: None, kind: None });
        }
        let ReplyTo { key, version, .. } = reply_to;
        let failed = |cause: String| RequestError::Content { key, version, cause };
        let mut header = frame.split_to(header_bytes);
        let header = RequestHeader::decode(&mut header, key.request_header_version(version))
            .map_err(|error| failed(error.to_string()))?;
        let kind = RequestKind::decode(key, &mut frame, version).map_err(|error| failed(error.to_string()))?;
        match frame.remaining() {
            0 => Ok(Request { reply_to, client_id: header.client_id, kind: Some(kind) }),
            left => Err(failed(format!("{left} bytes behind its end"))),
        }
    }
}
