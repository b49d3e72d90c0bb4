//! The questions about consumer groups: finding a coordinator, and which groups there are.
//!
//! A field that a version does not have must keep its default: else the answer cannot be encoded, and the client sees no
//! more than a connection that is closed.

mod members;
mod offsets;

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    BrokerId, DescribeGroupsRequest, DescribeGroupsResponse, FindCoordinatorRequest, FindCoordinatorResponse, GroupId,
    ListGroupsResponse,
};
use kafka_protocol::protocol::StrBytes;

pub(crate) use self::members::{heartbeat, join_group, leave_group, sync_group};
pub(crate) use self::offsets::{offset_commit, offset_fetch};
use crate::groups::message::GroupError;
use crate::groups::question::{Description, Question, Reply};
use crate::groups::service::Groups;

/// The kind of a coordinator that is asked for: of a group. The other kind is that of transactions, and there are none.
const KEY_OF_A_GROUP: i8 = 0;

/// Kafka's number for what went wrong.
pub(crate) fn code_of(error: GroupError) -> i16 {
    let error = match error {
        GroupError::NotCoordinator => ResponseError::NotCoordinator,
        GroupError::LoadInProgress => ResponseError::CoordinatorLoadInProgress,
        GroupError::NotAvailable => ResponseError::CoordinatorNotAvailable,
        GroupError::InvalidGroup => ResponseError::InvalidGroupId,
        GroupError::InvalidSessionTimeout => ResponseError::InvalidSessionTimeout,
        GroupError::InconsistentProtocol => ResponseError::InconsistentGroupProtocol,
        GroupError::UnknownMember => ResponseError::UnknownMemberId,
        GroupError::IllegalGeneration => ResponseError::IllegalGeneration,
        GroupError::RebalanceInProgress => ResponseError::RebalanceInProgress,
        GroupError::GroupFull => ResponseError::GroupMaxSizeReached,
        GroupError::TooLarge => ResponseError::InvalidCommitOffsetSize,
        GroupError::Unsupported => ResponseError::UnsupportedVersion,
    };
    error.code()
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

/// Who coordinates a group, and where it is found.
pub(crate) async fn find_coordinator(
    groups: &Groups,
    version: i16,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let failed = |code: i16, why: &str| {
        let response =
            FindCoordinatorResponse::default().with_error_code(code).with_node_id(BrokerId(-1)).with_port(-1);
        if version >= 1 { response.with_error_message(Some(text(why))) } else { response }
    };
    if request.key_type != KEY_OF_A_GROUP {
        return failed(ResponseError::InvalidRequest.code(), "there are no transactions");
    }
    let coordinator = match groups.coordinator(&request.key).await {
        Ok(coordinator) => coordinator,
        Err(error) => return failed(code_of(error), &error.to_string()),
    };
    match groups.address_of(coordinator) {
        Some((host, port)) => FindCoordinatorResponse::default()
            .with_node_id(BrokerId(i32::try_from(coordinator.0).unwrap_or(-1)))
            .with_host(StrBytes::from_string(host))
            .with_port(port.into()),
        None => failed(code_of(GroupError::NotAvailable), "the coordinator's address is not known"),
    }
}

/// The groups that this broker coordinates.
pub(crate) async fn list_groups(groups: &Groups) -> ListGroupsResponse {
    let listed = |(group, protocol_type): (String, String)| {
        let protocol_type = StrBytes::from_string(protocol_type);
        ListedGroup::default().with_group_id(GroupId(StrBytes::from_string(group))).with_protocol_type(protocol_type)
    };
    ListGroupsResponse::default().with_groups(groups.list().await.into_iter().map(listed).collect())
}

/// Groups, and who is in them.
pub(crate) async fn describe_groups(groups: &Groups, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let mut described = Vec::new();
    // Each once, however often it is asked for: a short question could be a long answer many times over.
    let asked: BTreeSet<GroupId> = request.groups.into_iter().collect();
    for id in asked {
        let group = match groups.ask(&id, Question::Describe).await {
            Ok(Reply::Description(description)) => described_group(description),
            Ok(_) => DescribedGroup::default().with_error_code(ResponseError::UnknownServerError.code()),
            Err(error) => DescribedGroup::default().with_error_code(code_of(error)),
        };
        described.push(group.with_group_id(id));
    }
    DescribeGroupsResponse::default().with_groups(described)
}

fn described_group(group: Description) -> DescribedGroup {
    let members = group.members.into_iter().map(|member| {
        DescribedGroupMember::default()
            .with_member_id(StrBytes::from_string(member.id))
            .with_client_id(StrBytes::from_string(member.client))
            .with_member_metadata(member.metadata)
            .with_member_assignment(member.assignment)
    });
    DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(group.state))
        .with_protocol_type(StrBytes::from_string(group.protocol_type))
        .with_protocol_data(StrBytes::from_string(group.protocol))
        .with_members(members.collect())
}
