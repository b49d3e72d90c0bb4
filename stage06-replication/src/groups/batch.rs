//! Records of `__consumer_offsets` as a batch of Kafka's, so that every Kafka client can read them.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record, RecordBatchDecoder,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::record::{BadRecord, OffsetRecord};
use crate::batch::Batch;
use crate::broker::NewBatch;

/// The records as a batch. `None` if there are none.
pub fn encode(records: &[OffsetRecord], now_ms: u64) -> Option<NewBatch> {
    let kafka: Vec<Record> =
        records.iter().zip(0..).map(|(record, delta)| kafka_record(record, delta, now_ms)).collect();
    let mut body = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    // Fails for records that are too large for the format; what is kept of a client is much smaller.
    RecordBatchEncoder::encode(&mut body, &kafka, &options).ok()?;
    let count = u32::try_from(records.len()).ok().filter(|count| *count > 0)?;
    let body = body.freeze();
    Some(NewBatch { count, base_timestamp_ms: now_ms, max_timestamp_ms: now_ms, sequence: None, body })
}

fn kafka_record(record: &OffsetRecord, delta: i32, now_ms: u64) -> Record {
    let (key, value) = record.to_bytes();
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: delta.into(),
        // As far behind the offset in every record: else the encoder would make a batch of each.
        sequence: delta.wrapping_add(NO_SEQUENCE),
        timestamp: i64::try_from(now_ms).unwrap_or(i64::MAX),
        key: Some(key),
        value,
        headers: IndexMap::new(),
    }
}

/// The records of a batch.
///
/// # Errors
///
/// If it is no batch of Kafka's without compression, or one of its records is not of the committed offsets.
pub fn decode(batch: &Batch) -> Result<Vec<OffsetRecord>, BadRecord> {
    let bad = |what: String| BadRecord { offset: batch.base_offset, what };
    let mut body: Bytes = batch.body.clone();
    let set = RecordBatchDecoder::decode(&mut body).map_err(|e| bad(e.to_string()))?;
    if set.records.len() as u64 != u64::from(batch.count) {
        return Err(bad(format!("{} records, where {} are promised", set.records.len(), batch.count)));
    }
    let record = |record: &Record| {
        let key = record.key.as_ref().ok_or("no key")?;
        OffsetRecord::from_bytes(key, record.value.as_deref())
    };
    set.records.iter().map(|kafka| record(kafka).map_err(&bad)).collect()
}
