//! A consumer: it reads a tablet from an offset on, as far as consumers may.

use std::io;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest};
use kafka_protocol::records::RecordBatchDecoder;

use super::connection::{Connection, topic_name};
use crate::tablet::TabletId;

/// The version of Fetch that it speaks.
const FETCH_VERSION: i16 = 11;

/// Everything that consumers may see of a tablet, from `from` on: offsets and values.
///
/// # Errors
///
/// Those of the connection; the broker's, by its code; if a batch is not as its producer made it.
pub async fn read_all(connection: &mut Connection, tablet: &TabletId, from: i64) -> io::Result<Vec<(i64, Bytes)>> {
    let mut records = Vec::new();
    let mut next = from;
    loop {
        let partition = FetchPartition::default()
            .with_partition(tablet.partition as i32)
            .with_current_leader_epoch(-1)
            .with_fetch_offset(next)
            .with_partition_max_bytes(8 << 20);
        let topic = FetchTopic::default().with_topic(topic_name(&tablet.topic)).with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(0)
            .with_min_bytes(1)
            .with_max_bytes(8 << 20)
            .with_topics(vec![topic]);
        let response = connection.call(FETCH_VERSION, &request).await?;
        let partition = response.responses.first().and_then(|topic| topic.partitions.first());
        let partition = partition.ok_or_else(|| io::Error::other("an answer about no partition"))?;
        if partition.error_code != 0 {
            return Err(io::Error::other(format!("fetch from {next}: error {}", partition.error_code)));
        }
        let mut bytes = partition.records.clone().unwrap_or_default();
        let sets = RecordBatchDecoder::decode_all(&mut bytes).map_err(io::Error::other)?;
        let before = records.len();
        for record in sets.into_iter().flat_map(|set| set.records) {
            // A batch comes whole, also if it begins in front of what was asked for.
            if record.offset >= next {
                records.push((record.offset, record.value.unwrap_or_default()));
            }
        }
        match records.last() {
            Some(&(offset, _)) if records.len() > before => next = offset + 1,
            _ => return Ok(records),
        }
    }
}
