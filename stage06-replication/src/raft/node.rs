//! A node, from its parts.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use openraft::Config;
use openraft::error::Fatal;

use super::network::Network;
use super::types::{NodeId, Raft};
use super::{LogStore, StateMachine};

/// Starts a node of the consensus: openraft, with our network, log and state machine.
///
/// The future comes in a box, and that is for the compiler. A program that awaits an `async fn` compiles its body, and all
/// that it calls, once more; what is in a box was compiled here. The consensus engine takes half a minute.
///
/// # Errors
///
/// If the log or the state cannot be read.
pub fn start(
    id: NodeId,
    config: Arc<Config>,
    network: Network,
    log: LogStore,
    state: StateMachine,
) -> BoxFuture<'static, Result<Raft, Fatal<NodeId>>> {
    Box::pin(Raft::new(id, config, network, log, state))
}
