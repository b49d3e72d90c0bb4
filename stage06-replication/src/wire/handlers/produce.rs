//! Produce: batches for tablets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, ResponseKind, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::time::{Instant, timeout_at};

use super::tablets::{find_to_append, id_of, is_internal};
use crate::broker::{Broker, NewBatch, Tablet};
use crate::replica::{Acks, Outcome, Why};
use crate::wire::batch_check::{ZSTD, codec_of, new_batch};
use crate::wire::context::{Answer, Context};
use crate::wire::pool::Share;

/// The first version whose clients know zstd (KIP-110).
const ZSTD_FROM: i16 = 7;
/// The first version that has the start of the log in its answer.
const LOG_START_FROM: i16 = 5;
/// The first version that has an error's text in its answer (KIP-467).
const MESSAGE_FROM: i16 = 8;
/// The longest that a client may have its batches waited for.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// Why a batch was not put into its tablet's queue.
struct Failure {
    error: ResponseError,
    message: Option<String>,
}

impl From<ResponseError> for Failure {
    fn from(error: ResponseError) -> Failure {
        Failure { error, message: None }
    }
}

/// A partition's batch on its way.
struct Placed {
    index: i32,
    outcome: Result<(Tablet, BoxFuture<'static, Outcome>), Failure>,
}

/// Puts all batches into their tablets' queues, in this order. What is returned waits for what becomes of them.
pub(super) async fn queue(
    context: &Arc<Context>,
    version: i16,
    request: ProduceRequest,
    share: &Arc<Share>,
) -> BoxFuture<'static, Answer> {
    let acks = acks_of(&request);
    let until = Instant::now() + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)).min(WAIT_MAX);
    let mut topics = Vec::new();
    for topic in request.topic_data {
        let mut partitions = Vec::new();
        for partition in topic.partition_data {
            let index = partition.index;
            let outcome = match acks {
                Ok(acks) => place(&context.broker, version, &topic.name, partition, acks, share).await,
                Err(error) => Err(error.into()),
            };
            partitions.push(Placed { index, outcome });
        }
        topics.push((topic.name, partitions));
    }
    if acks == Ok(Acks::None) {
        return std::future::ready(unheard(&topics)).boxed();
    }
    async move {
        let mut responses = Vec::new();
        for (name, partitions) in topics {
            let mut answered = Vec::new();
            for partition in partitions {
                answered.push(await_outcome(version, partition, until).await);
            }
            responses.push(TopicProduceResponse::default().with_name(name).with_partition_responses(answered));
        }
        ResponseKind::Produce(ProduceResponse::default().with_responses(responses)).into()
    }
    .boxed()
}

fn acks_of(request: &ProduceRequest) -> Result<Acks, ResponseError> {
    if request.transactional_id.is_some() {
        return Err(ResponseError::TransactionalIdAuthorizationFailed);
    }
    match request.acks {
        0 => Ok(Acks::None),
        1 => Ok(Acks::Leader),
        -1 => Ok(Acks::All),
        _ => Err(ResponseError::InvalidRequiredAcks),
    }
}

/// Checks a batch and puts it into its tablet's queue. It may be there for longer than its request: when there is no
/// acknowledgement, or nobody waits for it any more. So its bytes hold the request's share.
async fn place(
    broker: &Broker,
    version: i16,
    topic: &TopicName,
    partition: PartitionProduceData,
    acks: Acks,
    share: &Arc<Share>,
) -> Result<(Tablet, BoxFuture<'static, Outcome>), Failure> {
    if is_internal(topic) {
        return Err(ResponseError::InvalidTopicException.into());
    }
    let tablet = find_to_append(broker, &id_of(topic, partition.index)?).await?;
    let batch = new_batch(partition.records).map_err(|error| {
        tracing::warn!(topic = topic.as_str(), partition = partition.index, "refused: {error}");
        Failure { error: error.code(), message: Some(error.to_string()) }
    })?;
    if codec_of(&batch.body) == ZSTD && version < ZSTD_FROM {
        return Err(ResponseError::UnsupportedCompressionType.into());
    }
    let body = share.held_by(batch.body);
    let outcome = tablet.produce(NewBatch { body, ..batch }, acks).await.boxed();
    Ok((tablet, outcome))
}

/// Without acknowledgements a client hears of nothing. If a batch was refused here, all that can be done is to close the
/// connection: it asks anew who leads then, as it would after any other error.
fn unheard(topics: &[(TopicName, Vec<Placed>)]) -> Answer {
    let placed = topics.iter().flat_map(|(name, partitions)| partitions.iter().map(move |placed| (name, placed)));
    for (name, Placed { index, outcome }) in placed {
        match outcome {
            Err(failure) => {
                let TopicName(name) = name;
                return Answer::Close(format!("a batch without acknowledgement for {name}-{index}: {}", failure.error));
            }
            Ok((tablet, _)) if !tablet.view().borrow().is_leader => {
                return Answer::Close(format!("a batch without acknowledgement for {}-{index}: not led here", **name));
            }
            Ok(_) => {}
        }
    }
    Answer::Silence
}

async fn await_outcome(version: i16, placed: Placed, until: Instant) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(placed.index).with_base_offset(-1);
    let (tablet, outcome) = match placed.outcome {
        Ok(placed) => placed,
        Err(Failure { error, message }) => {
            let message = message.filter(|_| version >= MESSAGE_FROM).map(StrBytes::from_string);
            return response.with_error_code(error.code()).with_error_message(message);
        }
    };
    let outcome = timeout_at(until, outcome).await.unwrap_or(Outcome::Unknown(Why::TimedOut));
    match outcome {
        Outcome::Acknowledged(offset) => {
            let response = response.with_base_offset(offset.0 as i64);
            let start = tablet.view().borrow().start.0 as i64;
            if version >= LOG_START_FROM { response.with_log_start_offset(start) } else { response }
        }
        Outcome::Refused(why) | Outcome::Unknown(why) => {
            let is_refused = matches!(outcome, Outcome::Refused(_));
            response.with_error_code(code_of(why, is_refused).code())
        }
    }
}

/// How a client is told. It sends the batch again after most of these, and an idempotent producer's is known then.
fn code_of(why: Why, is_refused: bool) -> ResponseError {
    match why {
        Why::NotLeader => ResponseError::NotLeaderOrFollower,
        Why::NotEnoughReplicas if is_refused => ResponseError::NotEnoughReplicas,
        Why::NotEnoughReplicas => ResponseError::NotEnoughReplicasAfterAppend,
        Why::TimedOut => ResponseError::RequestTimedOut,
        Why::DiskFailed => ResponseError::KafkaStorageError,
        Why::OutOfSequence => ResponseError::OutOfOrderSequenceNumber,
        Why::ProducerFenced => ResponseError::InvalidProducerEpoch,
    }
}
