//! How a controller answers the others.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::frame::{read_frame, write_frame};
use super::network::{Question, Rpc};
use super::service::ControllerService;
use super::snapshot_file::SNAPSHOT_BYTES_MAX;
use super::types::{NodeId, Raft};

/// The most connections at once. The other nodes and the brokers have some each; who comes beyond that waits.
const CONNECTIONS_MAX: usize = 256;
/// A connection on which nothing comes for so long is closed, and so is one that does not take an answer.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// The task that answers. It ends, with all its connections, some time after this is dropped.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<()>,
}

impl Server {
    /// Answers whoever connects to `listener`, in the name of node `id`: what the other nodes ask by `raft`, what brokers
    /// want by `service`. To be called in a runtime.
    pub fn start(id: NodeId, raft: Raft, service: impl ControllerService, listener: TcpListener) -> Server {
        Server { task: tokio::spawn(accept(id, raft, service, listener)) }
    }

    /// Closes the listener and all connections. They are closed when this returns.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(id: NodeId, raft: Raft, service: impl ControllerService, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        // Those that are over are let go of.
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let (raft, service) = (raft.clone(), service.clone());
                connections.spawn(async move {
                    // What went wrong is the other side's to tell: it gets no answer, and asks again.
                    let _ = answer_all(id, &raft, &service, stream).await;
                    drop(permit);
                });
            }
            // Too many open files, most likely: some will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers one question after the other.
async fn answer_all(
    id: NodeId,
    raft: &Raft,
    service: &impl ControllerService,
    mut stream: TcpStream,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    while let Some(Question { to, what }) = tokio::time::timeout(IDLE_MAX, read_frame(&mut stream)).await?? {
        if to != id {
            return Err(io::Error::other(format!("a question for node {to}, and this is node {id}")));
        }
        tokio::time::timeout(IDLE_MAX, answer(raft, service, what, &mut stream)).await??;
    }
    Ok(())
}

async fn answer(raft: &Raft, service: &impl ControllerService, what: Rpc, stream: &mut TcpStream) -> io::Result<()> {
    match what {
        Rpc::AppendEntries(request) => write_frame(stream, &raft.append_entries(request).await).await,
        Rpc::Vote(request) => write_frame(stream, &raft.vote(request).await).await,
        Rpc::Broker(request) => write_frame(stream, &service.respond(request).await).await,
        Rpc::InstallSnapshot(request) => {
            // The pieces are put together in memory, at the places that they name.
            let end = request.offset.saturating_add(request.data.len() as u64);
            if end > SNAPSHOT_BYTES_MAX {
                return Err(io::Error::other(format!(
                    "a snapshot of {end} bytes, at most {SNAPSHOT_BYTES_MAX} are taken"
                )));
            }
            write_frame(stream, &raft.install_snapshot(request).await).await
        }
    }
}
