//! ListOffsets: where a tablet begins, where it ends, and where a time is in it.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse, TopicName};
use stage05::{Offset, Result};

use super::tablets::find_led;
use crate::broker::{Broker, Tablet, View};
use crate::wire::records::first_since;

/// Instead of a time: the newest offset.
const LATEST: i64 = -1;
/// Instead of a time: the oldest offset.
const EARLIEST: i64 = -2;
/// The first version that has leader epochs in its answer.
const LEADER_EPOCH_FROM: i16 = 4;
/// The first version whose clients know what to do if a leader is not sure yet.
const NOT_AVAILABLE_FROM: i16 = 5;

/// What was asked for: an offset, the epoch of its record, and its time. -1 where there is none.
struct Found {
    offset: i64,
    epoch: i64,
    timestamp: i64,
}

const NOTHING: Found = Found { offset: -1, epoch: -1, timestamp: -1 };

/// The offsets that are asked for.
pub(super) fn list_offsets(broker: &Broker, version: i16, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let mut topics = Vec::new();
    for topic in request.topics {
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            let answered = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
            let (found, error) = match find(broker, version, &topic.name, asked) {
                Ok(found) => (found, 0),
                Err(error) => (NOTHING, error.code()),
            };
            let answered = answered.with_error_code(error).with_offset(found.offset).with_timestamp(found.timestamp);
            partitions.push(match version >= LEADER_EPOCH_FROM {
                true => answered.with_leader_epoch(found.epoch as i32),
                false => answered,
            });
        }
        topics.push(ListOffsetsTopicResponse::default().with_name(topic.name).with_partitions(partitions));
    }
    ListOffsetsResponse::default().with_topics(topics)
}

fn find(
    broker: &Broker,
    version: i16,
    topic: &TopicName,
    asked: &ListOffsetsPartition,
) -> std::result::Result<Found, ResponseError> {
    let (tablet, view) = find_led(broker, topic, asked.partition_index, asked.current_leader_epoch)?;
    match asked.timestamp {
        // A new leader does not know yet how far the one before it has come: what it says must not go back.
        LATEST => match view.latest {
            Some(latest) => Ok(Found { offset: latest.0 as i64, epoch: view.leader_epoch.0.into(), timestamp: -1 }),
            None if version >= NOT_AVAILABLE_FROM => Err(ResponseError::OffsetNotAvailable),
            None => Err(ResponseError::LeaderNotAvailable),
        },
        EARLIEST => Ok(Found { offset: view.start.0 as i64, ..NOTHING }),
        timestamp => {
            let timestamp_ms = u64::try_from(timestamp).map_err(|_| ResponseError::InvalidRequest)?;
            let found = tokio::task::block_in_place(|| find_time(&tablet, &view, timestamp_ms));
            found.map_err(|error| {
                tracing::error!(tablet = %view.tablet, timestamp_ms, "cannot be read: {error}");
                ResponseError::KafkaStorageError
            })
        }
    }
}

/// The first record that is not older than a time. In a compressed batch it is the batch's first one that is told: whoever
/// reads from there on gets the record that was meant, and some before it.
fn find_time(tablet: &Tablet, view: &View, timestamp_ms: u64) -> Result<Found> {
    let reader = tablet.reader();
    let Some(offset) = reader.offset_for_time(timestamp_ms)? else { return Ok(NOTHING) };
    let batch = match reader.read(offset, 1) {
        Ok(batches) => batches.into_iter().next(),
        // It was deleted meanwhile.
        Err(stage05::Error::Deleted { .. }) => None,
        Err(error) => return Err(error),
    };
    let Some(batch) = batch.filter(|batch| batch.end_offset() <= view.high_watermark) else { return Ok(NOTHING) };
    let (records, timestamp_ms) = first_since(&batch.body, timestamp_ms).unwrap_or((0, batch.max_timestamp_ms));
    let Offset(offset) = batch.base_offset.plus(records.into());
    Ok(Found { offset: offset as i64, epoch: batch.epoch.0.into(), timestamp: timestamp_ms as i64 })
}
