//! What all connections of a server share.

use kafka_protocol::messages::ResponseKind;
use tokio::sync::watch;

use super::pool::{Pool, Share};
use super::server::ServerOptions;
use crate::broker::Broker;
use crate::groups::service::Groups;

/// What a connection needs to answer anything.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) broker: Broker,
    pub(super) groups: Groups,
    pub(super) options: ServerOptions,
    pub(super) pools: Pools,
    /// Turns true when the server stops: whoever waits for something then says what there is.
    pub(super) stopping: watch::Receiver<bool>,
}

/// The memory for what peers can make the broker hold. Small requests have a pool of their own, so that those who ask and
/// those who read are served while large requests fill theirs; and followers do not wait for consumers that are slow.
#[derive(Debug)]
pub(super) struct Pools {
    /// For requests of at most [`SMALL_REQUEST_BYTES_MAX`].
    pub(super) small_requests: Pool,
    /// For larger ones.
    pub(super) requests: Pool,
    /// For batches on their way to consumers.
    pub(super) answers: Pool,
    /// For batches on their way to followers.
    pub(super) followers: Pool,
}

/// The most bytes of a request that counts as small.
pub(super) const SMALL_REQUEST_BYTES_MAX: usize = 4 * 1024;

impl Pools {
    pub(super) fn new(options: &ServerOptions) -> Pools {
        let pool = |bytes| Pool::new(bytes, options.pool_patience);
        Pools {
            small_requests: pool(options.request_bytes_max / 4),
            requests: pool(options.request_bytes_max - options.request_bytes_max / 4),
            answers: pool(options.answer_bytes_max),
            followers: pool(options.answer_bytes_max / 4),
        }
    }
}

/// What comes of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// This is sent. The share is for what it holds.
    Reply(Box<ResponseKind>, Option<Share>),
    /// Nothing is sent (`acks=0`).
    Silence,
    /// The connection is closed, and that is why: there is nothing else by which the client could be told.
    Close(String),
}

impl From<ResponseKind> for Answer {
    fn from(response: ResponseKind) -> Answer {
        Answer::Reply(Box::new(response), None)
    }
}
