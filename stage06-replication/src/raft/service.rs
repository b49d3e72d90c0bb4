//! What brokers want of the controllers: it comes over the same port as what the controllers ask each other.

use std::future::Future;

use serde::{Deserialize, Serialize};

use super::types::NodeId;
use crate::controller::{Command, Reply};
use crate::session::{Ask, Tell};

/// What a broker wants of the controller that leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControllerRequest {
    /// Part of its bond with the controllers.
    Ask(Ask),
    /// A client's wish, such as a new topic.
    Command(Command),
}

/// What a controller says to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControllerResponse {
    /// The answer to [`ControllerRequest::Ask`], if there is one.
    Tell(Option<Tell>),
    /// What became of a command.
    Reply(Reply),
    /// Another one leads, or none: whoever it is, as far as this one has heard.
    NotLeader(Option<NodeId>),
}

/// Whoever answers brokers in the name of a controller.
pub trait ControllerService: Clone + Send + Sync + 'static {
    /// Answers.
    fn respond(&self, request: ControllerRequest) -> impl Future<Output = ControllerResponse> + Send;
}

/// Nobody: a node that only takes part in the consensus.
impl ControllerService for () {
    async fn respond(&self, _: ControllerRequest) -> ControllerResponse {
        ControllerResponse::NotLeader(None)
    }
}
