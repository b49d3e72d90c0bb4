//! The attacks. Each returns its connections, which go on for as long as somebody has them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::join_all;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeGroupsRequest, FetchRequest, FindCoordinatorRequest, GroupId, JoinGroupRequest,
    JoinGroupResponse, OffsetFetchRequest, RequestHeader, SyncGroupRequest,
};
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use stage06::client::Connection;
use stage06::client::connection::topic_name;
use stage06::client::producer::{encode_batch, produce_request};
use stage06::tablet::TabletId;
use stage06::wire::frame::REQUEST_BYTES_MAX as FRAME_BYTES_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Much longer than the broker takes to close a connection.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many partitions the topics have.
const PARTITIONS: u32 = 4;
/// The version of Fetch.
const FETCH: i16 = 11;

/// The broker that is attacked.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    /// The largest batch, or nearly.
    large: Bytes,
}

/// The bytes of a request, with their length in front.
fn frame<R: Request>(version: i16, request: &R) -> Vec<u8> {
    let mut frame = BytesMut::new();
    let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
    header.encode(&mut frame, R::header_version(version)).expect("a header");
    request.encode(&mut frame, version).expect("a request");
    [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
}

fn tablet(partition: u32) -> TabletId {
    TabletId { topic: "large".into(), partition }
}

fn fetch(partitions: Vec<FetchPartition>, wait_ms: i32, bytes_min: i32) -> FetchRequest {
    let topic = FetchTopic::default().with_topic(topic_name("large")).with_partitions(partitions);
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(wait_ms)
        .with_min_bytes(bytes_min)
        .with_max_bytes(i32::MAX)
        .with_topics(vec![topic])
}

fn from(partition: u32, offset: i64) -> FetchPartition {
    FetchPartition::default()
        .with_partition(partition as i32)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(i32::MAX)
}

/// A frame that is none, of one kind or another.
fn nonsense(random: &mut fastrand::Rng) -> Vec<u8> {
    let bytes = |random: &mut fastrand::Rng, length: usize| -> Vec<u8> { (0..length).map(|_| random.u8(..)).collect() };
    let framed = |body: Vec<u8>| [&(body.len() as u32).to_be_bytes()[..], &body].concat();
    let length = random.usize(..2_000);
    // What it asks for is not there, so it is answered at once, whatever it asks for.
    let mut sound = frame(FETCH, &fetch((100..120).map(|at| from(at, 0)).collect(), 0, 1));
    match random.u8(..6) {
        0 => bytes(random, length),
        1 => [&random.u32(FRAME_BYTES_MAX as u32 + 1..).to_be_bytes()[..], &bytes(random, length)].concat(),
        2 => framed(bytes(random, length)),
        3 => framed([&[0, 0, 0, 8][..], &bytes(random, 30 * length)].concat()),
        4 => {
            sound.truncate(random.usize(..sound.len()));
            sound
        }
        _ => {
            let at = random.usize(4..sound.len() - 4);
            sound[at..at + 4].copy_from_slice(&random.i32(1_000..).to_be_bytes());
            sound
        }
    }
}

impl Target {
    pub(crate) fn new(address: &str) -> Target {
        let large = encode_batch(&[vec![7; (1 << 20) - 100].into()], -1, -1, -1).expect("a batch");
        Target { address: address.to_string(), large }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.expect("a connection")
    }

    /// Puts eight mebibytes into a tablet.
    pub(crate) async fn fill(&self) {
        let mut connection = Connection::open(&self.address).await.expect("a connection");
        while connection.metadata("large").await.expect("an answer").leader(&tablet(PARTITIONS - 1)).is_none() {}
        for _ in 0..8 {
            let request = produce_request(&tablet(0), 1, self.large.clone());
            let response = connection.call(7, &request).await.expect("an answer");
            assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        }
    }

    /// Four thousand connections, of which each sends one frame that is none, and reads until it is closed.
    pub(crate) async fn nonsense(&self) -> Vec<TcpStream> {
        let some = |seed| async move {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..100 {
                let mut stream = self.connect().await;
                // It may be closed at any time.
                let _ = stream.write_all(&nonsense(&mut random)).await;
                let _ = stream.shutdown().await;
                let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("it is closed");
            }
        };
        join_all((0..40).map(some)).await;
        Vec::new()
    }

    /// Each says that the largest frame comes, and keeps its last byte.
    pub(crate) async fn unfinished(&self) -> Vec<TcpStream> {
        let most = vec![0; FRAME_BYTES_MAX - 1];
        let one = async || {
            let mut stream = self.connect().await;
            stream.write_all(&(FRAME_BYTES_MAX as u32).to_be_bytes()).await.expect("the length is taken");
            // Whoever gets no memory is closed.
            let _ = timeout(PATIENCE, stream.write_all(&most)).await.expect("it is taken, or closed");
            stream
        };
        join_all((0..6).map(|_| one())).await
    }

    /// Each asks for something that takes a minute, and then for as much as the broker takes meanwhile.
    pub(crate) async fn pipelines(&self) -> Vec<TcpStream> {
        let waits = frame(FETCH, &fetch(vec![from(1, 0)], 60_000, 1));
        let more = frame(0, &ApiVersionsRequest::default()).repeat(40);
        let one = async || {
            let mut stream = self.connect().await;
            stream.write_all(&[&waits[..], &more].concat()).await.expect("they are taken");
            stream
        };
        join_all((0..500).map(|_| one())).await
    }

    /// Each names a partition as often as a request may, nearly, and waits for more than there is.
    pub(crate) async fn long_questions(&self) -> Vec<TcpStream> {
        let partitions = (0..9_900).map(|_| from(PARTITIONS - 1, 0)).collect();
        let question = frame(FETCH, &fetch(partitions, 60_000, i32::MAX));
        let one = async || {
            let mut stream = self.connect().await;
            let _ = timeout(PATIENCE, stream.write_all(&question)).await.expect("it is taken, or closed");
            stream
        };
        join_all((0..48).map(|_| one())).await
    }

    /// Each sends the largest batches, and does not wait: half of them say that they need no answer, half that they need
    /// it at once.
    pub(crate) async fn batches(&self) -> Vec<TcpStream> {
        let one = async |at: u32| {
            let acks = if at < 16 { 0 } else { -1 };
            let request = produce_request(&tablet(1 + at % 2), acks, self.large.clone()).with_timeout_ms(0);
            let frame = frame(7, &request);
            let mut stream = self.connect().await;
            for _ in 0..4 {
                if timeout(PATIENCE, stream.write_all(&frame)).await.expect("it is taken, or closed").is_err() {
                    break;
                }
            }
            stream
        };
        join_all((0..32).map(one)).await
    }

    /// Each is the only member of a group, and its leader: it says who does what, of very many that nobody knows.
    pub(crate) async fn members(&self) -> Vec<TcpStream> {
        let mut connection = Connection::open(&self.address).await.expect("a connection");
        let coordinator = FindCoordinatorRequest::default().with_key(StrBytes::from_static_str("group"));
        while connection.call(0, &coordinator).await.expect("an answer").error_code != 0 {}
        let joined = join_all((0..40).map(|at| self.join(at))).await;
        for member in joined {
            self.bring_work(member).await;
        }
        Vec::new()
    }

    /// Makes a group of one member. Its metadata is as much as it may be.
    async fn join(&self, at: u32) -> (GroupId, JoinGroupResponse) {
        let mut connection = Connection::open(&self.address).await.expect("a connection");
        let group = GroupId(StrBytes::from_string(format!("group {at}")));
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str("range"))
            .with_metadata(vec![7; 250 << 10].into());
        let join = JoinGroupRequest::default()
            .with_group_id(group.clone())
            .with_session_timeout_ms(60_000)
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol]);
        let mut joined = connection.call(0, &join).await.expect("an answer");
        while joined.error_code != 0 {
            joined = connection.call(0, &join).await.expect("an answer");
        }
        (group, joined)
    }

    async fn bring_work(&self, (group, joined): (GroupId, JoinGroupResponse)) {
        let mut connection = Connection::open(&self.address).await.expect("a connection");
        let work = |name: StrBytes, bytes: usize| {
            SyncGroupRequestAssignment::default().with_member_id(name).with_assignment(vec![7; bytes].into())
        };
        let mut assignments = vec![work(joined.member_id.clone(), 10)];
        assignments.extend((0..31).map(|_| work(StrBytes::from_static_str("nobody"), 255 << 10)));
        let sync = SyncGroupRequest::default()
            .with_group_id(group)
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id)
            .with_assignments(assignments);
        // Others may have all memory, and then the connection is closed.
        while !matches!(connection.call(0, &sync).await, Ok(response) if response.error_code == 0) {
            connection = Connection::open(&self.address).await.expect("a connection");
        }
    }

    /// Each asks for one group or one partition again and again, in one question, and reads no answer.
    pub(crate) async fn repetitions(&self) -> Vec<TcpStream> {
        let group = GroupId(StrBytes::from_static_str("group 0"));
        let describe = DescribeGroupsRequest::default().with_groups(vec![group.clone(); 400]);
        let topic = OffsetFetchRequestTopic::default()
            .with_name(topic_name(&"t".repeat(30_000)))
            .with_partition_indexes(vec![0; 9_900]);
        let offsets = OffsetFetchRequest::default().with_group_id(group).with_topics(Some(vec![topic]));
        let questions = [frame(0, &describe), frame(2, &offsets)];
        let one = async |at: usize| {
            let mut stream = self.connect().await;
            stream.write_all(&questions[at % 2]).await.expect("it is taken");
            let _ = timeout(PATIENCE, stream.peek(&mut [0])).await.expect("an answer begins, or it is closed");
            stream
        };
        join_all((0..8).map(one)).await
    }

    /// As many as there may be, that say nothing.
    pub(crate) async fn idle(&self) -> Vec<TcpStream> {
        let (_, files) = rlimit::Resource::NOFILE.get().expect("a limit");
        // Half of its files are what the broker takes connections for.
        let connections = (files / 2).saturating_sub(200).min(10_000);
        let some = async || {
            let mut idle = Vec::new();
            for _ in 0..connections / 8 {
                idle.push(self.connect().await);
            }
            idle
        };
        join_all((0..8).map(|_| some())).await.into_iter().flatten().collect()
    }

    /// Each asks for eight mebibytes, again and again, and reads none.
    pub(crate) async fn deaf(&self) -> Vec<TcpStream> {
        let question = frame(FETCH, &fetch(vec![from(0, 0)], 0, 1)).repeat(16);
        let one = async || {
            let mut stream = self.connect().await;
            stream.write_all(&question).await.expect("they are taken");
            let _ = timeout(PATIENCE, stream.peek(&mut [0])).await.expect("an answer begins");
            stream
        };
        join_all((0..32).map(|_| one())).await
    }
}
