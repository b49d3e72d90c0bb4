//! The broker as one of the controllers, and how it reaches the one that leads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openraft::{BasicNode, ServerState};
use stage05::{Disk, Framed, SegmentOptions};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::{BrokerError, BrokerOptions};
use crate::controller::Command;
use crate::desk::{Desk, misplaced};
use crate::ids::BrokerId;
use crate::raft::network::{Network, Peer, config};
use crate::raft::server::Server;
use crate::raft::service::{ControllerRequest, ControllerResponse, ControllerService};
use crate::raft::types::{NodeId, Raft};
use crate::raft::{self, Applied, LogStore, StateMachine};

/// How often leaders are moved to where they should be (`leader.imbalance.check.interval.seconds`).
const MOVE_EVERY: Duration = Duration::from_secs(30);

/// What a node of the consensus has: the node itself, what it has decided, and the desk at which it hears brokers.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) id: NodeId,
    raft: Raft,
    applied: watch::Receiver<Applied>,
    /// For the term in which this node leads, or led.
    desk: Arc<Mutex<Option<(u64, Desk)>>>,
    session_timeout: Duration,
    clock: Clock,
}

/// The node that runs in this process, and the ways to the others.
pub(super) struct Controllers {
    pub(super) node: Node,
    addresses: BTreeMap<NodeId, String>,
    /// Connections that nobody uses at the moment.
    idle: Mutex<Vec<(NodeId, Peer)>>,
    server: Mutex<Option<(Server, JoinHandle<()>)>>,
}

impl Controllers {
    /// Opens the node's log in `disk`, and takes part.
    pub(super) async fn start(
        options: &BrokerOptions,
        disk: &Arc<dyn Disk>,
        listener: TcpListener,
        clock: Clock,
    ) -> Result<Controllers, BrokerError> {
        let id = NodeId::from(options.id.0);
        let state = StateMachine::open(disk)?;
        let applied = state.subscribe();
        let log = LogStore::open(disk, Framed::default(), SegmentOptions::default())?;
        let config = config(options.raft_heartbeat).map_err(BrokerError::consensus)?;
        let addresses: BTreeMap<NodeId, String> =
            options.controllers.iter().map(|(broker, address)| (NodeId::from(broker.0), address.clone())).collect();
        let network = Network { addresses: addresses.clone() };
        let raft = raft::start(id, Arc::new(config), network, log, state).await.map_err(BrokerError::consensus)?;
        let (desk, session_timeout) = (Arc::default(), options.session_timeout);
        let node = Node { id, raft, applied, desk, session_timeout, clock };
        let server = Server::start(id, node.raft.clone(), node.clone(), listener);
        if !node.raft.is_initialized().await.map_err(BrokerError::consensus)? {
            let members: BTreeMap<NodeId, BasicNode> =
                addresses.iter().map(|(&id, address)| (id, BasicNode::new(address))).collect();
            // All of them do so, with the same members. Who is late finds that it was done.
            let _ = node.raft.initialize(members).await;
        }
        let watch = tokio::spawn(node.clone().keep_order());
        let server = Mutex::new(Some((server, watch)));
        Ok(Controllers { node, addresses, idle: Mutex::default(), server })
    }

    /// What the controllers have decided, as far as this node has heard.
    pub(super) fn applied(&self) -> watch::Receiver<Applied> {
        self.node.applied.clone()
    }

    /// Why this node takes part no more, if its disk has failed.
    pub(super) fn failed(&self) -> Option<String> {
        self.node.raft.metrics().borrow().running_state.as_ref().err().map(ToString::to_string)
    }

    /// Which broker this is.
    pub(super) fn broker(&self) -> BrokerId {
        BrokerId(self.node.id as u32)
    }

    /// Asks the controller that leads. `None` if none was found that does, or it did not answer within `timeout`.
    pub(super) async fn request(&self, request: ControllerRequest, timeout: Duration) -> Option<ControllerResponse> {
        tokio::time::timeout(timeout, self.request_leader(request)).await.ok().flatten()
    }

    async fn request_leader(&self, request: ControllerRequest) -> Option<ControllerResponse> {
        let mut leader = self.node.raft.metrics().borrow().current_leader;
        // Who is asked may know better. Not for ever: two could each take the other for the leader.
        for _ in 0..3 {
            let response = self.request_one(leader?, request.clone()).await?;
            match response {
                ControllerResponse::NotLeader(other) if other != leader => leader = other,
                ControllerResponse::NotLeader(_) => return None,
                response => return Some(response),
            }
        }
        None
    }

    async fn request_one(&self, node: NodeId, request: ControllerRequest) -> Option<ControllerResponse> {
        if node == self.node.id {
            return Some(self.node.respond(request).await);
        }
        let mut peer = self.take_idle(node)?;
        let response = peer.request(request).await.ok()?;
        // One that has failed, or was given up in the middle, is not used again.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((node, peer));
        Some(response)
    }

    fn take_idle(&self, node: NodeId) -> Option<Peer> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = idle.iter().position(|&(id, _)| id == node) {
            return Some(idle.swap_remove(at).1);
        }
        self.addresses.get(&node).map(|address| Peer::new(node, address.clone()))
    }

    /// Takes part no more.
    pub(super) async fn stop(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((server, watch)) = server {
            watch.abort();
            server.stop().await;
        }
        let _ = self.node.raft.shutdown().await;
    }
}

impl Node {
    /// Does something with the desk of this term. A node that was elected anew has heard of nobody yet.
    fn at_desk<T>(&self, term: u64, act: impl FnOnce(&mut Desk) -> T) -> T {
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        if desk.as_ref().is_none_or(|(of, _)| *of != term) {
            *desk = Some((term, Desk::new(self.session_timeout.as_millis() as u64)));
        }
        let (_, desk) = desk.as_mut().expect("it was just put there");
        act(desk)
    }

    /// Fences brokers that were not heard of for too long, and has tablets led by whoever should lead them, whenever this
    /// node leads.
    async fn keep_order(self) {
        let every = self.session_timeout / 8;
        let mut before = self.clock.now();
        let mut moved = before;
        loop {
            tokio::time::sleep(every).await;
            let now = self.clock.now();
            let (is_leader, term) = {
                let metrics = self.raft.metrics();
                let metrics = metrics.borrow();
                (metrics.state == ServerState::Leader, metrics.current_term)
            };
            // Who was stopped itself has heard nobody, and that says nothing of them.
            let was_away = now > before + self.session_timeout.as_millis() as u64 / 2;
            before = now;
            if was_away {
                *self.desk.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            if !is_leader {
                continue;
            }
            let overdue = {
                let applied = self.applied.borrow();
                self.at_desk(term, |desk| desk.overdue(now, &applied.controller))
            };
            if now >= moved + MOVE_EVERY.as_millis() as u64 {
                moved = now;
                let moves = misplaced(&self.applied.borrow().controller);
                for command in moves {
                    let _ = self.raft.client_write(command).await;
                }
            }
            for command in overdue {
                if let Command::Fence { broker, life } = &command {
                    tracing::warn!(%broker, %life, "not heard of for too long: fenced");
                }
                let _ = self.raft.client_write(command).await;
            }
        }
    }

    /// Carries out what needs the consensus.
    async fn decide(&self, command: Command) -> Option<crate::controller::Reply> {
        self.raft.client_write(command).await.ok().map(|response| response.data)
    }

    async fn answer(&self, request: ControllerRequest) -> Option<ControllerResponse> {
        // A node that was deposed and does not know it would tell a broker that it is not registered.
        self.raft.ensure_linearizable().await.ok()?;
        match request {
            ControllerRequest::Command(command) => Some(ControllerResponse::Reply(self.decide(command).await?)),
            ControllerRequest::Ask(ask) => {
                let term = self.raft.metrics().borrow().current_term;
                let command = {
                    let applied = self.applied.borrow();
                    self.at_desk(term, |desk| desk.command(self.clock.now(), &applied.controller, &ask))
                };
                let reply = match command {
                    Some(command) => Some(self.decide(command).await?),
                    None => None,
                };
                let applied = self.applied.borrow();
                Some(ControllerResponse::Tell(self.at_desk(term, |desk| desk.answer(&applied.controller, &ask, reply))))
            }
        }
    }
}

impl std::fmt::Debug for Controllers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controllers").field("node", &self.node.id).finish_non_exhaustive()
    }
}

impl ControllerService for Node {
    async fn respond(&self, request: ControllerRequest) -> ControllerResponse {
        match self.answer(request).await {
            Some(response) => response,
            None => {
                let leader = self.raft.metrics().borrow().current_leader;
                ControllerResponse::NotLeader(leader.filter(|&leader| leader != self.id))
            }
        }
    }
}
