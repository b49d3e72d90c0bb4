//! Fetch, as a follower asks.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::FetchableTopicResponse;
use kafka_protocol::messages::{FetchRequest, FetchResponse, ResponseKind};

use super::tablets::find;
use crate::message::FetchResult;
use crate::wire::context::{Answer, Context};
use crate::wire::replica_fetch::{answer, no_answer, question_of};

/// Answers a follower.
pub(super) async fn fetch(context: &Context, request: FetchRequest) -> Answer {
    let Some((id, question, wait)) = question_of(&request) else {
        return ResponseKind::Fetch(not_a_follower(&request)).into();
    };
    let failed = |error| ResponseKind::Fetch(no_answer(&id, error)).into();
    let tablet = match find(&context.broker, &id) {
        Ok(tablet) => tablet,
        Err(error) => return failed(error),
    };
    // A server that stops is left with what there is.
    let mut stopping = context.stopping.clone();
    let answered = tokio::select! {
        answered = tablet.fetch(question, wait.min(super::fetch::WAIT_MAX)) => answered,
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    let Some(answered) = answered else { return failed(ResponseError::StaleBrokerEpoch) };
    let mut share = context.pools.followers.share();
    if let FetchResult::Batches { batches, .. } = &answered.result
        && share.grow(batches.iter().map(|batch| batch.body.len()).sum()).await.is_err()
    {
        // It asks again.
        return failed(ResponseError::ThrottlingQuotaExceeded);
    }
    let start = tablet.view().borrow().start;
    Answer::Reply(Box::new(ResponseKind::Fetch(answer(&id, &answered.result, start))), Some(share))
}

/// Whoever says that it is a replica and is none of ours: nothing of what it asks for is given out.
fn not_a_follower(request: &FetchRequest) -> FetchResponse {
    let error = ResponseError::InvalidRequest.code();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|asked| {
            kafka_protocol::messages::fetch_response::PartitionData::default()
                .with_partition_index(asked.partition)
                .with_error_code(error)
                .with_records(Some(bytes::Bytes::new()))
        });
        let topic = FetchableTopicResponse::default().with_topic(topic.topic.clone());
        topics.push(topic.with_partitions(partitions.collect()));
    }
    FetchResponse::default().with_responses(topics)
}
