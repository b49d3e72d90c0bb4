//! A producer: it sends a batch until it is acknowledged, and a batch that is sent twice is there once.

use std::io;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::connection::{Connection, topic_name};
use crate::broker::unix_time_ms;
use crate::tablet::TabletId;

/// The version of Produce that it speaks.
pub const PRODUCE_VERSION: i16 = 7;
/// How long it waits before it tries again.
const BACKOFF: Duration = Duration::from_millis(20);
/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How long it tries (`delivery.timeout.ms`).
const PATIENCE: Duration = Duration::from_secs(120);

/// A producer of one tablet.
#[derive(Debug)]
pub struct Producer {
    brokers: Vec<String>,
    tablet: TabletId,
    acks: i16,
    connection: Option<Connection>,
    /// Its number, and that of its next record.
    identity: Option<(i64, i16)>,
    sequence: i32,
}

impl Producer {
    /// A producer that finds the cluster by any of these addresses. `acks` as Kafka has it: 1, or -1 for all.
    pub fn new(brokers: Vec<String>, tablet: TabletId, acks: i16) -> Producer {
        Producer { brokers, tablet, acks, connection: None, identity: None, sequence: 0 }
    }

    /// Sends records as one batch, again and again, until they are acknowledged: the offset of the first.
    ///
    /// # Errors
    ///
    /// If the broker says that trying again is of no use, or nothing has helped for two minutes: the last error.
    pub async fn send(&mut self, values: &[Bytes]) -> io::Result<i64> {
        let begin = Instant::now();
        loop {
            let failed = match tokio::time::timeout(ANSWER_WAIT, self.try_send(values)).await {
                Ok(Ok(offset)) => {
                    self.sequence = self.sequence.wrapping_add(values.len() as i32) & i32::MAX;
                    return Ok(offset);
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Unsupported => return Err(error),
                Ok(Err(error)) => error,
                Err(_) => io::ErrorKind::TimedOut.into(),
            };
            // Nobody leads, or nobody answers: somebody else will.
            self.connection = None;
            if begin.elapsed() > PATIENCE {
                return Err(failed);
            }
            tokio::time::sleep(BACKOFF).await;
        }
    }

    async fn try_send(&mut self, values: &[Bytes]) -> io::Result<i64> {
        if self.connection.is_none() {
            self.connection = Some(self.find_leader().await?);
        }
        let (Some(connection), Some((producer, epoch))) = (&mut self.connection, self.identity) else {
            return Err(io::Error::other("no connection"));
        };
        let batch = encode_batch(values, producer, epoch, self.sequence)?;
        let request = produce_request(&self.tablet, self.acks, batch);
        let response = connection.call(PRODUCE_VERSION, &request).await?;
        let partition = response.responses.first().and_then(|topic| topic.partition_responses.first());
        let partition = partition.ok_or_else(|| io::Error::other("an answer about no partition"))?;
        match ResponseError::try_from_code(partition.error_code) {
            None => Ok(partition.base_offset),
            Some(error) if error.is_retriable() => Err(io::Error::other(error.to_string())),
            Some(error) => Err(io::Error::new(io::ErrorKind::Unsupported, error.to_string())),
        }
    }

    /// Asks one broker after the other who leads, and connects to that one.
    async fn find_leader(&mut self) -> io::Result<Connection> {
        // Whoever was asked last may be the one who is gone.
        self.brokers.rotate_left(1);
        let mut connection = Connection::open(&self.brokers[0]).await?;
        let metadata = connection.metadata(&self.tablet.topic).await?;
        let leader = metadata.leader(&self.tablet).map(|known| known.leader);
        let address = leader.and_then(|leader| metadata.addresses().get(&leader).cloned());
        let address = address.ok_or_else(|| io::Error::other("nobody leads"))?;
        let mut connection = Connection::open(&address).await?;
        if self.identity.is_none() {
            let request =
                InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000);
            let response = connection.call(1, &request).await?;
            if response.error_code != 0 {
                return Err(io::Error::other(format!("no number for a producer: error {}", response.error_code)));
            }
            self.identity = Some((response.producer_id.0, response.producer_epoch));
        }
        Ok(connection)
    }
}

/// A request to append one batch to one tablet.
pub fn produce_request(tablet: &TabletId, acks: i16, batch: Bytes) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_index(tablet.partition as i32).with_records(Some(batch));
    let topic = TopicProduceData::default().with_name(topic_name(&tablet.topic)).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(5_000).with_topic_data(vec![topic])
}

/// Records as a producer sends them: one batch, not packed. A producer of -1 does not count its batches.
pub fn encode_batch(values: &[Bytes], producer: i64, epoch: i16, sequence: i32) -> io::Result<Bytes> {
    let timestamp = unix_time_ms() as i64;
    let record = |(at, value): (usize, &Bytes)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: producer,
        producer_epoch: epoch,
        timestamp_type: TimestampType::Creation,
        offset: at as i64,
        // The encoder takes what does not count on for another batch, also of a producer that does not count.
        sequence: sequence.wrapping_add(at as i32),
        timestamp,
        key: None,
        value: Some(value.clone()),
        headers: IndexMap::new(),
    };
    let records: Vec<Record> = values.iter().enumerate().map(record).collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut batch, &records, &options).map_err(io::Error::other)?;
    Ok(batch.freeze())
}
