//! Every request, in every version that is taken: what a client sends is what arrives.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, StrBytes};
use proptest::prelude::*;
use stage06::wire::request::{Raw, Request, RequestError};
use stage06::wire::shape::{ELEMENTS_MAX, ShapeError};
use stage06::wire::versions::{APIS, Api};

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

pub(crate) fn topic_name(topic: &str) -> TopicName {
    TopicName(text(topic))
}

/// A request that uses all that its version has.
pub(crate) fn example(key: ApiKey, version: i16, topic: &str, group: &str) -> RequestKind {
    let (name, group_id) = (topic_name(topic), GroupId(text(group)));
    let instance = |from: i16| (version >= from).then(|| text("an instance"));
    match key {
        ApiKey::Produce => RequestKind::Produce(produce(topic, 0, 1, Some(Bytes::from_static(b"records")))),
        ApiKey::Fetch => {
            let mut partition =
                FetchPartition::default().with_partition(0).with_fetch_offset(7).with_partition_max_bytes(1 << 20);
            if version >= 9 {
                partition = partition.with_current_leader_epoch(1);
            }
            let fetch = FetchRequest::default()
                .with_replica_id((-1).into())
                .with_max_wait_ms(1)
                .with_min_bytes(1)
                .with_max_bytes(1 << 20)
                .with_topics(vec![FetchTopic::default().with_topic(name.clone()).with_partitions(vec![partition])]);
            let forgotten = ForgottenTopic::default().with_topic(name).with_partitions(vec![3, 4]);
            let fetch = if version >= 7 { fetch.with_forgotten_topics_data(vec![forgotten]) } else { fetch };
            RequestKind::Fetch(if version >= 12 { fetch.with_cluster_id(Some(text("a cluster"))) } else { fetch })
        }
        ApiKey::ListOffsets => RequestKind::ListOffsets(list_offsets(version, topic, -1)),
        ApiKey::Metadata => RequestKind::Metadata(
            MetadataRequest::default()
                .with_topics(Some(vec![MetadataRequestTopic::default().with_name(Some(name))]))
                .with_allow_auto_topic_creation(false),
        ),
        ApiKey::OffsetCommit => {
            let partition = OffsetCommitRequestPartition::default()
                .with_committed_offset(5)
                .with_committed_metadata(Some(text("a note")));
            let topic = OffsetCommitRequestTopic::default().with_name(name).with_partitions(vec![partition]);
            let commit = OffsetCommitRequest::default()
                .with_group_id(group_id)
                .with_generation_id_or_member_epoch(-1)
                .with_group_instance_id(instance(7))
                .with_topics(vec![topic]);
            RequestKind::OffsetCommit(commit)
        }
        ApiKey::OffsetFetch => {
            let topic = OffsetFetchRequestTopic::default().with_name(name).with_partition_indexes(vec![0, 1]);
            RequestKind::OffsetFetch(
                OffsetFetchRequest::default().with_group_id(group_id).with_topics(Some(vec![topic])),
            )
        }
        ApiKey::FindCoordinator => {
            RequestKind::FindCoordinator(FindCoordinatorRequest::default().with_key(text(group)))
        }
        ApiKey::JoinGroup => {
            let protocol =
                JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(Bytes::from_static(b"m"));
            RequestKind::JoinGroup(
                JoinGroupRequest::default()
                    .with_group_id(group_id)
                    .with_session_timeout_ms(10_000)
                    .with_rebalance_timeout_ms(if version >= 1 { 1_000 } else { -1 })
                    .with_group_instance_id(instance(5))
                    .with_protocol_type(text("consumer"))
                    .with_protocols(vec![protocol]),
            )
        }
        ApiKey::SyncGroup => {
            let assignment = SyncGroupRequestAssignment::default()
                .with_member_id(text("a member"))
                .with_assignment(Bytes::from_static(b"a"));
            RequestKind::SyncGroup(
                SyncGroupRequest::default()
                    .with_group_id(group_id)
                    .with_generation_id(1)
                    .with_member_id(text("a member"))
                    .with_group_instance_id(instance(3))
                    .with_assignments(vec![assignment]),
            )
        }
        ApiKey::Heartbeat => RequestKind::Heartbeat(
            HeartbeatRequest::default()
                .with_group_id(group_id)
                .with_generation_id(1)
                .with_member_id(text("a member"))
                .with_group_instance_id(instance(3)),
        ),
        ApiKey::LeaveGroup => {
            let leave = LeaveGroupRequest::default().with_group_id(group_id);
            let member = MemberIdentity::default().with_member_id(text("a member"));
            RequestKind::LeaveGroup(match version >= 3 {
                true => leave.with_members(vec![member]),
                false => leave.with_member_id(text("a member")),
            })
        }
        ApiKey::DescribeGroups => {
            RequestKind::DescribeGroups(DescribeGroupsRequest::default().with_groups(vec![group_id]))
        }
        ApiKey::ListGroups => RequestKind::ListGroups(ListGroupsRequest::default()),
        ApiKey::ApiVersions => {
            let versions = ApiVersionsRequest::default();
            RequestKind::ApiVersions(match version >= 3 {
                true => versions.with_client_software_name(text("a client")).with_client_software_version(text("1")),
                false => versions,
            })
        }
        ApiKey::CreateTopics => RequestKind::CreateTopics(create_topic(topic, 1, 1)),
        ApiKey::DeleteTopics => RequestKind::DeleteTopics(
            DeleteTopicsRequest::default().with_topic_names(vec![name]).with_timeout_ms(1_000),
        ),
        ApiKey::InitProducerId => {
            RequestKind::InitProducerId(InitProducerIdRequest::default().with_transaction_timeout_ms(1_000))
        }
        ApiKey::OffsetForLeaderEpoch => {
            let partition = OffsetForLeaderPartition::default().with_current_leader_epoch(1).with_leader_epoch(1);
            let topic = OffsetForLeaderTopic::default().with_topic(name).with_partitions(vec![partition]);
            let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
            RequestKind::OffsetForLeaderEpoch(if version >= 3 { request.with_replica_id((-1).into()) } else { request })
        }
        other => panic!("no example of {other:?}"),
    }
}

pub(crate) fn produce(topic: &str, partition: i32, acks: i16, records: Option<Bytes>) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_index(partition).with_records(records);
    let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

pub(crate) fn list_offsets(version: i16, topic: &str, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
    let partition = if version >= 4 { partition.with_current_leader_epoch(-1) } else { partition };
    let topic = ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic])
}

pub(crate) fn create_topic(topic: &str, partitions: i32, replicas: i16) -> CreateTopicsRequest {
    let topic = CreatableTopic::default()
        .with_name(topic_name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
        .with_configs(vec![
            CreatableTopicConfig::default().with_name(text("min.insync.replicas")).with_value(Some(text("1"))),
        ]);
    CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000)
}

/// The bytes of a request, without the frame's length.
pub(crate) fn encode(key: ApiKey, version: i16, correlation_id: i32, kind: &RequestKind) -> Bytes {
    let mut bytes = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(text("a test")))
        .encode(&mut bytes, key.request_header_version(version))
        .unwrap();
    kind.encode(&mut bytes, version).unwrap();
    bytes.freeze()
}

fn decode(bytes: Bytes) -> Result<Request, RequestError> {
    Raw::read(bytes).and_then(Raw::decode)
}

fn all_versions() -> impl Iterator<Item = (&'static Api, i16)> {
    APIS.iter().flat_map(|api| (api.from..=api.to).map(move |version| (api, version)))
}

#[test]
fn a_request_of_every_kind_and_version_arrives_as_it_was_sent() {
    for (api, version) in all_versions() {
        let kind = example(api.key, version, "orders", "readers");
        let request = decode(encode(api.key, version, 77, &kind)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            (request.reply_to.key, request.reply_to.version, request.reply_to.correlation_id),
            (api.key, version, 77)
        );
        assert_eq!(request.client_id, Some(text("a test")));
        let sent = format!("{kind:?}");
        assert_eq!(format!("{:?}", request.kind.unwrap()), sent, "{:?} in version {version}", api.key);
    }
}

#[test]
fn a_request_that_breaks_off_anywhere_is_refused() {
    for (api, version) in all_versions() {
        let bytes = encode(api.key, version, 1, &example(api.key, version, "orders", "readers"));
        for length in 0..bytes.len() {
            assert!(decode(bytes.slice(..length)).is_err(), "{:?} {version} of {length} bytes", api.key);
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(decode(longer.into()).is_err(), "{:?} {version} and a byte more", api.key);
    }
}

#[test]
fn whatever_four_bytes_say_that_there_are_no_memory_is_taken_for_it() {
    // A count of two thousand million somewhere in the request: the decoder alone would take memory for all of them.
    for (api, version) in all_versions() {
        let bytes = encode(api.key, version, 1, &example(api.key, version, "orders", "readers"));
        for at in 8..bytes.len().saturating_sub(4) {
            for hostile in [[0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x0F], [0x80, 0, 0, 0]] {
                let mut bytes = bytes.to_vec();
                bytes[at..at + 4].copy_from_slice(&hostile);
                // It may still be a request: of other numbers. What counts is that the test goes on.
                let _ = decode(bytes.into());
            }
        }
    }
}

#[test]
fn a_request_of_too_many_elements_is_refused() {
    let topics = vec![MetadataRequestTopic::default().with_name(Some(topic_name("t"))); ELEMENTS_MAX + 1];
    let kind = RequestKind::Metadata(MetadataRequest::default().with_topics(Some(topics)));
    let refused = decode(encode(ApiKey::Metadata, 8, 1, &kind)).unwrap_err();
    assert!(
        matches!(refused, RequestError::Shape { cause: ShapeError::Elements { found, .. }, .. } if found == ELEMENTS_MAX + 1),
        "{refused}"
    );
}

#[test]
fn lists_of_lists_are_counted_together() {
    // Each list is short enough, and all of them together are not.
    let partitions = vec![FetchPartition::default(); ELEMENTS_MAX / 100];
    let topic = FetchTopic::default().with_topic(topic_name("t")).with_partitions(partitions);
    let kind = RequestKind::Fetch(FetchRequest::default().with_topics(vec![topic; 100]));
    let Err(refused) = decode(encode(ApiKey::Fetch, 11, 1, &kind)) else { panic!("it is taken") };
    assert!(matches!(refused, RequestError::Shape { cause: ShapeError::Elements { .. }, .. }), "{refused}");
}

#[test]
fn a_null_array_is_one_without_elements() {
    let kind = RequestKind::Metadata(MetadataRequest::default().with_topics(None));
    for version in [4, 8] {
        let request = decode(encode(ApiKey::Metadata, version, 1, &kind)).unwrap();
        assert!(matches!(request.kind, Some(RequestKind::Metadata(MetadataRequest { topics: None, .. }))));
    }
}

#[test]
fn versions_outside_of_the_window_are_refused() {
    for api in APIS.iter().filter(|api| api.key != ApiKey::ApiVersions) {
        for version in [api.from - 1, api.to + 1, i16::MIN, i16::MAX] {
            let mut bytes = BytesMut::new();
            bytes.put_i16(api.key as i16);
            bytes.put_i16(version);
            bytes.put_slice(&[0; 64]);
            let refused = decode(bytes.freeze()).unwrap_err();
            assert!(matches!(refused, RequestError::Version { found, .. } if found == version), "{refused}");
        }
    }
}

#[test]
fn a_tagged_field_that_is_not_as_long_as_it_says_is_refused() {
    let with_tag = |tag: &[u8]| {
        let kind = example(ApiKey::Fetch, 12, "orders", "");
        let RequestKind::Fetch(fetch) = kind else { unreachable!() };
        let kind = RequestKind::Fetch(fetch.with_cluster_id(None));
        let bytes = encode(ApiKey::Fetch, 12, 1, &kind);
        // The last byte says that there are no tagged fields.
        [&bytes[..bytes.len() - 1], tag].concat()
    };
    // One tagged field, the cluster's name, of 3 bytes: a string of 2.
    assert!(decode(with_tag(&[1, 0, 3, 3, b'a', b'b']).into()).is_ok());
    // It says 4 bytes, and 2. That is seen before anything is decoded: the decoder would read on somewhere else.
    for tag in [&[1, 0, 4, 3, b'a', b'b', 0][..], &[1, 0, 2, 3, b'a', b'b']] {
        let refused = Raw::read(with_tag(tag).into());
        assert!(matches!(refused, Err(RequestError::Shape { .. })), "{tag:?}: {refused:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(api in 0..APIS.len(), version in 0..13_i16, rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = BytesMut::new();
        bytes.put_i16(APIS[api].key as i16);
        bytes.put_i16(version);
        bytes.put_slice(&rest);
        let _ = decode(bytes.freeze());
        let _ = decode(rest.into());
    }

    #[test]
    fn no_change_of_a_request_makes_it_panic(
        api in 0..APIS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let api = &APIS[api];
        for version in api.from..=api.to {
            let mut bytes = encode(api.key, version, 1, &example(api.key, version, "orders", "readers")).to_vec();
            for (at, byte) in &changes {
                let at = 4 + at.index(bytes.len() - 4);
                bytes[at] = *byte;
            }
            let _ = decode(bytes.into());
        }
    }
}

#[test]
fn an_assignment_of_brokers_arrives() {
    let RequestKind::CreateTopics(mut request) = example(ApiKey::CreateTopics, 4, "orders", "") else { unreachable!() };
    request.topics[0].assignments =
        vec![CreatableReplicaAssignment::default().with_partition_index(0).with_broker_ids(vec![1.into(), 2.into()])];
    let kind = RequestKind::CreateTopics(request);
    let arrived = decode(encode(ApiKey::CreateTopics, 4, 1, &kind)).unwrap().kind.unwrap();
    assert_eq!(format!("{arrived:?}"), format!("{kind:?}"));
}
