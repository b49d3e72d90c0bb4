//! A broker in this process, with its front door on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{ApiKey, FetchRequest, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::Decodable;
use stage06::broker::{Broker, BrokerOptions, RunningBroker};
use stage06::controller::{Command, Reply};
use stage06::ids::BrokerId;
use stage06::tablet::TabletId;
use stage06::wire::{Server, ServerOptions};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::requests::{encode, produce, topic_name};

/// Much longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// One broker, which is all the controllers too, and a topic `orders` of one partition.
pub(crate) struct Alone {
    running: RunningBroker,
    server: Server,
    _directory: TempDir,
}

impl Alone {
    pub(crate) async fn start(options: ServerOptions) -> Alone {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let controllers = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let id = BrokerId(1);
        let peers = BTreeMap::from([(id, controllers.local_addr().unwrap().to_string())]);
        let mut broker = BrokerOptions::new(id, directory.path().to_path_buf(), peers);
        (broker.heartbeat, broker.raft_heartbeat) = (Duration::from_millis(50), Duration::from_millis(25));
        // The machine may be busy with other tests.
        broker.session_timeout = PATIENCE;
        let address = listener.local_addr().unwrap().to_string();
        let running = RunningBroker::start(broker, address, controllers).await.unwrap();
        timeout(PATIENCE, running.broker().ready()).await.expect("the broker is ready");
        let server = Server::start(running.broker().clone(), listener, options);
        let alone = Alone { running, server, _directory: directory };
        alone.create("orders", 1).await;
        alone
    }

    pub(crate) async fn create(&self, topic: &str, partitions: usize) {
        let replicas = vec![vec![BrokerId(1)]; partitions];
        let command = Command::CreateTopic { topic: topic.to_string(), replicas, min_insync_replicas: 1 };
        let created = async {
            while self.broker().order(command.clone()).await.ok() != Some(Reply::Done) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, created).await.expect("the topic is made");
        for partition in 0..partitions as u32 {
            let tablet = TabletId { topic: topic.to_string(), partition };
            timeout(PATIENCE, self.leads(&tablet)).await.expect("the broker leads");
        }
    }

    async fn leads(&self, tablet: &TabletId) {
        let mut opened = None;
        while opened.is_none() {
            tokio::task::yield_now().await;
            opened = self.broker().tablet(tablet);
        }
        opened.unwrap().view().wait_for(|view| view.is_leader).await.unwrap();
    }

    pub(crate) fn broker(&self) -> &Broker {
        self.running.broker()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// Ends the front door first.
    pub(crate) async fn stop(self) {
        timeout(PATIENCE, self.server.stop()).await.expect("the server stops");
        self.running.stop().await.unwrap();
    }
}

/// A client that can send anything.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    last: i32,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        Client { stream: TcpStream::connect(address).await.unwrap(), last: 0 }
    }

    pub(crate) async fn send_frame(&mut self, body: &[u8]) {
        let length = (body.len() as i32).to_be_bytes();
        self.stream.write_all(&[&length[..], body].concat()).await.unwrap();
    }

    /// Sends requests in one piece and returns their numbers: the broker finds each behind the one in front of it.
    pub(crate) async fn send_all(&mut self, requests: &[(ApiKey, i16, RequestKind)]) -> Vec<i32> {
        let first = self.last + 1;
        let mut frames = Vec::new();
        for (key, version, kind) in requests {
            self.last += 1;
            let body = encode(*key, *version, self.last, kind);
            frames.extend([&(body.len() as i32).to_be_bytes()[..], &body].concat());
        }
        self.stream.write_all(&frames).await.unwrap();
        (first..=self.last).collect()
    }

    /// Sends a request and returns its number.
    pub(crate) async fn send(&mut self, key: ApiKey, version: i16, kind: &RequestKind) -> i32 {
        self.last += 1;
        self.send_frame(&encode(key, version, self.last, kind)).await;
        self.last
    }

    /// The next frame, or `None` if the connection was closed.
    pub(crate) async fn frame(&mut self) -> Option<Bytes> {
        let read = async {
            let length = self.stream.read_u32().await.ok()?;
            let mut frame = vec![0; length as usize];
            self.stream.read_exact(&mut frame).await.ok()?;
            Some(frame.into())
        };
        timeout(PATIENCE, read).await.expect("an answer, or the end")
    }

    /// The answer to a request of this kind and number, of which nothing is left over.
    pub(crate) async fn receive(&mut self, key: ApiKey, version: i16, number: i32) -> ResponseKind {
        let mut frame = self.frame().await.unwrap_or_else(|| panic!("{key:?} {version}: the connection is closed"));
        let header = ResponseHeader::decode(&mut frame, key.response_header_version(version)).unwrap();
        assert_eq!(header.correlation_id, number, "answers come in the order of the requests");
        let response = ResponseKind::decode(key, &mut frame, version);
        let response = response.unwrap_or_else(|e| panic!("{key:?} {version}: {e}"));
        assert_eq!(frame.remaining(), 0, "{key:?} {version}: something is behind the answer");
        response
    }

    pub(crate) async fn call(&mut self, key: ApiKey, version: i16, kind: &RequestKind) -> ResponseKind {
        let number = self.send(key, version, kind).await;
        self.receive(key, version, number).await
    }

    /// Whether the other side has closed the connection: waits for that.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.frame().await.is_none()
    }

    /// Sends a batch, and returns what the broker says of it.
    pub(crate) async fn produce(&mut self, topic: &str, acks: i16, batch: Vec<u8>) -> PartitionProduceResponse {
        let request = RequestKind::Produce(produce(topic, 0, acks, Some(batch.into())));
        let ResponseKind::Produce(response) = self.call(ApiKey::Produce, 8, &request).await else { unreachable!() };
        response.responses[0].partition_responses[0].clone()
    }

    /// Reads, and returns what the broker says of the one partition.
    pub(crate) async fn fetch(&mut self, fetch: &Fetch<'_>) -> PartitionData {
        let request = RequestKind::Fetch(fetch.request());
        let ResponseKind::Fetch(response) = self.call(ApiKey::Fetch, 11, &request).await else { unreachable!() };
        response.responses[0].partitions[0].clone()
    }
}

/// A Fetch of one partition.
#[derive(Clone, Copy)]
pub(crate) struct Fetch<'a> {
    pub(crate) topic: &'a str,
    pub(crate) offset: i64,
    pub(crate) epoch: i32,
    pub(crate) wait_ms: i32,
    pub(crate) bytes_min: i32,
    pub(crate) bytes_max: i32,
}

impl Default for Fetch<'_> {
    fn default() -> Self {
        Fetch { topic: "orders", offset: 0, epoch: -1, wait_ms: 0, bytes_min: 1, bytes_max: 1 << 20 }
    }
}

impl Fetch<'_> {
    pub(crate) fn request(&self) -> FetchRequest {
        let partition = FetchPartition::default()
            .with_current_leader_epoch(self.epoch)
            .with_fetch_offset(self.offset)
            .with_partition_max_bytes(self.bytes_max);
        let topic = FetchTopic::default().with_topic(topic_name(self.topic)).with_partitions(vec![partition]);
        FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(self.wait_ms)
            .with_min_bytes(self.bytes_min)
            .with_max_bytes(self.bytes_max)
            .with_topics(vec![topic])
    }
}

/// A batch as it comes back to a consumer: with its offset and the epoch of its leader.
pub(crate) fn stamped(batch: &[u8], offset: i64, epoch: i32) -> Vec<u8> {
    let mut stamped = BytesMut::from(batch);
    stamped[..8].copy_from_slice(&offset.to_be_bytes());
    stamped[12..16].copy_from_slice(&epoch.to_be_bytes());
    stamped.to_vec()
}
