//! What the requests do: one file for each family.

mod api_versions;
mod epochs;
mod fetch;
mod groups;
mod list_offsets;
mod metadata;
mod produce;
mod producers;
mod reading;
mod replica;
mod tablets;
mod topics;

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use kafka_protocol::messages::{RequestKind, ResponseKind};

use super::context::{Answer, Context};
use super::pool::Share;
use super::request::Request;

/// Does what a request asks for as soon as it is there: batches are put into their tablets' queues, and commits into their
/// coordinators'. The rest is done when the answer is waited for. `share` is for what the request holds.
pub(super) async fn dispatch(
    context: &Arc<Context>,
    request: Request,
    share: &Arc<Share>,
) -> BoxFuture<'static, Answer> {
    let context = Arc::clone(context);
    let client = request.client_id;
    let version = request.reply_to.version;
    match request.kind {
        Some(RequestKind::Produce(produce)) => produce::queue(&context, version, produce, share).await,
        Some(RequestKind::OffsetCommit(commit)) => {
            let committed = groups::offset_commit(&context.groups, commit).await;
            committed.map(|response| ResponseKind::OffsetCommit(response).into()).boxed()
        }
        Some(RequestKind::Fetch(fetch)) if fetch.replica_id.0 >= 0 => {
            async move { replica::fetch(&context, fetch).await }.boxed()
        }
        Some(RequestKind::Fetch(fetch)) => async move { fetch::fetch(&context, version, fetch).await }.boxed(),
        Some(kind) => {
            async move { answer(&context, client.as_deref().unwrap_or_default(), version, kind).await }.boxed()
        }
        None => std::future::ready(ResponseKind::ApiVersions(api_versions::too_new()).into()).boxed(),
    }
}

async fn answer(context: &Context, client: &str, version: i16, request: RequestKind) -> Answer {
    use {RequestKind as Asked, ResponseKind as Said};
    let (broker, groups) = (&context.broker, &context.groups);
    let response = match request {
        Asked::ApiVersions(_) => Said::ApiVersions(api_versions::all()),
        Asked::Metadata(request) => Said::Metadata(metadata::metadata(broker, version, request).await),
        Asked::ListOffsets(request) => Said::ListOffsets(list_offsets::list_offsets(broker, version, request)),
        Asked::OffsetForLeaderEpoch(request) => Said::OffsetForLeaderEpoch(epochs::ends(broker, request).await),
        Asked::CreateTopics(request) => Said::CreateTopics(topics::create(broker, request).await),
        Asked::DeleteTopics(request) => Said::DeleteTopics(topics::delete(broker, request).await),
        Asked::InitProducerId(request) => Said::InitProducerId(producers::init(broker, request).await),
        Asked::FindCoordinator(request) => {
            Said::FindCoordinator(groups::find_coordinator(groups, version, request).await)
        }
        Asked::JoinGroup(request) => Said::JoinGroup(groups::join_group(groups, version, client, request).await),
        Asked::SyncGroup(request) => Said::SyncGroup(groups::sync_group(groups, request).await),
        Asked::Heartbeat(request) => Said::Heartbeat(groups::heartbeat(groups, request).await),
        Asked::LeaveGroup(request) => Said::LeaveGroup(groups::leave_group(groups, version, request).await),
        Asked::OffsetFetch(request) => Said::OffsetFetch(groups::offset_fetch(groups, version, request).await),
        Asked::DescribeGroups(request) => Said::DescribeGroups(groups::describe_groups(groups, request).await),
        Asked::ListGroups(_) => Said::ListGroups(groups::list_groups(groups).await),
        // What is in the table of versions is above.
        _ => return Answer::Close("a request that nobody answers".to_string()),
    };
    response.into()
}
