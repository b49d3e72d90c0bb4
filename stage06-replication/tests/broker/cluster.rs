//! Brokers in this process, on loopback and a temporary directory.

use std::collections::BTreeMap;
use std::time::Duration;

use stage06::broker::{BrokerOptions, RunningBroker};
use stage06::ids::BrokerId;
use stage06::log_ends::Flush;
use stage06::replica::ReplicaOptions;
use stage06::wire::server::{Server, ServerOptions};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Much longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A broker with its front door.
pub(crate) struct Node {
    pub(crate) running: RunningBroker,
    server: Server,
}

/// Some brokers, each a controller too.
pub(crate) struct Cluster {
    directory: TempDir,
    controllers: BTreeMap<BrokerId, String>,
    /// Where clients find each.
    pub(crate) clients: BTreeMap<BrokerId, String>,
    pub(crate) nodes: BTreeMap<BrokerId, Node>,
}

impl Cluster {
    /// Brokers 1 to `count`, ready to lead and to follow.
    pub(crate) async fn start(count: u32) -> Cluster {
        let mut cluster = Cluster {
            directory: tempfile::tempdir().unwrap(),
            controllers: BTreeMap::new(),
            clients: BTreeMap::new(),
            nodes: BTreeMap::new(),
        };
        let mut listeners = Vec::new();
        for id in (1..=count).map(BrokerId) {
            let clients = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let controllers = TcpListener::bind("127.0.0.1:0").await.unwrap();
            cluster.clients.insert(id, clients.local_addr().unwrap().to_string());
            cluster.controllers.insert(id, controllers.local_addr().unwrap().to_string());
            listeners.push((id, clients, controllers));
        }
        for (id, clients, controllers) in listeners {
            cluster.start_node(id, clients, controllers).await;
        }
        cluster.all_ready().await;
        cluster
    }

    async fn start_node(&mut self, id: BrokerId, clients: TcpListener, controllers: TcpListener) {
        let mut options =
            BrokerOptions::new(id, self.directory.path().join(id.0.to_string()), self.controllers.clone());
        options.replica = ReplicaOptions { flush: Flush::Sync, replica_lag_max_ms: 2_000, ..ReplicaOptions::default() };
        options.heartbeat = Duration::from_millis(200);
        options.session_timeout = Duration::from_secs(2);
        options.raft_heartbeat = Duration::from_millis(150);
        let address = self.clients[&id].clone();
        let running = RunningBroker::start(options, address, controllers).await.unwrap();
        let server = Server::start(running.broker().clone(), clients, ServerOptions::default());
        self.nodes.insert(id, Node { running, server });
    }

    /// Waits until every broker that runs may lead and follow.
    pub(crate) async fn all_ready(&self) {
        for node in self.nodes.values() {
            tokio::time::timeout(PATIENCE, node.running.broker().ready()).await.expect("ready");
        }
    }

    /// A broker leaves in order.
    pub(crate) async fn stop(&mut self, id: u32) {
        let node = self.nodes.remove(&BrokerId(id)).unwrap();
        node.running.leave().await;
        node.server.stop().await;
        node.running.stop().await.unwrap();
    }

    /// A broker is gone from one moment to the next, as far as the others can tell.
    pub(crate) async fn vanish(&mut self, id: u32) {
        let node = self.nodes.remove(&BrokerId(id)).unwrap();
        node.server.stop().await;
        node.running.stop().await.unwrap();
    }

    /// It comes again, with what it has on its disk.
    pub(crate) async fn restart(&mut self, id: u32) {
        let id = BrokerId(id);
        let clients = TcpListener::bind(&self.clients[&id]).await.unwrap();
        let controllers = TcpListener::bind(&self.controllers[&id]).await.unwrap();
        self.start_node(id, clients, controllers).await;
        self.all_ready().await;
    }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
