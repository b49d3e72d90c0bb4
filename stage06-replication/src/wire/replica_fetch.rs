//! What a follower and its leader say to each other, as Kafka's Fetch.
//!
//! Followers use the request that consumers use, as in Kafka: version 12, which has the epoch of the follower's last record
//! in the question, and in the answer where the logs part (KIP-595). One thing is ours. Which life of its broker a follower
//! is (KIP-903), Kafka says from version 15 on, where topics are numbers; here it is in a tagged field of our own, which
//! anybody else would pass over.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{EpochEndOffset, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{self, TopicName};
use kafka_protocol::protocol::StrBytes;
use stage05::Offset;

use super::batch_check::fetched_batches;
use super::record_batch::stamp_batch;
use crate::epochs::EpochEnd;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch};
use crate::message::{FetchRequest, FetchResult};
use crate::tablet::TabletId;

/// The version that followers use.
pub(super) const VERSION: i16 = 12;

/// The tag of the follower's life: far from the numbers that Kafka gives.
const LIFE_TAG: i32 = 10_000;

/// The question as a message.
pub(super) fn question(tablet: &TabletId, request: &FetchRequest, wait: Duration) -> messages::FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(tablet.partition as i32)
        .with_current_leader_epoch(request.leader_epoch.0 as i32)
        .with_fetch_offset(request.offset.0 as i64)
        .with_last_fetched_epoch(request.last_epoch.map_or(-1, |epoch| epoch.0 as i32))
        .with_partition_max_bytes(i32::MAX);
    let topic = FetchTopic::default().with_topic(name_of(tablet)).with_partitions(vec![partition]);
    let life = Bytes::copy_from_slice(&request.life.0.to_be_bytes());
    messages::FetchRequest::default()
        .with_replica_id((request.from.0 as i32).into())
        .with_max_wait_ms(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(1)
        .with_max_bytes(i32::MAX)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
        .with_unknown_tagged_fields([(LIFE_TAG, life)].into())
}

/// A follower's question in a message: for which tablet, and how long it may wait. `None` if it is no follower's question,
/// or is for more than one tablet.
pub(super) fn question_of(message: &messages::FetchRequest) -> Option<(TabletId, FetchRequest, Duration)> {
    let [topic] = &message.topics[..] else { return None };
    let [partition] = &topic.partitions[..] else { return None };
    let life = message.unknown_tagged_fields.get(&LIFE_TAG)?;
    let request = FetchRequest {
        from: BrokerId(u32::try_from(message.replica_id.0).ok()?),
        life: BrokerEpoch(u64::from_be_bytes(<[u8; 8]>::try_from(&life[..]).ok()?)),
        // The connection keeps questions and answers together.
        number: 0,
        leader_epoch: LeaderEpoch(u32::try_from(partition.current_leader_epoch).ok()?),
        offset: Offset(u64::try_from(partition.fetch_offset).ok()?),
        last_epoch: u32::try_from(partition.last_fetched_epoch).ok().map(LeaderEpoch),
    };
    let tablet =
        TabletId { topic: topic.topic.as_str().to_string(), partition: u32::try_from(partition.partition).ok()? };
    Some((tablet, request, Duration::from_millis(u64::try_from(message.max_wait_ms).unwrap_or(0))))
}

/// The answer as a message. `start` is where the leader's log begins.
pub(super) fn answer(tablet: &TabletId, result: &FetchResult, start: Offset) -> messages::FetchResponse {
    let empty = PartitionData::default()
        .with_partition_index(tablet.partition as i32)
        .with_high_watermark(-1)
        .with_log_start_offset(start.0 as i64)
        .with_records(Some(Bytes::new()));
    let partition = match result {
        FetchResult::Batches { batches, high_watermark } => {
            let mut records = BytesMut::with_capacity(batches.iter().map(|batch| batch.body.len()).sum());
            batches.iter().for_each(|batch| stamp_batch(batch, &mut records));
            empty.with_high_watermark(high_watermark.0 as i64).with_records(Some(records.freeze()))
        }
        FetchResult::Diverging(EpochEnd { epoch, end }) => empty
            .with_diverging_epoch(EpochEndOffset::default().with_epoch(epoch.0 as i32).with_end_offset(end.0 as i64)),
        FetchResult::Deleted { start } => {
            let code = ResponseError::OffsetOutOfRange.code();
            empty.with_error_code(code).with_log_start_offset(start.0 as i64)
        }
        FetchResult::NotLeader => empty.with_error_code(ResponseError::NotLeaderOrFollower.code()),
    };
    one_partition(tablet, partition)
}

/// An answer that says only that there is none.
pub(super) fn no_answer(tablet: &TabletId, error: ResponseError) -> messages::FetchResponse {
    let partition =
        PartitionData::default().with_partition_index(tablet.partition as i32).with_error_code(error.code());
    one_partition(tablet, partition.with_records(Some(Bytes::new())))
}

fn one_partition(tablet: &TabletId, partition: PartitionData) -> messages::FetchResponse {
    let topic = FetchableTopicResponse::default().with_topic(name_of(tablet)).with_partitions(vec![partition]);
    messages::FetchResponse::default().with_responses(vec![topic])
}

/// What an answer says to `request`. Each batch in it was checked, and they go on from where the follower's log ends.
///
/// # Errors
///
/// If it is not an answer to this question, or there is something wrong with it.
pub(super) fn answer_of(
    message: &messages::FetchResponse,
    tablet: &TabletId,
    request: &FetchRequest,
) -> Result<FetchResult, String> {
    if message.error_code != 0 {
        return Err(format!("error {}", message.error_code));
    }
    let [topic] = &message.responses[..] else { return Err("an answer for other than one topic".to_string()) };
    let [partition] = &topic.partitions[..] else { return Err("an answer for other than one partition".to_string()) };
    if topic.topic != name_of(tablet) || i64::from(partition.partition_index) != i64::from(tablet.partition) {
        let TopicName(name) = &topic.topic;
        return Err(format!("an answer for {name}-{}", partition.partition_index));
    }
    let offset = |offset: i64| u64::try_from(offset).map(Offset).map_err(|_| format!("an offset of {offset}"));
    let is_error = |error: ResponseError| partition.error_code == error.code();
    if is_error(ResponseError::NotLeaderOrFollower) {
        return Ok(FetchResult::NotLeader);
    }
    if is_error(ResponseError::OffsetOutOfRange) {
        return Ok(FetchResult::Deleted { start: offset(partition.log_start_offset)? });
    }
    if partition.error_code != 0 {
        return Err(format!("error {}", partition.error_code));
    }
    if let Ok(epoch) = u32::try_from(partition.diverging_epoch.epoch) {
        let end = offset(partition.diverging_epoch.end_offset)?;
        return Ok(FetchResult::Diverging(EpochEnd { epoch: LeaderEpoch(epoch), end }));
    }
    let records = partition.records.clone().unwrap_or_default();
    let batches = fetched_batches(records, request.offset).map_err(|error| error.to_string())?;
    Ok(FetchResult::Batches { batches, high_watermark: offset(partition.high_watermark)? })
}

fn name_of(tablet: &TabletId) -> TopicName {
    TopicName(StrBytes::from_string(tablet.topic.clone()))
}
