//! What members ask: to join, for their work, to be heard, to leave.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::code_of;
use crate::groups::message::{Answer, Caller, GroupError, Join, Joined, Protocol};
use crate::groups::question::{Question, Reply};
use crate::groups::service::Groups;

/// The first version in which a client asks for an id before it is a member (KIP-394).
const ASKS_FOR_ID_FROM: i16 = 4;
/// The first version in which a member says how long it takes to finish what it does.
const REBALANCE_TIMEOUT_FROM: i16 = 1;
/// The first version in which several members leave at once.
const MANY_LEAVE_FROM: i16 = 3;

/// What came of a question to a group.
type Result<T> = std::result::Result<T, GroupError>;

/// A client wants to be a member.
pub(crate) async fn join_group(
    groups: &Groups,
    version: i16,
    client: &str,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let member = request.member_id.clone();
    let failed = |code: i16, member: StrBytes| {
        let none = Some(StrBytes::default());
        JoinGroupResponse::default()
            .with_error_code(code)
            .with_generation_id(-1)
            .with_protocol_name(none)
            .with_member_id(member)
    };
    if request.group_instance_id.is_some() {
        return failed(code_of(GroupError::Unsupported), member);
    }
    let question = Question::Join(join_of(version, client, &request));
    match groups.ask(&request.group_id, question).await {
        Ok(Reply::Answer(Answer::Joined(joined))) => joined_response(joined),
        Ok(Reply::Answer(Answer::NewId(id))) => {
            failed(ResponseError::MemberIdRequired.code(), StrBytes::from_string(id))
        }
        Ok(_) => failed(ResponseError::UnknownServerError.code(), member),
        Err(error) => failed(code_of(error), member),
    }
}

fn join_of(version: i16, client: &str, request: &JoinGroupRequest) -> Join {
    // Below zero is shorter than any that is allowed.
    let millis = |millis: i32| u64::try_from(millis).unwrap_or(0);
    let protocols = request.protocols.iter();
    let rebalance =
        if version >= REBALANCE_TIMEOUT_FROM { request.rebalance_timeout_ms } else { request.session_timeout_ms };
    Join {
        member: request.member_id.to_string(),
        // Kafka's ids look like this. That it is nobody else's is all that counts.
        fresh_id: format!("{client}-{:032x}", fastrand::u128(..)),
        asks_for_id_first: version >= ASKS_FOR_ID_FROM,
        client: client.to_string(),
        session_timeout_ms: millis(request.session_timeout_ms),
        rebalance_timeout_ms: millis(rebalance),
        protocol_type: request.protocol_type.to_string(),
        // A copy: a group that had a part of the request would keep all of it.
        protocols: protocols
            .map(|protocol| Protocol {
                name: protocol.name.to_string(),
                metadata: Bytes::copy_from_slice(&protocol.metadata),
            })
            .collect(),
    }
}

fn joined_response(joined: Joined) -> JoinGroupResponse {
    let member = |(id, metadata)| {
        JoinGroupResponseMember::default().with_member_id(StrBytes::from_string(id)).with_metadata(metadata)
    };
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_name(Some(StrBytes::from_string(joined.protocol)))
        .with_leader(StrBytes::from_string(joined.leader))
        .with_member_id(StrBytes::from_string(joined.member))
        .with_members(joined.members.into_iter().map(member).collect())
}

/// A member asks for its work.
pub(crate) async fn sync_group(groups: &Groups, request: SyncGroupRequest) -> SyncGroupResponse {
    let assignments = request.assignments.iter();
    let assignments = assignments.map(|one| (one.member_id.to_string(), one.assignment.clone())).collect();
    let caller = caller(&request.member_id, request.generation_id);
    let question = Question::Sync(caller, assignments);
    let response = SyncGroupResponse::default();
    match ask(groups, &request.group_id, request.group_instance_id.as_ref(), question).await {
        Ok(Answer::Assignment(assignment)) => response.with_assignment(assignment),
        Ok(_) => response.with_error_code(ResponseError::UnknownServerError.code()),
        Err(error) => response.with_error_code(code_of(error)),
    }
}

/// A member is still there.
pub(crate) async fn heartbeat(groups: &Groups, request: HeartbeatRequest) -> HeartbeatResponse {
    let question = Question::Heartbeat(caller(&request.member_id, request.generation_id));
    let answer = ask(groups, &request.group_id, request.group_instance_id.as_ref(), question).await;
    HeartbeatResponse::default().with_error_code(code(answer))
}

/// Members leave.
pub(crate) async fn leave_group(groups: &Groups, version: i16, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let response = LeaveGroupResponse::default();
    if version < MANY_LEAVE_FROM {
        let question = Question::Leave(request.member_id.to_string());
        return response.with_error_code(code(ask(groups, &request.group_id, None, question).await));
    }
    let mut left = Vec::new();
    for member in request.members {
        let question = Question::Leave(member.member_id.to_string());
        let answer = ask(groups, &request.group_id, member.group_instance_id.as_ref(), question).await;
        // These are about the group: nothing is to be said of any member.
        if let Err(error @ (GroupError::NotCoordinator | GroupError::LoadInProgress | GroupError::NotAvailable)) =
            answer
        {
            return response.with_error_code(code_of(error));
        }
        left.push(
            MemberResponse::default()
                .with_member_id(member.member_id)
                .with_group_instance_id(member.group_instance_id)
                .with_error_code(code(answer)),
        );
    }
    response.with_members(left)
}

pub(super) fn caller(member: &str, generation: i32) -> Caller {
    Caller { member: member.to_string(), generation }
}

async fn ask(groups: &Groups, group: &str, instance: Option<&StrBytes>, question: Question) -> Result<Answer> {
    if instance.is_some() {
        return Err(GroupError::Unsupported);
    }
    match groups.ask(group, question).await? {
        Reply::Answer(answer) => Ok(answer),
        // A coordinator answers what it is asked.
        _ => Err(GroupError::NotAvailable),
    }
}

fn code(answer: Result<Answer>) -> i16 {
    answer.map_or_else(code_of, |_| 0)
}
