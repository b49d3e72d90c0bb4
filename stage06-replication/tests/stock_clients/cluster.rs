//! Three brokers, each a process, and proxies on all ways between them and to them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use stage06::client::Connection;
use stage06::client::connection::topic_name;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::client::PATIENCE;
use crate::proxy::{Proxy, Way};

/// How many brokers there are.
pub(crate) const BROKERS: u32 = 3;
/// How long the controllers wait for a broker.
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_millis(2000);
/// How often the brokers are asked whether all is well.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Three brokers that run, or did.
pub(crate) struct Cluster {
    runtime: Runtime,
    directory: TempDir,
    /// Where each listens for clients, and for the other controllers.
    ports: BTreeMap<u32, (SocketAddr, SocketAddr)>,
    /// In front of each broker's port for clients: all clients and followers come this way.
    doors: BTreeMap<u32, (SocketAddr, Proxy)>,
    /// From each controller to each other one.
    ways: BTreeMap<(u32, u32), (SocketAddr, Proxy)>,
    running: BTreeMap<u32, Child>,
}

impl Cluster {
    /// Starts all of them, and waits until each may lead and follow.
    pub(crate) fn start() -> Cluster {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ids = || 1..=BROKERS;
        let ports: BTreeMap<_, _> = ids().map(|id| (id, (free_port(), free_port()))).collect();
        let proxy = |to: SocketAddr| {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
            let address = listener.local_addr().expect("its address");
            let _inside = runtime.enter();
            (address, Proxy::start(listener, to))
        };
        let doors = ids().map(|id| (id, proxy(ports[&id].0))).collect();
        let pairs = ids().flat_map(|from| ids().map(move |to| (from, to))).filter(|(from, to)| from != to);
        let ways = pairs.map(|(from, to)| ((from, to), proxy(ports[&to].1))).collect();
        let mut cluster = Cluster { runtime, directory, ports, doors, ways, running: BTreeMap::new() };
        for id in ids() {
            cluster.start_broker(id);
        }
        cluster.wait_until("three brokers are there", |cluster| cluster.brokers_seen() == vec![3; 3]);
        cluster
    }

    /// Starts a broker. What it logs goes into a file beside its directory.
    pub(crate) fn start_broker(&mut self, id: u32) {
        let controller = |to: u32| match to == id {
            true => self.ports[&id].1,
            false => self.ways[&(id, to)].0,
        };
        let peers: Vec<String> = (1..=BROKERS).map(|to| format!("{to}@{}", controller(to))).collect();
        let log = File::options().create(true).append(true).open(self.log(id)).expect("a file for its log");
        let child = Command::new(env!("CARGO_BIN_EXE_stage06"))
            .args(["--id", &id.to_string(), "--listen", &self.ports[&id].0.to_string()])
            .args(["--advertise", &self.doors[&id].0.to_string(), "--peers", &peers.join(",")])
            .args(["--session-timeout-ms", &SESSION_TIMEOUT.as_millis().to_string(), "--partitions", "3"])
            // Small, so that there are many of them.
            .args(["--segment-bytes", "1048576"])
            .arg("--data")
            .arg(self.data(id))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the broker starts");
        self.running.insert(id, child);
    }

    fn log(&self, id: u32) -> PathBuf {
        self.path().join(format!("broker-{id}.log"))
    }

    /// Where a broker keeps what it has.
    pub(crate) fn data(&self, id: u32) -> PathBuf {
        self.path().join(format!("broker-{id}"))
    }

    /// Where everything of this cluster is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where clients begin.
    pub(crate) fn bootstrap(&self) -> String {
        let doors: Vec<String> = self.doors.values().map(|(address, _)| address.to_string()).collect();
        doors.join(",")
    }

    /// SIGKILL: it has no time to do anything about it.
    pub(crate) fn kill(&mut self, id: u32) {
        if let Some(mut child) = self.running.remove(&id) {
            child.kill().and_then(|()| child.wait()).expect("it is killed");
        }
    }

    /// SIGTERM, and the broker ends in order.
    pub(crate) fn terminate(&mut self, id: u32) {
        self.signal(id, "TERM");
        let mut child = self.running.remove(&id).expect("it runs");
        let status = wait_for(&mut child).unwrap_or_else(|| panic!("broker {id} does not stop:\n{}", self.tail(id)));
        assert!(status.success(), "broker {id} stops with {status}:\n{}", self.tail(id));
    }

    /// Sends a signal to a broker: STOP, CONT, TERM.
    pub(crate) fn signal(&self, id: u32, name: &str) {
        let process = self.running[&id].id();
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "SIG{name} for broker {id}");
    }

    /// What becomes of what clients and followers send to a broker.
    pub(crate) fn door(&self, id: u32, way: Way) {
        self.doors[&id].1.set(way);
    }

    /// What becomes of what two controllers send to each other.
    pub(crate) fn between(&self, one: u32, other: u32, way: Way) {
        self.ways[&(one, other)].1.set(way);
        self.ways[&(other, one)].1.set(way);
    }

    /// Waits until something is so.
    ///
    /// # Panics
    ///
    /// If a broker has ended by itself, or it is not so after a minute: then with what the brokers have logged last.
    pub(crate) fn wait_until(&mut self, what: &str, is_so: impl Fn(&Cluster) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            self.check_alive();
            if begin.elapsed() > PATIENCE {
                let logs: Vec<String> = (1..=BROKERS).map(|id| format!("broker {id}:\n{}", self.tail(id))).collect();
                panic!("not so after {} s: {what}\n{}", PATIENCE.as_secs(), logs.join("\n"));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn check_alive(&mut self) {
        for (id, child) in &mut self.running {
            if let Some(status) = child.try_wait().expect("a process can be asked") {
                let log = self.directory.path().join(format!("broker-{id}.log"));
                panic!("broker {id} has ended by itself, {status}:\n{}", tail(&log));
            }
        }
    }

    fn tail(&self, id: u32) -> String {
        tail(&self.log(id))
    }

    /// How many brokers each of those that run knows of.
    fn brokers_seen(&self) -> Vec<usize> {
        self.running.keys().filter_map(|&id| self.metadata(id, None)).map(|(brokers, _)| brokers).collect()
    }

    /// Whether every partition of a topic has a leader and all its replicas in sync, as all brokers know it.
    pub(crate) fn is_whole(&self, topic: &str, partitions: usize) -> bool {
        (1..=BROKERS).all(|id| {
            self.metadata(id, Some(topic)).is_some_and(|(_, known)| {
                known.len() == partitions
                    && known.iter().all(|(leader, in_sync)| *leader > 0 && *in_sync == BROKERS as usize)
            })
        })
    }

    /// Who leads a partition, as far as anybody knows.
    pub(crate) fn leader(&self, topic: &str, partition: usize) -> Option<u32> {
        let known = |id: &u32| self.metadata(*id, Some(topic))?.1.get(partition).copied();
        let (leader, _) = self.running.keys().find_map(known)?;
        u32::try_from(leader).ok().filter(|leader| self.running.contains_key(leader))
    }

    /// How many brokers a broker knows of; and of each partition, who leads it and how many are in sync.
    fn metadata(&self, id: u32, topic: Option<&str>) -> Option<(usize, Vec<(i32, usize)>)> {
        let topics = topic.map(|topic| vec![MetadataRequestTopic::default().with_name(Some(topic_name(topic)))]);
        let request =
            MetadataRequest::default().with_topics(topics.or(Some(Vec::new()))).with_allow_auto_topic_creation(false);
        let address = self.ports[&id].0.to_string();
        let ask = async { Connection::open(&address).await?.call(8, &request).await };
        let asked = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), ask).await });
        let response = asked.ok()?.ok()?;
        let mut partitions = response.topics.into_iter().next().map(|topic| topic.partitions).unwrap_or_default();
        partitions.sort_by_key(|partition| partition.partition_index);
        let known = partitions.iter().map(|known| (known.leader_id.0, known.isr_nodes.len())).collect();
        Some((response.brokers.len(), known))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            // A process that is stopped is killed like any other.
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            self.directory.disable_cleanup(true);
            eprintln!("the brokers' logs and data stay in {}", self.directory.path().display());
        }
    }
}

fn wait_for(child: &mut Child) -> Option<ExitStatus> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a process can be asked") {
            return Some(status);
        }
        thread::sleep(LOOK_EVERY);
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// The last lines of a file.
fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// A port for a broker that will be killed and come again. It is below those that the system gives to connections
/// (32768 and above, where it is Linux): none of them may have it meanwhile.
fn free_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id() as u16 % 1000 * 10;
    for _ in 0..10_000 {
        let port = 20_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("{}", io::Error::from(io::ErrorKind::AddrInUse))
}
