//! A follower's way to its leader: Kafka's Fetch, as consumers use it.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::message::{FetchAnswer, FetchRequest};
use crate::tablet::TabletId;

/// A connection to a leader.
#[derive(Debug)]
pub struct ReplicaClient {
    _stream: TcpStream,
}

impl ReplicaClient {
    /// Connects to a broker: a host and a port.
    ///
    /// # Errors
    ///
    /// Those of the connection; `TimedOut` if there is none in time.
    pub async fn connect(address: &str) -> io::Result<ReplicaClient> {
        Ok(ReplicaClient { _stream: TcpStream::connect(address).await? })
    }

    /// Asks for a tablet's next batches. If there are none, the leader waits for some, at most `wait`. After an error the
    /// connection is of no more use, and neither is it if this was not awaited to its end.
    ///
    /// # Errors
    ///
    /// Those of the connection; `TimedOut` if there is no answer in time; `InvalidData` if it is none to this question, or
    /// a batch in it is damaged.
    pub async fn fetch(
        &mut self,
        _tablet: &TabletId,
        _request: &FetchRequest,
        _wait: Duration,
    ) -> io::Result<FetchAnswer> {
        Err(io::Error::other("not yet"))
    }
}
