//! Three controllers on simulated disks, and what befalls them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use lab::sim::{Errno, Fault, Lens, Operation, Sampling, SimDisk, Which};
use openraft::{BasicNode, Config, SnapshotPolicy};
use stage06::controller::{Command, Reply};
use stage06::raft::Applied;
use stage06::raft::network::config;
use stage06::raft::types::{NodeId, Raft};
use tokio::sync::watch;
use tokio::time::timeout;

use super::history::History;
use super::network::{Network, Way};
use crate::common::{open_log, open_state};

pub(crate) const NODES: NodeId = 3;

struct Node {
    raft: Raft,
    applied: watch::Receiver<Applied>,
}

/// The nodes that run, and what each has applied.
type Running = BTreeMap<NodeId, (Raft, watch::Receiver<Applied>)>;

/// What a client talks to.
#[derive(Clone)]
pub(crate) struct Clients {
    nodes: Arc<Mutex<Running>>,
    pub(crate) history: Arc<History>,
}

pub(crate) struct Cluster {
    nodes: BTreeMap<NodeId, Node>,
    disks: BTreeMap<NodeId, SimDisk>,
    network: Arc<Network>,
    pub(crate) clients: Clients,
    random: Rng,
    pub(crate) crashes: u64,
}

/// Snapshots so often that who was away for a while needs one.
fn options() -> Arc<Config> {
    let config = config(Duration::from_millis(150)).unwrap();
    let policy = SnapshotPolicy::LogsSinceLast(20);
    Arc::new(Config { snapshot_policy: policy, max_in_snapshot_log_to_keep: 5, purge_batch_size: 1, ..config })
}

impl Cluster {
    pub(crate) async fn start(seed: u64) -> Cluster {
        let mut random = Rng::with_seed(seed);
        let network = Network::new(random.fork());
        let clients = Clients { nodes: Arc::default(), history: Arc::default() };
        let disks = (1..=NODES).map(|id| (id, SimDisk::new())).collect();
        let mut cluster = Cluster { nodes: BTreeMap::new(), disks, network, clients, random, crashes: 0 };
        for id in 1..=NODES {
            cluster.start_node(id).await;
        }
        let members: BTreeMap<NodeId, BasicNode> = (1..=NODES).map(|id| (id, BasicNode::default())).collect();
        cluster.nodes[&1].raft.initialize(members).await.unwrap();
        cluster
    }

    async fn start_node(&mut self, id: NodeId) {
        let disk = self.disks[&id].disk();
        let state = open_state(&disk).expect("the state opens after any crash");
        let log = open_log(&disk).expect("the log opens after any crash");
        let applied = state.subscribe();
        let way = Way { from: id, network: Arc::clone(&self.network) };
        let raft = Raft::new(id, options(), way, log, state).await.expect("a node starts after any crash");
        self.network.enter(id, raft.clone());
        self.clients.nodes.lock().unwrap().insert(id, (raft.clone(), applied.clone()));
        self.nodes.insert(id, Node { raft, applied });
    }

    /// The node is gone, and what it had not synced may be.
    async fn crash(&mut self, id: NodeId) {
        let Some(node) = self.nodes.remove(&id) else { return };
        self.crashes += 1;
        self.network.leave(id);
        self.clients.nodes.lock().unwrap().remove(&id);
        // It syncs nothing to end. And what it says until it has ended, it says of the disk as it is then.
        let _ = node.raft.shutdown().await;
        let trace = self.disks[&id].trace();
        let mut replay = trace.replay();
        replay.advance_to(trace.events().len());
        let lens = if self.random.bool() { Lens::PowerCut } else { Lens::TornWrite };
        let sampling = Sampling { states_max: 1, seed: self.random.u64(..) };
        let left = match self.random.u32(0..4) {
            0 => replay.killed(0),
            _ => replay.crash(lens).states(sampling).next().expect("a power cut leaves something").disk,
        };
        self.disks.insert(id, left);
    }

    /// Starts whoever is not running.
    async fn start_all(&mut self) {
        for id in 1..=NODES {
            if self.nodes.get(&id).is_some_and(|node| node.has_failed()) {
                self.crash(id).await;
            }
            if !self.nodes.contains_key(&id) {
                self.start_node(id).await;
            }
        }
    }

    /// Something goes wrong, or is put right.
    pub(crate) async fn befall(&mut self) {
        let one = self.random.u64(1..=NODES);
        match self.random.u32(0..10) {
            0 => self.crash(one).await,
            1 => {
                for id in 1..=NODES {
                    self.crash(id).await;
                }
            }
            // Some operation of a node that runs fails in the near future, and with it the node.
            2 if self.nodes.contains_key(&one) => {
                let nth = self.random.u64(1..20);
                let fault = Fault::fail(Operation::Any, Which::Nth(nth), Errno::Io);
                self.disks[&one].inject(fault);
            }
            3 => self.cut_off(one, true, true),
            4 => self.cut_off(one, true, false),
            5 => self.cut_off(one, false, true),
            6 => self.network.mend(),
            _ => self.start_all().await,
        }
        for node in self.nodes.values() {
            self.clients.history.sees(&node.applied.borrow());
        }
    }

    fn cut_off(&self, one: NodeId, out: bool, back: bool) {
        for other in (1..=NODES).filter(|other| *other != one) {
            if out {
                self.network.cut(one, other);
            }
            if back {
                self.network.cut(other, one);
            }
        }
    }

    /// All faults cease.
    pub(crate) async fn heal(&mut self) {
        self.network.calm_down();
        self.disks.values().for_each(SimDisk::clear_faults);
        self.start_all().await;
    }

    /// Waits until all nodes have everything that anybody was told, and the same. `false` if that takes too long.
    pub(crate) async fn agree(&self, patience: Duration) -> bool {
        let agreed = async {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let all: Vec<Applied> = self.nodes.values().map(|node| node.applied.borrow().clone()).collect();
                all.iter().for_each(|applied| self.clients.history.sees(applied));
                let is_whole = all.iter().all(|applied| {
                    applied.last == all[0].last && applied.controller.version() >= self.clients.history.last_told()
                });
                if is_whole {
                    return;
                }
            }
        };
        timeout(patience, agreed).await.is_ok()
    }
}

impl Node {
    fn has_failed(&self) -> bool {
        self.raft.metrics().borrow().running_state.is_err()
    }
}

impl Clients {
    fn node(&self, random: &mut Rng) -> Option<(Raft, watch::Receiver<Applied>)> {
        let nodes = self.nodes.lock().unwrap();
        nodes.get(&random.u64(1..=NODES)).cloned()
    }

    /// Asks for a number, of whichever node. Whether that was told.
    pub(crate) async fn write(&self, random: &mut Rng) -> bool {
        let Some((raft, _)) = self.node(random) else { return false };
        let asked = self.history.sends();
        let written = timeout(Duration::from_secs(2), raft.client_write(Command::NewProducer)).await;
        match written {
            Ok(Ok(response)) => {
                let Reply::Producer(number) = response.data else { unreachable!("{:?}", response.data) };
                self.history.told(asked, number);
                true
            }
            _ => false,
        }
    }

    /// Looks how many numbers were given, as a node says that is sure to lead.
    pub(crate) async fn read(&self, random: &mut Rng) {
        let Some((raft, applied)) = self.node(random) else { return };
        let asked = self.history.reads();
        if let Ok(Ok(_)) = timeout(Duration::from_secs(2), raft.ensure_linearizable()).await {
            let given = applied.borrow().controller.version();
            self.history.has_read(asked, given);
        }
    }
}
