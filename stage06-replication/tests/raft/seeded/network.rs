//! A network between controllers in which chance decides what becomes of a message.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use openraft::BasicNode;
use openraft::error::{InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
    VoteResponse,
};
use stage06::raft::TypeConfig;
use stage06::raft::types::{NodeId, Raft};
use tokio::time::{sleep, timeout};

/// The nodes that run, and the links between them.
#[derive(Default)]
pub(crate) struct Network {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    random: Option<Rng>,
    nodes: BTreeMap<NodeId, Raft>,
    /// From whom to whom nothing comes through.
    cut: BTreeSet<(NodeId, NodeId)>,
    is_calm: bool,
}

impl Network {
    pub(crate) fn new(random: Rng) -> Arc<Network> {
        Arc::new(Network { state: Mutex::new(State { random: Some(random), ..State::default() }) })
    }

    pub(crate) fn enter(&self, id: NodeId, raft: Raft) {
        self.state.lock().unwrap().nodes.insert(id, raft);
    }

    pub(crate) fn leave(&self, id: NodeId) {
        self.state.lock().unwrap().nodes.remove(&id);
    }

    /// From now on nothing comes from the one to the other.
    pub(crate) fn cut(&self, from: NodeId, to: NodeId) {
        self.state.lock().unwrap().cut.insert((from, to));
    }

    /// Every link works again.
    pub(crate) fn mend(&self) {
        self.state.lock().unwrap().cut.clear();
    }

    /// From now on every message arrives, and soon.
    pub(crate) fn calm_down(&self) {
        self.mend();
        self.state.lock().unwrap().is_calm = true;
    }

    fn node(&self, id: NodeId) -> Option<Raft> {
        self.state.lock().unwrap().nodes.get(&id).cloned()
    }

    /// When the message arrives; `None` if it does not.
    fn fate(&self, from: NodeId, to: NodeId) -> Option<Duration> {
        let mut state = self.state.lock().unwrap();
        if state.cut.contains(&(from, to)) {
            return None;
        }
        let is_calm = state.is_calm;
        let random = state.random.as_mut().expect("a network has its chance");
        let ms = match random.u32(0..100) {
            _ if is_calm => random.u64(1..10),
            0..3 => return None,
            // So late that whoever has sent it takes it for lost, and others that were sent later have come before.
            3..6 => random.u64(200..3_000),
            _ => random.u64(1..30),
        };
        Some(Duration::from_millis(ms))
    }
}

/// One node's way into the network.
pub(crate) struct Way {
    pub(crate) from: NodeId,
    pub(crate) network: Arc<Network>,
}

/// Its way to another node.
pub(crate) struct Line {
    from: NodeId,
    to: NodeId,
    network: Arc<Network>,
}

impl RaftNetworkFactory<TypeConfig> for Way {
    type Network = Line;

    async fn new_client(&mut self, to: NodeId, _: &BasicNode) -> Line {
        Line { from: self.from, to, network: Arc::clone(&self.network) }
    }
}

type CallError<E> = RPCError<NodeId, BasicNode, RaftError<NodeId, E>>;

impl Line {
    /// Asks. A question that has arrived is answered, whether anybody still waits for it or not.
    async fn call<T, E, F>(
        &self,
        action: RPCTypes,
        option: RPCOption,
        ask: impl FnOnce(Raft) -> F + Send + 'static,
    ) -> Result<T, CallError<E>>
    where
        T: Send + 'static,
        E: std::error::Error + Send + 'static,
        F: Future<Output = Result<T, RaftError<NodeId, E>>> + Send,
    {
        let (from, to, limit) = (self.from, self.to, option.hard_ttl());
        let network = Arc::clone(&self.network);
        let exchange = tokio::spawn(async move {
            sleep(network.fate(from, to)?).await;
            let Some(raft) = network.node(to) else {
                return Some(
                    Err(Unreachable::new(&std::io::Error::from(std::io::ErrorKind::ConnectionRefused)).into()),
                );
            };
            let answer = ask(raft).await;
            sleep(network.fate(to, from)?).await;
            Some(answer.map_err(|refusal| RemoteError::new(to, refusal).into()))
        });
        let is_over = || Timeout { action, id: from, target: to, timeout: limit };
        match timeout(limit, exchange).await {
            Ok(Ok(Some(answer))) => answer,
            // Nobody knows that a message was lost: one waits.
            Ok(Ok(None)) => {
                sleep(limit).await;
                Err(is_over().into())
            }
            Ok(Err(error)) => Err(NetworkError::new(&error).into()),
            Err(_) => Err(is_over().into()),
        }
    }
}

impl RaftNetwork<TypeConfig> for Line {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, BasicNode, RaftError<NodeId>>> {
        self.call(RPCTypes::AppendEntries, option, |raft| async move { raft.append_entries(rpc).await }).await
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, CallError<InstallSnapshotError>> {
        self.call(RPCTypes::InstallSnapshot, option, |raft| async move { raft.install_snapshot(rpc).await }).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, BasicNode, RaftError<NodeId>>> {
        self.call(RPCTypes::Vote, option, |raft| async move { raft.vote(rpc).await }).await
    }
}
