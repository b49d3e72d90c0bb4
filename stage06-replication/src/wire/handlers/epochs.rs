//! OffsetForLeaderEpoch: up to where a leader has the records of an epoch. A consumer that knows the epoch of what it has
//! read finds out whether that is still so (KIP-320).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, TopicName};

use super::tablets::find_led;
use crate::broker::Broker;
use crate::epochs::EpochEnd;
use crate::ids::LeaderEpoch;

/// Where the epochs end that are asked for.
pub(super) async fn ends(broker: &Broker, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let mut topics = Vec::new();
    for topic in request.topics {
        let mut partitions = Vec::new();
        for asked in &topic.partitions {
            let answered = EpochEndOffset::default().with_partition(asked.partition);
            partitions.push(match end(broker, &topic.topic, asked).await {
                Ok(Some(EpochEnd { epoch, end })) => {
                    answered.with_leader_epoch(epoch.0 as i32).with_end_offset(end.0 as i64)
                }
                // The log has nothing that old.
                Ok(None) => answered.with_leader_epoch(-1).with_end_offset(-1),
                Err(error) => answered.with_error_code(error.code()).with_leader_epoch(-1).with_end_offset(-1),
            });
        }
        topics.push(OffsetForLeaderTopicResult::default().with_topic(topic.topic).with_partitions(partitions));
    }
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}

async fn end(
    broker: &Broker,
    topic: &TopicName,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<EpochEnd>, ResponseError> {
    let (tablet, _) = find_led(broker, topic, asked.partition, asked.current_leader_epoch)?;
    let Ok(epoch) = u32::try_from(asked.leader_epoch) else { return Ok(None) };
    Ok(tablet.end_of_epoch(LeaderEpoch(epoch)).await)
}
