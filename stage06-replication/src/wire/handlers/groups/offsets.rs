//! How far a group is: committing offsets, and asking for them.

use std::collections::BTreeSet;

use futures_util::future::{BoxFuture, FutureExt};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::offset_fetch_response::{OffsetFetchResponsePartition, OffsetFetchResponseTopic};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::code_of;
use super::members::caller;
use crate::broker::unix_time_ms;
use crate::groups::message::GroupError;
use crate::groups::question::{Partition, Question, Reply};
use crate::groups::record::Committed;
use crate::groups::service::Groups;

/// The first version in which an answer to a fetch has an error of its own.
const FETCH_ERROR_FROM: i16 = 2;
/// The first version in which a committed offset comes with the epoch of its record.
const FETCH_EPOCH_FROM: i16 = 5;

/// Keeps offsets for a group. When this returns, the commit has its place behind those that came before, so that all of a
/// client's that come together are synced together. What is returned waits for what becomes of it.
pub(crate) async fn offset_commit(
    groups: &Groups,
    request: OffsetCommitRequest,
) -> BoxFuture<'static, OffsetCommitResponse> {
    // What is wrong with one partition is no harm to the others.
    let mut commits = Vec::new();
    let mut refused = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            match commit_of(groups, &topic.name, partition) {
                Ok(commit) => {
                    commits.push(commit);
                    refused.push(None);
                }
                Err(error) => refused.push(Some(error.code())),
            }
        }
    }
    let caller = caller(&request.member_id, request.generation_id_or_member_epoch);
    if request.group_instance_id.is_some() {
        return std::future::ready(committed(request, refused, code_of(GroupError::Unsupported))).boxed();
    }
    let result = groups.queue(&request.group_id, Question::Commit(caller, commits)).await;
    result.map(|result| committed(request, refused, result.map_or_else(code_of, |_| 0))).boxed()
}

/// The answer to a commit: what is wrong with a partition, or what came of all the others.
fn committed(request: OffsetCommitRequest, refused: Vec<Option<i16>>, all: i16) -> OffsetCommitResponse {
    let mut refused = refused.into_iter();
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let code = refused.next().flatten().unwrap_or(all);
            let response = OffsetCommitResponsePartition::default().with_partition_index(partition.partition_index);
            response.with_error_code(code)
        });
        let partitions = partitions.collect();
        OffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

fn commit_of(
    groups: &Groups,
    topic: &str,
    partition: &OffsetCommitRequestPartition,
) -> Result<(Partition, Committed), ResponseError> {
    let number = u32::try_from(partition.partition_index).ok().filter(|number| groups.has_partition(topic, *number));
    let number = number.ok_or(ResponseError::UnknownTopicOrPartition)?;
    let offset = u64::try_from(partition.committed_offset).map_err(|_| ResponseError::InvalidRequest)?;
    let note = partition.committed_metadata.as_ref().map(StrBytes::to_string).unwrap_or_default();
    if note.len() > groups.options().note_bytes_max {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    let leader_epoch = partition.committed_leader_epoch;
    Ok(((topic.to_string(), number), Committed { offset, leader_epoch, note, at_ms: unix_time_ms() }))
}

/// Says how far a group is.
pub(crate) async fn offset_fetch(groups: &Groups, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let asked = request.topics.as_deref().map(|topics| asked_for(groups, topics));
    let error = match groups.ask(&request.group_id, Question::Fetch(asked.clone())).await {
        Ok(Reply::Offsets(offsets)) => return fetched(version, offsets, 0),
        Ok(_) => ResponseError::UnknownServerError.code(),
        Err(error) => code_of(error),
    };
    match version >= FETCH_ERROR_FROM {
        true => OffsetFetchResponse::default().with_error_code(error),
        false => {
            let none = asked.unwrap_or_default().into_iter().map(|partition| (partition, None));
            fetched(version, none.collect(), error)
        }
    }
}

/// The partitions that are asked for, each once, of topics that there may be: the same one many times, or under a very long
/// name, would make a short question a long answer.
fn asked_for(groups: &Groups, topics: &[OffsetFetchRequestTopic]) -> Vec<Partition> {
    let topics = topics.iter().filter(|topic| topic.name.len() <= groups.options().name_bytes_max);
    let partitions = topics.flat_map(|topic| {
        let number = |index: &i32| u32::try_from(*index).unwrap_or(u32::MAX);
        topic.partition_indexes.iter().map(move |index| (topic.name.to_string(), number(index)))
    });
    partitions.collect::<BTreeSet<Partition>>().into_iter().collect()
}

fn fetched(version: i16, offsets: Vec<(Partition, Option<Committed>)>, code: i16) -> OffsetFetchResponse {
    let mut topics: Vec<OffsetFetchResponseTopic> = Vec::new();
    for ((topic, number), committed) in offsets {
        let partition = fetched_partition(version, number, committed).with_error_code(code);
        match topics.last_mut().filter(|last| *last.name == *topic) {
            Some(last) => last.partitions.push(partition),
            None => {
                let name = TopicName(StrBytes::from_string(topic));
                topics.push(OffsetFetchResponseTopic::default().with_name(name).with_partitions(vec![partition]));
            }
        }
    }
    OffsetFetchResponse::default().with_topics(topics)
}

fn fetched_partition(version: i16, number: u32, committed: Option<Committed>) -> OffsetFetchResponsePartition {
    let partition = OffsetFetchResponsePartition::default().with_partition_index(number.cast_signed());
    let Some(committed) = committed else {
        // Nothing is committed: not an error, and not an offset either.
        let nothing = partition.with_committed_offset(-1).with_metadata(Some(StrBytes::default()));
        return if version >= FETCH_EPOCH_FROM { nothing.with_committed_leader_epoch(-1) } else { nothing };
    };
    let offset = i64::try_from(committed.offset).unwrap_or(i64::MAX);
    let partition = partition.with_committed_offset(offset).with_metadata(Some(StrBytes::from_string(committed.note)));
    match version >= FETCH_EPOCH_FROM {
        true => partition.with_committed_leader_epoch(committed.leader_epoch),
        false => partition,
    }
}
