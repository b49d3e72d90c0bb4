//! Records of `__consumer_offsets` as a batch of Kafka's, so that every Kafka client can read them.
//!
//! Each record says in which epoch its coordinator led. A coordinator checks that a member may commit, and then hands the
//! commit to the tablet, and between the two its time may be over: another one has coordinated the group meanwhile, and this
//! broker has just begun to lead again. Then the tablet takes the batch, but the epoch that it stamps is not the one that
//! the records say, and whoever reads them passes them over. That is a fencing token: the log itself refuses what is late.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record, RecordBatchDecoder,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::record::{BadRecord, OffsetRecord};
use crate::batch::Batch;
use crate::broker::NewBatch;
use crate::ids::LeaderEpoch;

/// The name of the header that says in which epoch a record's coordinator led.
const EPOCH: &str = "epoch";

/// The records as a batch of a coordinator that leads in this epoch. `None` if there are none.
pub fn encode(records: &[OffsetRecord], epoch: LeaderEpoch, now_ms: u64) -> Option<NewBatch> {
    let kafka: Vec<Record> =
        records.iter().zip(0..).map(|(record, delta)| kafka_record(record, delta, epoch, now_ms)).collect();
    let mut body = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    // Fails for records that are too large for the format; what is kept of a client is much smaller.
    RecordBatchEncoder::encode(&mut body, &kafka, &options).ok()?;
    let count = u32::try_from(records.len()).ok().filter(|count| *count > 0)?;
    let body = body.freeze();
    Some(NewBatch { count, base_timestamp_ms: now_ms, max_timestamp_ms: now_ms, sequence: None, body })
}

fn kafka_record(record: &OffsetRecord, delta: i32, epoch: LeaderEpoch, now_ms: u64) -> Record {
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
        headers: [(StrBytes::from_static_str(EPOCH), Some(epoch.0.to_string().into()))].into_iter().collect(),
    }
}

/// The records of a batch. None if their coordinator did not lead any more when they were appended.
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
    let mut records = Vec::new();
    for kafka in &set.records {
        if epoch_of(kafka).ok_or_else(|| bad("no epoch".to_string()))? != batch.epoch {
            return Ok(Vec::new());
        }
        let key = kafka.key.as_ref().ok_or_else(|| bad("no key".to_string()))?;
        records.push(OffsetRecord::from_bytes(key, kafka.value.as_deref()).map_err(bad)?);
    }
    Ok(records)
}

fn epoch_of(record: &Record) -> Option<LeaderEpoch> {
    let epoch = record.headers.get(&StrBytes::from_static_str(EPOCH))?.as_ref()?;
    std::str::from_utf8(epoch).ok()?.parse().ok().map(LeaderEpoch)
}
