//! The port: it accepts connections, as many as it can bear, and ends them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};

use super::connection::{ConnectionError, serve};
use super::context::{Context, Pools};
use super::frame::FrameError;
use crate::broker::Broker;
use crate::groups::options::GroupOptions;
use crate::groups::service::Groups;

/// How long to wait when no connection can be accepted: most often, the process has no more files.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// How long connections have to come to their end.
const STOP_PATIENCE: Duration = Duration::from_secs(6);
/// The most connections if nobody says how many.
const CONNECTIONS_MAX: u64 = 100_000;

/// What a server bears. The names in brackets are Kafka's.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The most connections at a time (`max.connections`). `None` is half as many as the process may have files: the logs
    /// need some as well.
    pub connections_max: Option<usize>,
    /// The bytes of all requests that are being read or answered (`queued.max.request.bytes`).
    pub request_bytes_max: usize,
    /// The bytes of all batches that are on their way to consumers.
    pub answer_bytes_max: usize,
    /// How long a request or an answer waits for memory that others have.
    pub pool_patience: Duration,
    /// How long a connection may be silent between two requests (`connections.max.idle.ms`).
    pub idle: Duration,
    /// How long a request may take to arrive once it has begun, and a piece of an answer to be taken.
    pub transfer: Duration,
    /// How consumer groups behave.
    pub groups: GroupOptions,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            connections_max: None,
            request_bytes_max: 256 * 1024 * 1024,
            answer_bytes_max: 256 * 1024 * 1024,
            pool_patience: Duration::from_secs(2),
            idle: Duration::from_secs(600),
            transfer: Duration::from_secs(30),
            groups: GroupOptions::default(),
        }
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves the broker's clients, and the followers of its tablets, who come to `listener`. It takes a runtime of many
    /// threads. The process may have as many files from here on as the system lets it.
    pub fn start(broker: Broker, listener: TcpListener, options: ServerOptions) -> Server {
        let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let (stop, stopping) = watch::channel(false);
        let connections_max = options.connections_max.unwrap_or_else(connections_max);
        let groups = Groups::new(broker.clone(), options.groups);
        let context = Context { broker, groups, pools: Pools::new(&options), options, stopping };
        let accepting = tokio::spawn(accept(listener, Arc::new(context), connections_max));
        Server { address, stop, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nobody any more, answers what was asked, for a few seconds at most, and closes all connections.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if let Err(error) = self.accepting.await {
            tracing::error!("the server has ended: {error}");
        }
    }
}

/// Half of the files that the process may have, once it may have as many as possible.
fn connections_max() -> usize {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!("the limit of open files is what it was: {error}");
        1024
    });
    (files / 2).min(CONNECTIONS_MAX) as usize
}

/// Accepts connections until the server stops, and then waits for their end.
async fn accept(listener: TcpListener, context: Arc<Context>, connections_max: usize) {
    let mut stopping = context.stopping.clone();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // What has ended is forgotten at once.
            Some(ended) = connections.join_next() => {
                report_panic(ended);
                continue;
            }
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        match accepted {
            Ok((stream, peer)) if connections.len() < connections_max => {
                connections.spawn(serve_one(stream, peer, Arc::clone(&context)));
            }
            Ok((_, peer)) => tracing::warn!(%peer, "not served: there are {connections_max} connections already"),
            Err(error) => back_off(&error).await,
        }
    }
    drop(listener);
    let ended = async {
        while let Some(ended) = connections.join_next().await {
            report_panic(ended);
        }
    };
    if tokio::time::timeout(STOP_PATIENCE, ended).await.is_err() {
        tracing::warn!("{} connections are closed before they were answered", connections.len());
    }
    connections.shutdown().await;
}

async fn serve_one(stream: TcpStream, peer: SocketAddr, context: Arc<Context>) {
    use ConnectionError::{Frame, Io};
    match serve(stream, context).await {
        Ok(()) => tracing::debug!(%peer, "closed"),
        Err(error @ (Io(_) | Frame(FrameError::Io(_) | FrameError::Idle(_)))) => tracing::debug!(%peer, "{error}"),
        Err(error) => tracing::warn!(%peer, "the connection is closed: {error}"),
    }
}

/// A connection that has panicked is a mistake of this broker's. The others know nothing of it.
fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!("a connection has ended: {error}");
    }
}

/// A connection that was closed before it was accepted is nobody's fault. All other errors would come again at once.
async fn back_off(error: &io::Error) {
    if error.kind() != io::ErrorKind::ConnectionAborted {
        tracing::warn!("no connection is accepted for {ACCEPT_BACKOFF:?}: {error}");
        tokio::time::sleep(ACCEPT_BACKOFF).await;
    }
}
