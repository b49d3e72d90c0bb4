//! A connection to a broker: a request goes out, its answer comes back.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::tablet::TabletId;

/// The most bytes of an answer that are believed.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A connection to a broker.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// The number of the last request: its answer repeats it.
    correlation: i32,
}

impl Connection {
    /// Connects to a host and a port.
    pub async fn open(address: &str) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, correlation: 0 })
    }

    /// Sends a request in this version of it, and waits for the answer.
    ///
    /// # Errors
    ///
    /// Those of the connection, and `InvalidData` if the answer is none to this request.
    pub async fn call<R: Request>(&mut self, version: i16, request: &R) -> io::Result<R::Response> {
        self.send(version, request).await?;
        self.receive::<R>(version, self.correlation).await
    }

    /// Sends a request, and does not wait: the answers come in the order of the requests. Returns its number.
    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> io::Result<i32> {
        self.correlation = self.correlation.wrapping_add(1);
        let mut body = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("stage06")));
        header.encode(&mut body, R::header_version(version)).map_err(io::Error::other)?;
        request.encode(&mut body, version).map_err(io::Error::other)?;
        let length = (body.len() as u32).to_be_bytes();
        self.stream.write_all(&[&length[..], &body].concat()).await?;
        Ok(self.correlation)
    }

    /// Waits for the answer to the request of this number.
    pub async fn receive<R: Request>(&mut self, version: i16, correlation: i32) -> io::Result<R::Response> {
        let length = self.stream.read_u32().await? as usize;
        if length > ANSWER_BYTES_MAX {
            return Err(invalid(format!("an answer of {length} bytes, at most {ANSWER_BYTES_MAX} are believed")));
        }
        let mut bytes = Vec::new();
        (&mut self.stream).take(length as u64).read_to_end(&mut bytes).await?;
        if bytes.len() < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = Bytes::from(bytes);
        let header = ResponseHeader::decode(&mut bytes, R::Response::header_version(version)).map_err(invalid)?;
        if header.correlation_id != correlation {
            return Err(invalid(format!("an answer to request {}, expected {correlation}", header.correlation_id)));
        }
        R::Response::decode(&mut bytes, version).map_err(invalid)
    }

    /// Asks who leads the tablets of a topic. The topic is made if it is not there and the brokers do so.
    pub async fn metadata(&mut self, topic: &str) -> io::Result<Metadata> {
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name(topic)));
        let request = MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(true);
        Ok(Metadata(self.call(8, &request).await?))
    }
}

/// What a broker says of the cluster.
#[derive(Clone, Debug)]
pub struct Metadata(pub MetadataResponse);

impl Metadata {
    /// Every broker, and where it is.
    pub fn addresses(&self) -> BTreeMap<i32, String> {
        self.0.brokers.iter().map(|broker| (broker.node_id.0, format!("{}:{}", broker.host, broker.port))).collect()
    }

    /// Who leads a tablet: `None` if nobody does.
    pub fn leader(&self, tablet: &TabletId) -> Option<Leadership> {
        let topic =
            self.0.topics.iter().find(|known| known.name.as_ref().is_some_and(|name| **name == *tablet.topic))?;
        let partition = topic.partitions.iter().find(|known| known.partition_index == tablet.partition as i32)?;
        let (leader, epoch) = (partition.leader_id.0, partition.leader_epoch);
        let in_sync = partition.isr_nodes.iter().map(|node| node.0).collect();
        (leader >= 0).then_some(Leadership { leader, epoch, in_sync })
    }
}

/// Who leads a tablet, as one broker has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The broker.
    pub leader: i32,
    /// In which epoch: of two that brokers speak of, the larger is the newer.
    pub epoch: i32,
    /// The in-sync replicas.
    pub in_sync: Vec<i32>,
}

/// A topic's name, as the protocol has it.
pub fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_string()))
}

fn invalid(what: impl ToString) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_string())
}
