//! A follower's way to its leader: Kafka's Fetch, as consumers use it.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::messages::{ApiKey, FetchResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::batch_check::BATCH_BYTES_MAX;
use super::frame::{FrameError, Patience, read_body, read_length};
use super::layouts::FETCH_ANSWER;
use super::pool::Pool;
use super::replica_fetch::{VERSION, answer_of, question};
use super::shape::walk;
use crate::message::{FetchAnswer, FetchRequest};
use crate::tablet::TabletId;

/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long a leader may take beyond what it was allowed to wait.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of an answer: a leader stops at a mebibyte, unless one batch alone has more.
const ANSWER_BYTES_MAX: usize = 2 * BATCH_BYTES_MAX + 64 * 1024;

/// A connection to a leader.
#[derive(Debug)]
pub struct ReplicaClient {
    stream: TcpStream,
    last_correlation_id: i32,
    /// A leader gets no more memory than for one answer.
    pool: Pool,
}

impl ReplicaClient {
    /// Connects to a broker: a host and a port.
    ///
    /// # Errors
    ///
    /// Those of the connection; `TimedOut` if there is none in time.
    pub async fn connect(address: &str) -> io::Result<ReplicaClient> {
        let connected = timeout(CONNECT_PATIENCE, TcpStream::connect(address)).await;
        let stream = connected.map_err(|_| ErrorKind::TimedOut)??;
        // A question is one write, and nothing comes behind it until there is an answer.
        stream.set_nodelay(true)?;
        Ok(ReplicaClient { stream, last_correlation_id: 0, pool: Pool::new(ANSWER_BYTES_MAX, ANSWER_PATIENCE) })
    }

    /// Asks for a tablet's next batches. If there are none, the leader waits for some, at most `wait`. After an error the
    /// connection is of no more use, and neither is it if this was not awaited to its end.
    ///
    /// # Errors
    ///
    /// Those of the connection; `TimedOut` if there is no answer in time; `InvalidData` if it is none to this question, or
    /// a batch in it is damaged.
    pub async fn fetch(
        &mut self,
        tablet: &TabletId,
        request: &FetchRequest,
        wait: Duration,
    ) -> io::Result<FetchAnswer> {
        self.last_correlation_id = self.last_correlation_id.wrapping_add(1);
        let frame = encode(self.last_correlation_id, tablet, request, wait).map_err(invalid)?;
        let answer = timeout(wait + ANSWER_PATIENCE, async {
            self.stream.write_all(&frame).await?;
            self.read_answer().await
        });
        let message = answer.await.map_err(|_| ErrorKind::TimedOut)??;
        let result = answer_of(&message, tablet, request).map_err(invalid)?;
        let &FetchRequest { number, leader_epoch, .. } = request;
        Ok(FetchAnswer { number, leader_epoch, result })
    }

    async fn read_answer(&mut self) -> io::Result<FetchResponse> {
        // The whole has a deadline already.
        let patience = Patience { idle: Duration::MAX, transfer: Duration::MAX };
        let length = read_length(&mut self.stream, ANSWER_BYTES_MAX, patience).await.map_err(broken)?;
        let length = length.ok_or(ErrorKind::UnexpectedEof)?;
        let mut share = self.pool.share();
        let frame = read_body(&mut self.stream, length, patience, &mut share).await.map_err(broken)?;
        self.decode(frame).map_err(invalid)
    }

    fn decode(&self, mut frame: bytes::Bytes) -> Result<FetchResponse, String> {
        // The header is the question's number, and no tagged fields.
        let header_version = ApiKey::Fetch.response_header_version(VERSION);
        if frame.remaining() < 5 {
            return Err(format!("an answer of {} bytes", frame.remaining()));
        }
        let mut header = frame.split_to(5);
        let header = ResponseHeader::decode(&mut header, header_version).map_err(|error| error.to_string())?;
        if header.correlation_id != self.last_correlation_id {
            return Err(format!("the answer to question {}, not {}", header.correlation_id, self.last_correlation_id));
        }
        walk(&frame, FETCH_ANSWER, VERSION, true).map_err(|error| error.to_string())?;
        FetchResponse::decode(&mut frame, VERSION).map_err(|error| error.to_string())
    }
}

/// The frame of a question.
fn encode(correlation_id: i32, tablet: &TabletId, request: &FetchRequest, wait: Duration) -> Result<BytesMut, String> {
    let mut frame = BytesMut::with_capacity(256);
    frame.put_i32(0);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Fetch as i16)
        .with_request_api_version(VERSION)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("follower")));
    let question = question(tablet, request, wait);
    header
        .encode(&mut frame, ApiKey::Fetch.request_header_version(VERSION))
        .and_then(|()| question.encode(&mut frame, VERSION))
        .map_err(|error| error.to_string())?;
    let length = (frame.len() - 4) as i32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

fn invalid(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn broken(error: FrameError) -> io::Error {
    match error {
        FrameError::Io(error) => error,
        FrameError::BreaksOff { .. } => io::Error::new(ErrorKind::UnexpectedEof, error.to_string()),
        other => invalid(other.to_string()),
    }
}
