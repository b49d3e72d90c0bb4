//! A follower and its leader, over the wire; and a leader that is none.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::{EpochEndOffset, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchResponse, RequestKind, ResponseHeader};
use kafka_protocol::protocol::Encodable;
use proptest::prelude::*;
use stage06::Offset;
use stage06::epochs::EpochEnd;
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch};
use stage06::message::{FetchAnswer, FetchRequest, FetchResult};
use stage06::tablet::TabletId;
use stage06::wire::record_batch::stamp;
use stage06::wire::request::Raw;
use stage06::wire::{ReplicaClient, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::batches::batch;
use crate::broker::{Alone, PATIENCE, runtime};
use crate::requests::topic_name;

fn orders() -> TabletId {
    TabletId { topic: "orders".into(), partition: 0 }
}

fn question() -> FetchRequest {
    FetchRequest {
        from: BrokerId(2),
        life: BrokerEpoch(u64::MAX - 1),
        number: 77,
        leader_epoch: LeaderEpoch(5),
        offset: Offset(40),
        last_epoch: Some(LeaderEpoch(4)),
    }
}

fn answer_with(partition: PartitionData) -> FetchResponse {
    let topic = FetchableTopicResponse::default().with_topic(topic_name("orders")).with_partitions(vec![partition]);
    FetchResponse::default().with_responses(vec![topic])
}

fn encoded(correlation_id: i32, response: &FetchResponse) -> Bytes {
    let mut frame = BytesMut::new();
    ResponseHeader::default().with_correlation_id(correlation_id).encode(&mut frame, 1).unwrap();
    response.encode(&mut frame, 12).unwrap();
    frame.freeze()
}

/// Asks somebody who answers with this, whatever it is. Returns what arrived there, and what came of it.
async fn ask(answer: &[u8]) -> (Bytes, std::io::Result<FetchAnswer>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let leader = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u32().await.unwrap();
        let mut frame = vec![0; length as usize];
        stream.read_exact(&mut frame).await.unwrap();
        // The follower may have gone before all is written.
        let _ = stream.write_all(answer).await;
        Bytes::from(frame)
    };
    let follower = async {
        let mut client = ReplicaClient::connect(&address).await.unwrap();
        client.fetch(&orders(), &question(), Duration::from_millis(500)).await
    };
    timeout(PATIENCE, async { tokio::join!(leader, follower) }).await.expect("an answer, or an error")
}

/// A frame with its length.
fn framed(frame: &[u8]) -> Vec<u8> {
    [&(frame.len() as u32).to_be_bytes()[..], frame].concat()
}

async fn result_of(partition: PartitionData) -> FetchResult {
    let (_, answer) = ask(&framed(&encoded(1, &answer_with(partition)))).await;
    let answer = answer.unwrap();
    assert_eq!((answer.number, answer.leader_epoch), (77, LeaderEpoch(5)));
    answer.result
}

#[test]
fn the_question_says_who_asks_in_which_life_and_what_it_has() {
    runtime().block_on(async {
        let empty = PartitionData::default().with_high_watermark(0).with_records(Some(Bytes::new()));
        let (arrived, _) = ask(&framed(&encoded(1, &answer_with(empty)))).await;
        let request = Raw::read(arrived).and_then(Raw::decode).unwrap();
        let Some(RequestKind::Fetch(fetch)) = request.kind else { panic!("a Fetch") };
        let partition = &fetch.topics[0].partitions[0];
        assert_eq!((fetch.replica_id.0, fetch.max_wait_ms), (2, 500));
        assert_eq!((partition.current_leader_epoch, partition.last_fetched_epoch, partition.fetch_offset), (5, 4, 40));
        assert_eq!(fetch.unknown_tagged_fields[&10_000], (u64::MAX - 1).to_be_bytes()[..]);
    });
}

#[test]
fn each_kind_of_answer_is_understood() {
    runtime().block_on(async {
        let mut records = BytesMut::new();
        stamp(&batch(&[b"a", b"b"], 9), Offset(40), LeaderEpoch(4), &mut records);
        stamp(&batch(&[b"c"], 9), Offset(42), LeaderEpoch(5), &mut records);
        let some = PartitionData::default().with_high_watermark(41).with_records(Some(records.freeze()));
        let FetchResult::Batches { batches, high_watermark } = result_of(some).await else { panic!("batches") };
        assert_eq!(high_watermark, Offset(41));
        let found: Vec<_> = batches.iter().map(|batch| (batch.base_offset.0, batch.epoch.0, batch.count)).collect();
        assert_eq!(found, [(40, 4, 2), (42, 5, 1)]);

        let parts = EpochEndOffset::default().with_epoch(3).with_end_offset(30);
        let diverging = PartitionData::default().with_diverging_epoch(parts);
        let end = EpochEnd { epoch: LeaderEpoch(3), end: Offset(30) };
        assert_eq!(result_of(diverging).await, FetchResult::Diverging(end));

        let error = |error: ResponseError| PartitionData::default().with_error_code(error.code());
        let deleted = error(ResponseError::OffsetOutOfRange).with_log_start_offset(50);
        assert_eq!(result_of(deleted).await, FetchResult::Deleted { start: Offset(50) });
        assert_eq!(result_of(error(ResponseError::NotLeaderOrFollower)).await, FetchResult::NotLeader);
    });
}

#[test]
fn a_leader_is_believed_no_more_than_anybody() {
    runtime().block_on(async {
        let kind = async |answer: Vec<u8>| ask(&answer).await.1.unwrap_err().kind();
        let with_records = |records: Bytes| {
            let partition = PartitionData::default().with_high_watermark(41).with_records(Some(records));
            framed(&encoded(1, &answer_with(partition)))
        };
        let mut sound = BytesMut::new();
        stamp(&batch(&[b"a", b"b"], 9), Offset(40), LeaderEpoch(4), &mut sound);
        let mut bent = sound.clone();
        *bent.last_mut().unwrap() ^= 1;
        assert_eq!(kind(with_records(bent.freeze())).await, ErrorKind::InvalidData, "a bit of a batch");
        let mut elsewhere = BytesMut::new();
        stamp(&batch(&[b"a"], 9), Offset(41), LeaderEpoch(4), &mut elsewhere);
        assert_eq!(kind(with_records(elsewhere.freeze())).await, ErrorKind::InvalidData, "not what was asked for");
        let twice = [&sound[..], &sound[..]].concat();
        assert_eq!(kind(with_records(twice.into())).await, ErrorKind::InvalidData, "the same again");
        let empty = answer_with(PartitionData::default().with_high_watermark(0));
        assert_eq!(kind(framed(&encoded(2, &empty))).await, ErrorKind::InvalidData, "another question's answer");
        assert_eq!(kind(vec![0x7F, 0xFF, 0xFF, 0xFF]).await, ErrorKind::InvalidData, "two gibibytes");
        assert_eq!(kind(vec![0, 0, 1, 0, 7]).await, ErrorKind::UnexpectedEof, "a part of an answer");
        assert_eq!(kind(vec![]).await, ErrorKind::UnexpectedEof, "nothing");
        // An answer with four thousand million topics.
        let mut many = BytesMut::new();
        many.put_i32(1);
        many.put_slice(&[0; 11]);
        many.put_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
        assert_eq!(kind(framed(&many)).await, ErrorKind::InvalidData, "a count of everything");
    });
}

#[test]
fn a_stranger_is_given_nothing() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut client = alone.client().await;
        client.produce("orders", -1, batch(&[b"a"], 1)).await;
        let mut stranger = ReplicaClient::connect(&alone.address().to_string()).await.unwrap();
        let question = FetchRequest { leader_epoch: LeaderEpoch(1), offset: Offset(0), last_epoch: None, ..question() };
        let answer = stranger.fetch(&orders(), &question, Duration::ZERO).await;
        assert!(answer.is_err(), "{answer:?}");
        alone.stop().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_of_an_answer_makes_a_follower_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut records = BytesMut::new();
        stamp(&batch(&[b"a", b"b"], 9), Offset(40), LeaderEpoch(4), &mut records);
        let parts = EpochEndOffset::default().with_epoch(3).with_end_offset(30);
        let partition = PartitionData::default().with_records(Some(records.freeze())).with_diverging_epoch(parts);
        let mut frame = encoded(1, &answer_with(partition)).to_vec();
        for (at, byte) in changes {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        runtime().block_on(async {
            let _ = ask(&framed(&frame)).await;
        });
    }
}
