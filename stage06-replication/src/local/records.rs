//! Records as a producer's batches, and back.
//!
//! A broker does not look into a batch. Here, where producer and consumer are the same program as the broker, the body is
//! that of a frame of stage 5: the records one behind the other, as [`stage05::body`] says. A batch is full where a frame
//! of stage 5 is, so that to read one record costs the same in both.

use bytes::Bytes;
use stage05::body::{BodyCursor, put_record};
use stage05::encoder::FRAME_BODY_BYTES;
use stage05::frame::FrameHeader;
use stage05::{Offset, Record};

use crate::replica::{Acks, Produce, RequestId};

/// The records as batches, in order, for a client that waits until all in-sync replicas have them.
pub(super) fn batches_of(records: &[Record<'_>], mut request: impl FnMut() -> RequestId) -> Vec<Produce> {
    let mut batches = Vec::new();
    let mut rest = records;
    while let Some(first) = rest.first() {
        let (base_timestamp_ms, mut max_timestamp_ms) = (first.timestamp_ms, first.timestamp_ms);
        let (mut body, mut count) = (Vec::with_capacity(FRAME_BODY_BYTES * 2), 0);
        for record in rest {
            put_record(None, base_timestamp_ms, record, &mut body);
            max_timestamp_ms = max_timestamp_ms.max(record.timestamp_ms);
            count += 1;
            if body.len() >= FRAME_BODY_BYTES {
                break;
            }
        }
        rest = &rest[count..];
        batches.push(Produce {
            request: request(),
            acks: Acks::All,
            // A batch is full long before there are so many.
            count: count as u32,
            base_timestamp_ms,
            max_timestamp_ms,
            sequence: None,
            body: Bytes::from(body),
        });
    }
    batches
}

/// In front of the first record of a batch that has passed its checks.
pub(super) fn cursor(base_offset: Offset, count: u32, base_timestamp_ms: u64) -> BodyCursor {
    BodyCursor::new(&FrameHeader {
        body_bytes: 0,
        base_offset,
        count,
        epoch: 0,
        synced_through: Offset(0),
        base_timestamp_ms,
        max_timestamp_ms: 0,
        attributes: 0,
        body_crc: 0,
    })
}
