//! What clients and a broker say to each other.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopicConfig;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, DeleteTopicsRequest, InitProducerIdRequest, MetadataRequest, RequestKind, ResponseKind,
    TransactionalId,
};
use stage06::wire::ServerOptions;
use tokio::time::{Instant, timeout};

use crate::batches::batch;
use crate::broker::{Alone, Client, Fetch, PATIENCE, runtime, stamped};
use crate::requests::{create_topic, example, list_offsets, produce, text, topic_name};

fn versions() -> RequestKind {
    RequestKind::ApiVersions(ApiVersionsRequest::default())
}

async fn create(client: &mut Client, request: kafka_protocol::messages::CreateTopicsRequest) -> (i16, String) {
    let response = client.call(ApiKey::CreateTopics, 4, &RequestKind::CreateTopics(request)).await;
    let ResponseKind::CreateTopics(response) = response else { unreachable!() };
    let topic = &response.topics[0];
    (topic.error_code, topic.error_message.as_deref().unwrap_or_default().to_string())
}

#[test]
fn what_is_produced_is_fetched_bit_for_bit_in_every_version() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        let mut expected = Vec::new();
        for (at, version) in (3..=8).enumerate() {
            let batch = batch(&[b"a", b"b"], 1_000);
            let request = RequestKind::Produce(produce("orders", 0, -1, Some(batch.clone().into())));
            let response = client.call(ApiKey::Produce, version, &request).await;
            let ResponseKind::Produce(response) = response else { unreachable!() };
            let partition = &response.responses[0].partition_responses[0];
            let offset = 2 * at as i64;
            assert_eq!((partition.error_code, partition.base_offset), (0, offset));
            expected.extend(stamped(&batch, offset, 1));
        }
        for version in 4..=12 {
            let request = RequestKind::Fetch(Fetch::default().request());
            let response = client.call(ApiKey::Fetch, version, &request).await;
            let ResponseKind::Fetch(response) = response else { unreachable!() };
            let partition = &response.responses[0].partitions[0];
            assert_eq!((partition.error_code, partition.high_watermark, partition.last_stable_offset), (0, 12, 12));
            assert_eq!(partition.records.as_deref(), Some(&expected[..]), "version {version}");
        }
        // From the middle of a batch: the batch that holds it comes first, whole.
        let from = client.fetch(&Fetch { offset: 5, ..Fetch::default() }).await;
        assert_eq!(from.records.as_deref(), Some(&expected[2 * expected.len() / 6..]));
        alone.stop().await;
    });
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        // Many more than wait for their answers at a time.
        let requests: Vec<_> = (0..200_u8)
            .map(|at| match at % 2 {
                0 => {
                    let request = produce("orders", 0, -1, Some(batch(&[&[at]], 1).into()));
                    (ApiKey::Produce, 8, RequestKind::Produce(request))
                }
                _ => (ApiKey::ApiVersions, 0, versions()),
            })
            .collect();
        let numbers = client.send_all(&requests).await;
        let mut next = 0;
        for ((key, version, _), number) in requests.iter().zip(numbers) {
            if let ResponseKind::Produce(response) = client.receive(*key, *version, number).await {
                let partition = &response.responses[0].partition_responses[0];
                assert_eq!((partition.error_code, partition.base_offset), (0, next), "batches keep their order");
                next += 1;
            }
        }
        assert_eq!(next, 100);
        alone.stop().await;
    });
}

#[test]
fn without_acknowledgement_there_is_no_answer_at_all() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        for _ in 0..3 {
            let request = RequestKind::Produce(produce("orders", 0, 0, Some(batch(&[b"a"], 1).into())));
            client.send(ApiKey::Produce, 8, &request).await;
        }
        // The next answer is that to the next request, by its number.
        client.call(ApiKey::ApiVersions, 0, &versions()).await;
        let batch_of_one = batch(&[b"a"], 1);
        let bytes_min = 3 * batch_of_one.len() as i32;
        let fetched = client.fetch(&Fetch { bytes_min, wait_ms: 60_000, ..Fetch::default() }).await;
        let expected: Vec<u8> = (0..3).flat_map(|offset| stamped(&batch_of_one, offset, 1)).collect();
        assert_eq!(fetched.records.unwrap(), expected);
        // What cannot be appended can only be told by closing the connection.
        let request = RequestKind::Produce(produce("nowhere", 0, 0, Some(batch(&[b"a"], 1).into())));
        client.send(ApiKey::Produce, 8, &request).await;
        assert!(client.is_closed().await);
        alone.stop().await;
    });
}

#[test]
fn a_batch_that_is_not_taken_is_refused_with_a_reason() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        let mut bent = batch(&[b"a"], 1);
        *bent.last_mut().unwrap() ^= 1;
        let refused = client.produce("orders", -1, bent).await;
        assert_eq!((refused.error_code, refused.base_offset), (ResponseError::CorruptMessage.code(), -1));
        assert!(refused.error_message.unwrap().contains("checksum"));
        let mut code = async |topic: &str, acks| client.produce(topic, acks, batch(&[b"a"], 1)).await.error_code;
        assert_eq!(code("nowhere", -1).await, ResponseError::UnknownTopicOrPartition.code());
        assert_eq!(code("orders", 2).await, ResponseError::InvalidRequiredAcks.code());
        assert_eq!(code("__consumer_offsets", 1).await, ResponseError::InvalidTopicException.code());
        assert_eq!(code("orders", 1).await, 0);
        let transactional = produce("orders", 0, -1, Some(batch(&[b"a"], 1).into()))
            .with_transactional_id(Some(TransactionalId(text("a transaction"))));
        let response = client.call(ApiKey::Produce, 8, &RequestKind::Produce(transactional)).await;
        let ResponseKind::Produce(response) = response else { unreachable!() };
        let refused = response.responses[0].partition_responses[0].error_code;
        assert_eq!(refused, ResponseError::TransactionalIdAuthorizationFailed.code());
        alone.stop().await;
    });
}

#[test]
fn a_consumer_that_has_all_waits_until_there_is_more() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let (mut consumer, mut producer) = (alone.client().await, alone.client().await);
        let waiting = Fetch { wait_ms: 60_000, ..Fetch::default() };
        let number = consumer.send(ApiKey::Fetch, 11, &RequestKind::Fetch(waiting.request())).await;
        let batch = batch(&[b"a"], 1);
        assert_eq!(producer.produce("orders", -1, batch.clone()).await.error_code, 0);
        let ResponseKind::Fetch(response) = consumer.receive(ApiKey::Fetch, 11, number).await else { unreachable!() };
        assert_eq!(response.responses[0].partitions[0].records.as_deref(), Some(&stamped(&batch, 0, 1)[..]));
        // It does not wait for more than it asked for, nor longer.
        let began = Instant::now();
        let empty = consumer.fetch(&Fetch { offset: 1, wait_ms: 50, ..Fetch::default() }).await;
        assert_eq!((empty.error_code, empty.records.as_deref()), (0, Some(&[][..])));
        assert!(began.elapsed() >= Duration::from_millis(50));
        // More bytes than there will be.
        let all = consumer.fetch(&Fetch { bytes_min: 1 << 20, wait_ms: 50, ..Fetch::default() }).await;
        assert_eq!(all.records.unwrap().len(), batch.len());
        alone.stop().await;
    });
}

#[test]
fn a_limit_that_is_smaller_than_the_next_batch_stops_nobody() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        let batch = batch(&[&[7; 1_000]], 1);
        for _ in 0..3 {
            client.produce("orders", -1, batch.clone()).await;
        }
        let one = client.fetch(&Fetch { bytes_max: 1, ..Fetch::default() }).await;
        assert_eq!(one.records.unwrap(), stamped(&batch, 0, 1));
        let two = client.fetch(&Fetch { bytes_max: 2 * batch.len() as i32, ..Fetch::default() }).await;
        assert_eq!(two.records.unwrap().len(), 2 * batch.len());
        alone.stop().await;
    });
}

#[test]
fn offsets_and_epochs_that_are_none_are_told_apart() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        client.produce("orders", -1, batch(&[b"a"], 1)).await;
        let mut code = async |fetch: Fetch<'_>| client.fetch(&fetch).await.error_code;
        let orders = Fetch { wait_ms: 0, ..Fetch::default() };
        assert_eq!(code(Fetch { offset: 1, ..orders }).await, 0, "the end");
        assert_eq!(code(Fetch { offset: 2, ..orders }).await, ResponseError::OffsetOutOfRange.code());
        assert_eq!(code(Fetch { offset: -1, ..orders }).await, ResponseError::OffsetOutOfRange.code());
        assert_eq!(code(Fetch { epoch: 1, ..orders }).await, 0);
        assert_eq!(code(Fetch { epoch: 0, ..orders }).await, ResponseError::FencedLeaderEpoch.code());
        assert_eq!(code(Fetch { epoch: 2, ..orders }).await, ResponseError::UnknownLeaderEpoch.code());
        assert_eq!(code(Fetch { topic: "nowhere", ..orders }).await, ResponseError::UnknownTopicOrPartition.code());
        let session = orders.request().with_session_id(7).with_session_epoch(1);
        let response = client.call(ApiKey::Fetch, 11, &RequestKind::Fetch(session)).await;
        let ResponseKind::Fetch(response) = response else { unreachable!() };
        assert_eq!(response.error_code, ResponseError::FetchSessionIdNotFound.code());
        alone.stop().await;
    });
}

#[test]
fn a_time_leads_to_the_first_record_that_is_not_older() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        client.produce("orders", -1, batch(&[b"a", b"b", b"c"], 1_000)).await;
        client.produce("orders", -1, batch(&[b"d", b"e"], 2_000)).await;
        let mut found = async |time| {
            let request = RequestKind::ListOffsets(list_offsets(5, "orders", time));
            let response = client.call(ApiKey::ListOffsets, 5, &request).await;
            let ResponseKind::ListOffsets(response) = response else { unreachable!() };
            let partition = response.topics[0].partitions[0].clone();
            assert_eq!(partition.error_code, 0);
            (partition.offset, partition.timestamp)
        };
        assert_eq!(found(-1).await, (5, -1), "the latest");
        assert_eq!(found(-2).await, (0, -1), "the earliest");
        assert_eq!(found(0).await, (0, 1_000));
        assert_eq!(found(1_002).await, (2, 1_002));
        assert_eq!(found(1_003).await, (3, 2_000));
        assert_eq!(found(2_001).await, (4, 2_001));
        assert_eq!(found(2_002).await, (-1, -1), "nothing is so new");
        alone.stop().await;
    });
}

#[test]
fn topics_are_made_and_deleted_or_it_is_said_why_not() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        let made = |name: &str, partitions, replicas| create_topic(name, partitions, replicas);
        let trial = made("new", 3, 1).with_validate_only(true);
        assert_eq!(create(&mut client, trial).await.0, 0);
        assert_eq!(create(&mut client, made("new", 3, 1)).await, (0, String::new()), "the trial has made nothing");
        assert_eq!(create(&mut client, made("new", 3, 1)).await.0, ResponseError::TopicAlreadyExists.code());
        let codes = [
            (made("no/name", 1, 1), ResponseError::InvalidTopicException),
            (made("..", 1, 1), ResponseError::InvalidTopicException),
            (made("__mine", 1, 1), ResponseError::InvalidTopicException),
            (made("none", 0, 1), ResponseError::InvalidPartitions),
            (made("many", 101, 1), ResponseError::InvalidPartitions),
            (made("two", 1, 2), ResponseError::InvalidReplicationFactor),
        ];
        for (request, expected) in codes {
            let (code, message) = create(&mut client, request).await;
            assert_eq!(code, expected.code(), "{message}");
            assert!(!message.is_empty());
        }
        let mut other = made("other", 1, 1);
        let setting =
            CreatableTopicConfig::default().with_name(text("cleanup.policy")).with_value(Some(text("compact")));
        other.topics[0].configs.push(setting);
        let (code, message) = create(&mut client, other).await;
        assert_eq!(code, ResponseError::InvalidConfig.code());
        assert!(message.contains("cleanup.policy"), "{message}");
        let mut twice = made("twice", 1, 1);
        twice.topics.push(twice.topics[0].clone());
        assert_eq!(create(&mut client, twice).await.0, ResponseError::InvalidRequest.code());
        for (topic, code) in [("new", 0), ("new", ResponseError::UnknownTopicOrPartition.code())] {
            let request = DeleteTopicsRequest::default().with_topic_names(vec![topic_name(topic)]);
            let response = client.call(ApiKey::DeleteTopics, 3, &RequestKind::DeleteTopics(request)).await;
            let ResponseKind::DeleteTopics(response) = response else { unreachable!() };
            assert_eq!(response.responses[0].error_code, code);
        }
        alone.stop().await;
    });
}

#[test]
fn a_topic_that_is_asked_for_is_made_if_that_is_wanted() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        let mut ask = async |topic: &str, may_be_made: bool| {
            let topic = MetadataRequestTopic::default().with_name(Some(topic_name(topic)));
            let request =
                MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(may_be_made);
            let response = client.call(ApiKey::Metadata, 8, &RequestKind::Metadata(request)).await;
            let ResponseKind::Metadata(response) = response else { unreachable!() };
            let topic = &response.topics[0];
            (topic.error_code, topic.partitions.iter().map(|partition| partition.leader_id.0).collect::<Vec<_>>())
        };
        assert_eq!(ask("fresh", false).await, (ResponseError::UnknownTopicOrPartition.code(), vec![]));
        assert_eq!(ask("fresh", true).await, (0, vec![1]));
        assert_eq!(ask("fresh", false).await, (0, vec![1]));
        assert_eq!(ask("__fresh", true).await, (ResponseError::UnknownTopicOrPartition.code(), vec![]));
        assert_eq!(ask("a fresh one", true).await, (ResponseError::InvalidTopicException.code(), vec![]));
        // And a batch for it is taken at once.
        assert_eq!(client.produce("fresh", -1, batch(&[b"a"], 1)).await.error_code, 0);
        alone.stop().await;
    });
}

#[test]
fn each_producer_gets_a_number_of_its_own_and_none_gets_a_transaction() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        let mut init = async |transaction: Option<&str>| {
            let id = transaction.map(|id| TransactionalId(text(id)));
            let request = InitProducerIdRequest::default().with_transactional_id(id);
            let response = client.call(ApiKey::InitProducerId, 1, &RequestKind::InitProducerId(request)).await;
            let ResponseKind::InitProducerId(response) = response else { unreachable!() };
            (response.error_code, response.producer_id.0)
        };
        let ((first, one), (second, other)) = (init(None).await, init(None).await);
        assert_eq!((first, second), (0, 0));
        assert_ne!(one, other);
        assert_eq!(init(Some("mine")).await, (ResponseError::TransactionalIdAuthorizationFailed.code(), -1));
        alone.stop().await;
    });
}

#[test]
fn a_server_that_stops_answers_whoever_waits() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        client.call(ApiKey::ApiVersions, 0, &example(ApiKey::ApiVersions, 0, "", "")).await;
        let waiting = Fetch { wait_ms: 60_000, ..Fetch::default() };
        let number = client.send(ApiKey::Fetch, 11, &RequestKind::Fetch(waiting.request())).await;
        // It has arrived when what was sent in front of it is in the log.
        let (stopped, answered) = tokio::join!(
            timeout(PATIENCE, alone.stop()),
            timeout(PATIENCE, async { client.frame().await.is_none_or(|frame| frame[..4] == number.to_be_bytes()) })
        );
        assert!(stopped.is_ok());
        assert_eq!(answered, Ok(true), "its own answer, or the end");
    });
}
