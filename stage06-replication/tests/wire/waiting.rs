//! Consumers that wait for records, and others that wait for consumers; and questions that are longer than they look.

use std::time::Duration;

use kafka_protocol::messages::{ApiKey, DescribeGroupsRequest, GroupId, RequestKind, ResponseKind};
use stage06::wire::ServerOptions;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::batches::batch;
use crate::broker::{Alone, Fetch, PATIENCE, runtime};
use crate::requests::{encode, produce, text};

/// A Fetch of all partitions of the topic `many`, from these offsets on.
fn fetch_from(offsets: &[i64], wait_ms: i32) -> RequestKind {
    let mut request = Fetch { topic: "many", wait_ms, ..Fetch::default() }.request();
    let one = request.topics[0].partitions[0].clone();
    let partition = |(at, &offset): (i32, &i64)| one.clone().with_partition(at).with_fetch_offset(offset);
    request.topics[0].partitions = (0..).zip(offsets).map(partition).collect();
    RequestKind::Fetch(request)
}

#[test]
fn a_consumer_of_many_partitions_is_woken_by_any_of_them() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        alone.create("many", 3).await;
        let (mut consumer, mut producer) = (alone.client().await, alone.client().await);
        let mut offsets = [0; 3];
        for round in 0..12 {
            let number = consumer.send(ApiKey::Fetch, 11, &fetch_from(&offsets, 3_000)).await;
            let at = round % offsets.len();
            let request = RequestKind::Produce(produce("many", at as i32, -1, Some(batch(&[b"a"], 1).into())));
            producer.call(ApiKey::Produce, 8, &request).await;
            let response = consumer.receive(ApiKey::Fetch, 11, number).await;
            let ResponseKind::Fetch(response) = response else { unreachable!() };
            let partitions = response.responses[0].partitions.iter();
            let bytes: Vec<usize> =
                partitions.map(|read| read.records.as_ref().map_or(0, |bytes| bytes.len())).collect();
            let is_there = |(of, &bytes): (usize, &usize)| (bytes > 0) == (of == at);
            assert!(bytes.iter().enumerate().all(is_there), "round {round}, a batch in {at}: {bytes:?} bytes");
            offsets[at] += 1;
        }
        alone.stop().await;
    });
}

/// A Fetch of four megabytes, which is nearly all of the pool below.
const FOUR: Fetch<'_> = Fetch { topic: "orders", offset: 0, epoch: -1, wait_ms: 0, bytes_min: 1, bytes_max: 4 << 20 };

#[test]
fn who_does_not_take_an_answer_is_given_up_when_others_wait_for_its_memory() {
    runtime().block_on(async {
        let options = ServerOptions {
            answer_bytes_max: 5_000_000,
            pool_patience: Duration::from_millis(20),
            // What it would have otherwise.
            transfer: Duration::from_secs(600),
            ..ServerOptions::default()
        };
        let alone = Alone::start(options).await;
        let mut consumer = alone.client().await;
        for _ in 0..4 {
            assert_eq!(consumer.produce("orders", -1, batch(&[&vec![7; 1_000_000]], 1)).await.error_code, 0);
        }
        let mut deaf = alone.client().await;
        // Until it is closed. Some answers fit into what is on the way, and the next one is stuck.
        let given_up = async {
            let question = encode(ApiKey::Fetch, 11, 1, &RequestKind::Fetch(FOUR.request()));
            let question = [&(question.len() as u32).to_be_bytes()[..], &question].concat();
            while deaf.stream.write_all(&question).await.is_ok() {}
        };
        // It is told that there is nothing, as long as others have all memory.
        let asks_again = async {
            loop {
                assert_eq!(consumer.fetch(&FOUR).await.error_code, 0);
            }
        };
        let is_given_up = async {
            tokio::select! {
                () = given_up => {}
                () = asks_again => {}
            }
        };
        timeout(PATIENCE / 6, is_given_up).await.expect("it is given up");
        let mut consumer = alone.client().await;
        let served = async { while consumer.fetch(&FOUR).await.records.unwrap_or_default().is_empty() {} };
        timeout(PATIENCE / 6, served).await.expect("what it had is there for others");
        alone.stop().await;
    });
}

#[test]
fn a_group_that_is_asked_for_many_times_is_described_once() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let group = |name: &str| GroupId(text(name));
        let request = DescribeGroupsRequest::default().with_groups(vec![group("one"), group("other"), group("one")]);
        let request = RequestKind::DescribeGroups(request);
        let response = alone.client().await.call(ApiKey::DescribeGroups, 4, &request).await;
        let ResponseKind::DescribeGroups(response) = response else { unreachable!() };
        let described: Vec<&str> = response.groups.iter().map(|described| described.group_id.as_str()).collect();
        assert_eq!(described, ["one", "other"]);
        alone.stop().await;
    });
}

#[test]
fn a_partition_that_is_asked_for_many_times_is_read_once() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        assert_eq!(client.produce("orders", -1, batch(&[b"a"], 1)).await.error_code, 0);
        let mut request = Fetch::default().request();
        let (topic, partition) = (request.topics[0].clone(), request.topics[0].partitions[0].clone());
        request.topics[0].partitions = vec![partition; 3];
        request.topics.push(topic);
        let response = client.call(ApiKey::Fetch, 11, &RequestKind::Fetch(request)).await;
        let ResponseKind::Fetch(response) = response else { unreachable!() };
        let read: Vec<usize> = response.responses.iter().map(|topic| topic.partitions.len()).collect();
        assert_eq!(read, [1, 0]);
        alone.stop().await;
    });
}
