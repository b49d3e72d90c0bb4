//! The life of a member in each version of each request: what is answered can be encoded, and says what it has to.

use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetFetchRequest, RequestHeader, ResponseHeader,
    SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use stage06::wire::ServerOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::broker::{Alone, PATIENCE, runtime};

const MEMBER_ID_REQUIRED: i16 = 79;
const COORDINATOR_NOT_AVAILABLE: i16 = 15;
const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
const NOT_COORDINATOR: i16 = 16;

struct Connection(TcpStream);

impl Connection {
    async fn ask<R: Request>(&mut self, version: i16, request: R) -> R::Response {
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
        header.encode(&mut frame, R::header_version(version)).unwrap();
        request.encode(&mut frame, version).unwrap();
        let length = i32::try_from(frame.len() - 4).unwrap();
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.0.write_all(&frame).await.unwrap();
        let answer = async {
            let length = self.0.read_i32().await.unwrap_or_else(|e| panic!("version {version} of {}: {e}", R::KEY));
            let mut answer = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut answer).await.unwrap();
            answer
        };
        let mut answer = bytes::Bytes::from(timeout(PATIENCE, answer).await.expect("an answer"));
        ResponseHeader::decode(&mut answer, R::Response::header_version(version)).unwrap();
        let response = R::Response::decode(&mut answer, version).unwrap();
        assert_eq!(answer.remaining(), 0, "version {version} of {}", R::KEY);
        response
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

/// The versions of the requests that a member uses.
#[derive(Clone, Copy, Debug)]
struct Versions {
    find: i16,
    join: i16,
    sync: i16,
    heartbeat: i16,
    commit: i16,
    fetch: i16,
    describe: i16,
    list: i16,
    leave: i16,
}

impl Versions {
    /// The nth life: each request in its nth version, or in its last one.
    fn nth(n: i16) -> Versions {
        let from = |first: i16, last: i16| (first + n).min(last);
        Versions {
            find: from(0, 2),
            join: from(0, 5),
            sync: from(0, 3),
            heartbeat: from(0, 3),
            commit: from(2, 7),
            fetch: from(1, 7),
            describe: from(0, 4),
            list: from(0, 2),
            leave: from(0, 3),
        }
    }
}

async fn find(connection: &mut Connection, versions: Versions, name: &str) {
    loop {
        let found = connection.ask(versions.find, FindCoordinatorRequest::default().with_key(text(name))).await;
        match found.error_code {
            0 => {
                assert_eq!((found.node_id.0, found.host.as_str()), (1, "127.0.0.1"));
                assert_eq!(found.port, i32::from(connection.0.peer_addr().unwrap().port()));
                return;
            }
            // The topic is being made.
            COORDINATOR_NOT_AVAILABLE => tokio::time::sleep(Duration::from_millis(10)).await,
            other => panic!("error {other}"),
        }
    }
}

async fn join(connection: &mut Connection, versions: Versions, name: &str) -> JoinGroupResponse {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata("t".into());
    let mut request = JoinGroupRequest::default()
        .with_group_id(group(name))
        .with_session_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    if versions.join >= 1 {
        request = request.with_rebalance_timeout_ms(30_000);
    }
    loop {
        let joined = connection.ask(versions.join, request.clone()).await;
        match joined.error_code {
            0 => return joined,
            MEMBER_ID_REQUIRED if versions.join >= 4 => request.member_id = joined.member_id,
            COORDINATOR_LOAD_IN_PROGRESS | NOT_COORDINATOR => tokio::time::sleep(Duration::from_millis(10)).await,
            other => panic!("error {other}"),
        }
    }
}

/// Offset 7 of partition 0 of `orders`, and one of a partition that is not there.
fn commit(versions: Versions, name: &str, joined: &JoinGroupResponse) -> OffsetCommitRequest {
    let partition = |index, note: &str| {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(7)
            .with_committed_metadata(Some(text(note)));
        if versions.commit >= 6 { partition.with_committed_leader_epoch(1) } else { partition }
    };
    let topic = OffsetCommitRequestTopic::default().with_name(TopicName(text("orders"))).with_partitions(vec![
        partition(0, "a note"),
        partition(1, "none"),
        partition(0, &"x".repeat(5_000)),
    ]);
    OffsetCommitRequest::default()
        .with_group_id(group(name))
        .with_generation_id_or_member_epoch(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_topics(vec![topic])
}

async fn fetch(connection: &mut Connection, versions: Versions, name: &str) {
    let topic =
        OffsetFetchRequestTopic::default().with_name(TopicName(text("orders"))).with_partition_indexes(vec![0, 1]);
    let mut request = OffsetFetchRequest::default().with_group_id(group(name)).with_topics(Some(vec![topic]));
    let fetched = connection.ask(versions.fetch, request.clone()).await;
    let partitions = fetched.topics[0].partitions.iter();
    let found: Vec<_> = partitions.map(|at| (at.partition_index, at.committed_offset, at.error_code)).collect();
    assert_eq!(found, [(0, 7, 0), (1, -1, 0)], "{versions:?}");
    let first = &fetched.topics[0].partitions[0];
    let has_epoch = versions.fetch >= 5 && versions.commit >= 6;
    assert_eq!(first.committed_leader_epoch, if has_epoch { 1 } else { -1 }, "{versions:?}");
    assert_eq!(first.metadata, Some(text("a note")));
    if versions.fetch >= 2 {
        request.topics = None;
        let all = connection.ask(versions.fetch, request).await;
        assert_eq!((all.error_code, all.topics.len(), all.topics[0].partitions.len()), (0, 1, 1), "{versions:?}");
    }
}

async fn leave(connection: &mut Connection, versions: Versions, name: &str, joined: &JoinGroupResponse) {
    let request = LeaveGroupRequest::default().with_group_id(group(name));
    if versions.leave < 3 {
        let left = connection.ask(versions.leave, request.with_member_id(joined.member_id.clone())).await;
        return assert_eq!(left.error_code, 0);
    }
    let members = ["nobody".into(), joined.member_id.clone()].map(|id| MemberIdentity::default().with_member_id(id));
    let left = connection.ask(versions.leave, request.with_members(members.to_vec())).await;
    let codes: Vec<i16> = left.members.iter().map(|member| member.error_code).collect();
    assert_eq!((left.error_code, codes), (0, vec![25, 0]));
}

async fn live(mut connection: Connection, versions: Versions, name: String) {
    find(&mut connection, versions, &name).await;
    let joined = join(&mut connection, versions, &name).await;
    assert_eq!((joined.generation_id, &joined.leader, joined.members.len()), (1, &joined.member_id, 1));
    assert_eq!(joined.protocol_name, Some(text("range")));

    let mine =
        SyncGroupRequestAssignment::default().with_member_id(joined.member_id.clone()).with_assignment("all".into());
    let request = SyncGroupRequest::default().with_group_id(group(&name)).with_generation_id(1);
    let request = request.with_member_id(joined.member_id.clone()).with_assignments(vec![mine]);
    let synced = connection.ask(versions.sync, request).await;
    assert_eq!((synced.error_code, synced.assignment.as_ref()), (0, b"all".as_slice()));

    for (generation, code) in [(1, 0), (2, 22)] {
        let request = HeartbeatRequest::default().with_group_id(group(&name)).with_generation_id(generation);
        let heard = connection.ask(versions.heartbeat, request.with_member_id(joined.member_id.clone())).await;
        assert_eq!(heard.error_code, code);
    }

    let committed = connection.ask(versions.commit, commit(versions, &name, &joined)).await;
    let codes: Vec<i16> = committed.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [0, 3, 12], "kept, no such partition, too large a note");
    fetch(&mut connection, versions, &name).await;

    let described =
        connection.ask(versions.describe, DescribeGroupsRequest::default().with_groups(vec![group(&name)])).await;
    let found = &described.groups[0];
    assert_eq!((found.error_code, found.group_state.as_str(), found.members.len()), (0, "Stable", 1));
    let listed = connection.ask(versions.list, ListGroupsRequest::default()).await;
    assert!(listed.groups.iter().any(|listed| listed.group_id.as_str() == name), "{listed:?}");
    leave(&mut connection, versions, &name, &joined).await;
}

#[test]
fn a_member_lives_in_every_version_of_every_request() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut lives = JoinSet::new();
        for n in 0..7 {
            let connection = Connection(TcpStream::connect(alone.address()).await.unwrap());
            lives.spawn(live(connection, Versions::nth(n), format!("group {n}")));
        }
        while let Some(life) = lives.join_next().await {
            life.expect("a life without an error");
        }
        alone.stop().await;
    });
}

#[test]
fn a_member_with_a_name_of_its_own_is_told_that_this_is_not_supported() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut connection = Connection(TcpStream::connect(alone.address()).await.unwrap());
        let request = JoinGroupRequest::default()
            .with_group_id(group("g"))
            .with_session_timeout_ms(30_000)
            .with_protocol_type(text("consumer"))
            .with_group_instance_id(Some(text("me")));
        assert_eq!(connection.ask(5, request).await.error_code, 35);
        alone.stop().await;
    });
}
