//! How a controller asks another one.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use openraft::error::{InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
    VoteResponse,
};
use openraft::{AnyError, BasicNode, Config};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::frame::{read_frame, write_frame};
use super::service::{ControllerRequest, ControllerResponse};
use super::types::{NodeId, TypeConfig};

/// A question, and whom it is meant for. Where an address is given to another node, that one must not answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// The node that is asked.
    pub to: NodeId,
    /// What it is asked.
    pub what: Rpc,
}

/// What controllers ask each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Rpc {
    /// Take these entries; none is a heartbeat.
    AppendEntries(AppendEntriesRequest<TypeConfig>),
    /// Vote for me.
    Vote(VoteRequest<NodeId>),
    /// Take this piece of a snapshot.
    InstallSnapshot(InstallSnapshotRequest<TypeConfig>),
    /// A broker wants something.
    Broker(ControllerRequest),
}

/// The settings of openraft: its heartbeats and elections are those of one machine room.
///
/// A piece of a snapshot is so small that it fits into a message, with four characters a byte.
///
/// # Errors
///
/// openraft's, if the numbers do not fit each other.
pub fn config(heartbeat: Duration) -> Result<Config, Box<openraft::ConfigError>> {
    let heartbeat_ms = heartbeat.as_millis() as u64;
    let config = Config {
        cluster_name: "controllers".to_string(),
        heartbeat_interval: heartbeat_ms,
        election_timeout_min: 4 * heartbeat_ms,
        election_timeout_max: 8 * heartbeat_ms,
        snapshot_max_chunk_size: 1024 * 1024,
        ..Config::default()
    };
    config.validate().map_err(Box::new)
}

/// Makes the connections to the other nodes.
///
/// The membership has the address that a node had when the cluster began, and that is for ever. What this node was told
/// when it was started is newer; and it may be another way than that of the other nodes.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Where this node finds others. Of whom nothing is said here, the membership's address is taken.
    pub addresses: BTreeMap<NodeId, String>,
}

/// A connection to a node. It is made when there is something to ask, and given up when an answer does not come.
#[derive(Debug)]
pub struct Peer {
    /// Who is asked.
    target: NodeId,
    address: String,
    stream: Option<TcpStream>,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: NodeId, node: &BasicNode) -> Peer {
        Peer::new(target, self.addresses.get(&target).unwrap_or(&node.addr).clone())
    }
}

impl Peer {
    /// A connection for a broker, which wants something of a controller.
    pub fn new(target: NodeId, address: String) -> Peer {
        Peer { target, address, stream: None }
    }

    /// Asks, in a broker's name. Whoever asks says how long to wait, and drops the question then.
    ///
    /// # Errors
    ///
    /// Those of the connection. What was asked for may have been done, or not.
    pub async fn request(&mut self, request: ControllerRequest) -> io::Result<ControllerResponse> {
        self.exchange(&Question { to: self.target, what: Rpc::Broker(request) }).await
    }
}

type CallError<E> = RPCError<NodeId, BasicNode, RaftError<NodeId, E>>;

impl Peer {
    /// Asks, and waits for the answer no longer than `option` says. The outer result is the network's, the inner one the
    /// other node's.
    async fn call<T, E>(&mut self, what: Rpc, action: RPCTypes, option: &RPCOption) -> Result<T, CallError<E>>
    where
        T: DeserializeOwned,
        E: std::error::Error + DeserializeOwned + Serialize,
    {
        let timeout = option.hard_ttl();
        let target = self.target;
        let question = Question { to: target, what };
        let answer: io::Result<Result<T, RaftError<NodeId, E>>> =
            match tokio::time::timeout(timeout, self.exchange(&question)).await {
                Ok(answer) => answer,
                Err(_) => return Err(Timeout { action, id: target, target, timeout }.into()),
            };
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refusal)) => Err(RemoteError::new(target, refusal).into()),
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => Err(Unreachable::new(&e).into()),
            Err(e) => Err(NetworkError::from(AnyError::new(&e)).into()),
        }
    }

    /// The connection is kept only when the answer has come. Otherwise a later question might get this one's answer: also
    /// where whoever waits is dropped in the middle.
    async fn exchange<T: DeserializeOwned>(&mut self, question: &Question) -> io::Result<T> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        write_frame(&mut stream, question).await?;
        let answer = read_frame(&mut stream).await?;
        let answer = answer.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer"))?;
        self.stream = Some(stream);
        Ok(answer)
    }
}

impl RaftNetwork<TypeConfig> for Peer {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, BasicNode, RaftError<NodeId>>> {
        self.call(Rpc::AppendEntries(rpc), RPCTypes::AppendEntries, &option).await
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, CallError<InstallSnapshotError>> {
        self.call(Rpc::InstallSnapshot(rpc), RPCTypes::InstallSnapshot, &option).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, BasicNode, RaftError<NodeId>>> {
        self.call(Rpc::Vote(rpc), RPCTypes::Vote, &option).await
    }
}
