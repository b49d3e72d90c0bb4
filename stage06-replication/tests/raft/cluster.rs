//! Three controllers over loopback, on real disks: they elect, agree, survive the loss of one, and take it back.
//!
//! No sleeps: each test waits for what openraft's metrics say, and gives up after a time that is much too long.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use openraft::{BasicNode, ServerState};
use stage06::OsDisk;
use stage06::controller::{Command, Controller, Reply};
use stage06::ids::BrokerId;
use stage06::raft::network::{Network, config};
use stage06::raft::server::Server;
use stage06::raft::types::{NodeId, Raft};
use stage06::raft::{self, Applied};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::common::{open_log, open_state};

/// Much longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that runs.
struct Node {
    raft: Raft,
    applied: watch::Receiver<Applied>,
    server: Server,
}

struct Cluster {
    directory: TempDir,
    addresses: BTreeMap<NodeId, BasicNode>,
    nodes: BTreeMap<NodeId, Node>,
}

impl Cluster {
    async fn start() -> Cluster {
        let mut cluster =
            Cluster { directory: tempfile::tempdir().unwrap(), addresses: BTreeMap::new(), nodes: BTreeMap::new() };
        for id in 1..=3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            cluster.addresses.insert(id, BasicNode::new(listener.local_addr().unwrap()));
            cluster.start_node(id, listener).await;
        }
        cluster.nodes[&1].raft.initialize(cluster.addresses.clone()).await.unwrap();
        cluster
    }

    async fn start_node(&mut self, id: NodeId, listener: TcpListener) {
        let disk = OsDisk::create(self.directory.path().join(id.to_string())).unwrap();
        let disk: Arc<dyn stage06::Disk> = Arc::new(disk);
        let state = open_state(&disk).unwrap();
        let applied = state.subscribe();
        let config = Arc::new(config(Duration::from_millis(150)).unwrap());
        let raft = raft::start(id, config, Network::default(), open_log(&disk).unwrap(), state).await.unwrap();
        let server = Server::start(id, raft.clone(), (), listener);
        self.nodes.insert(id, Node { raft, applied, server });
    }

    /// The node is gone: it answers nobody, and its memory is lost.
    async fn stop(&mut self, id: NodeId) {
        let node = self.nodes.remove(&id).unwrap();
        node.server.stop().await;
        node.raft.shutdown().await.unwrap();
    }

    /// The node comes again, with what it has on its disk.
    async fn restart(&mut self, id: NodeId) {
        let address = self.addresses[&id].addr.clone();
        let listener = TcpListener::bind(address).await.unwrap();
        self.start_node(id, listener).await;
    }

    /// The node that leads, when one does.
    async fn leader(&self) -> NodeId {
        let any = self.nodes.values().next().unwrap();
        let running = self.nodes.keys().copied().collect::<Vec<_>>();
        let elected = |metrics: &openraft::RaftMetrics<NodeId, BasicNode>| {
            metrics.current_leader.is_some_and(|leader| running.contains(&leader))
        };
        let metrics = any.raft.wait(Some(PATIENCE)).metrics(elected, "a leader").await.unwrap();
        let leader = metrics.current_leader.unwrap();
        self.nodes[&leader].raft.wait(Some(PATIENCE)).state(ServerState::Leader, "leads").await.unwrap();
        leader
    }

    /// Has a command carried out, by whoever leads.
    async fn write(&self, command: &Command) -> Reply {
        let written = async {
            loop {
                let leader = self.leader().await;
                // A leader that was deposed meanwhile says so; the command is such that it may be repeated.
                if let Ok(response) = self.nodes[&leader].raft.client_write(command.clone()).await {
                    return response.data;
                }
            }
        };
        tokio::time::timeout(PATIENCE, written).await.expect("a command is carried out")
    }

    /// Waits until every node has carried out what makes the node's state so.
    async fn all_have(&self, what: impl Fn(&Applied) -> bool) {
        for node in self.nodes.values() {
            let mut applied = node.applied.clone();
            let waited = tokio::time::timeout(PATIENCE, applied.wait_for(|applied| what(applied))).await;
            drop(waited.expect("every node gets there").unwrap());
        }
    }

    /// Every node knows so many brokers, and all know the same.
    async fn agree_on(&self, brokers: u32) {
        self.all_have(|applied| applied.controller.brokers().len() == brokers as usize).await;
        let furthest = self.nodes.values().map(|node| node.applied.borrow().last).max().unwrap();
        self.all_have(|applied| applied.last >= furthest).await;
        let controllers: Vec<Controller> =
            self.nodes.values().map(|node| node.applied.borrow().controller.clone()).collect();
        assert!(controllers.windows(2).all(|pair| pair[0] == pair[1]), "{controllers:#?}");
        let known: Vec<u32> = controllers[0].brokers().keys().map(|broker| broker.0).collect();
        assert_eq!(known, (0..brokers).collect::<Vec<_>>());
    }
}

fn register(broker: u32) -> Command {
    Command::Register { broker: BrokerId(broker), incarnation: 1, intact_since: 0, address: String::new() }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn three_controllers_agree_and_survive_the_loss_of_the_leader() {
    runtime().block_on(async {
        let mut cluster = Cluster::start().await;
        for broker in 0..5 {
            assert!(matches!(cluster.write(&register(broker)).await, Reply::Registered(_)));
        }
        cluster.agree_on(5).await;
        let leader = cluster.leader().await;
        cluster.stop(leader).await;
        for broker in 5..10 {
            assert!(matches!(cluster.write(&register(broker)).await, Reply::Registered(_)));
        }
        cluster.agree_on(10).await;
        cluster.restart(leader).await;
        cluster.agree_on(10).await;
        // All of them at once.
        for id in 1..=3 {
            cluster.stop(id).await;
        }
        for id in 1..=3 {
            cluster.restart(id).await;
        }
        cluster.write(&register(10)).await;
        cluster.agree_on(11).await;
    });
}

#[test]
fn a_controller_that_was_away_too_long_gets_a_snapshot() {
    runtime().block_on(async {
        let mut cluster = Cluster::start().await;
        cluster.write(&register(0)).await;
        cluster.agree_on(1).await;
        let away = (cluster.leader().await % 3) + 1;
        cluster.stop(away).await;
        for broker in 1..20 {
            cluster.write(&register(broker)).await;
        }
        cluster.agree_on(20).await;
        for node in cluster.nodes.values() {
            let last = node.applied.borrow().last.unwrap();
            node.raft.trigger().snapshot().await.unwrap();
            node.raft.wait(Some(PATIENCE)).snapshot(last, "a snapshot").await.unwrap();
            node.raft.trigger().purge_log(last.index).await.unwrap();
            node.raft.wait(Some(PATIENCE)).purged(Some(last), "the log is purged").await.unwrap();
        }
        cluster.restart(away).await;
        cluster.write(&register(20)).await;
        cluster.agree_on(21).await;
        let snapshot = cluster.nodes[&away].raft.metrics().borrow().snapshot;
        assert!(snapshot.is_some(), "the node that was away has a snapshot");
        for id in 1..=3 {
            cluster.stop(id).await;
            cluster.restart(id).await;
        }
        cluster.agree_on(21).await;
    });
}

/// A length that is too large, no JSON, a question for another node: the connection is closed, and the node goes on.
#[test]
fn a_malformed_message_closes_the_connection_and_nothing_else() {
    runtime().block_on(async {
        let cluster = Cluster::start().await;
        let node = &cluster.addresses[&1].addr;
        let for_another = br#"{"to":2,"what":{"Vote":{"vote":{"leader_id":{"term":1,"node_id":1},"committed":false},"last_log_id":null}}}"#;
        let with_length = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], body].concat();
        for bytes in [u32::MAX.to_be_bytes().to_vec(), with_length(b"no JSON"), with_length(for_another)] {
            let node = node.clone();
            let left = tokio::task::spawn_blocking(move || {
                let mut stream = std::net::TcpStream::connect(node).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.write_all(&bytes).unwrap();
                let mut left = Vec::new();
                // Closed, or reset since it was not all read.
                let _ = std::io::Read::read_to_end(&mut stream, &mut left);
                left
            });
            assert_eq!(left.await.unwrap(), b"");
        }
        cluster.write(&register(0)).await;
        cluster.agree_on(1).await;
    });
}
