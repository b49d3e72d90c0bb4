//! What a consumer's Fetch has read so far.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::PartitionData;
use stage05::{Error, Offset};
use tokio::sync::watch;

use super::tablets::{check_led, find_led};
use crate::batch::Batch;
use crate::broker::{Broker, Tablet, View};
use crate::wire::batch_check::{ZSTD, codec_of};
use crate::wire::record_batch::stamp_batch;

/// The first version whose clients know zstd (KIP-110).
const ZSTD_FROM: i16 = 10;
/// The first version that has the start of the log in its answer.
const LOG_START_FROM: i16 = 5;

/// A partition that is read.
pub(super) struct Reading {
    index: i32,
    client_epoch: i32,
    bytes_max: usize,
    state: State,
}

enum State {
    Open(Box<Open>),
    Failed(ResponseError),
}

/// A partition with nothing wrong about it.
struct Open {
    tablet: Tablet,
    view: watch::Receiver<View>,
    /// As it was at the last look.
    known: View,
    /// Where the next batch starts that is not read yet.
    next: Offset,
    batches: Vec<Batch>,
    bytes: usize,
}

impl Reading {
    /// Begins with a partition of a request.
    pub(super) fn begin(broker: &Broker, topic: &TopicName, asked: &FetchPartition) -> Reading {
        let open = find_led(broker, topic, asked.partition, asked.current_leader_epoch).and_then(|(tablet, known)| {
            let next = u64::try_from(asked.fetch_offset).map_err(|_| ResponseError::OffsetOutOfRange)?;
            let view = tablet.view();
            Ok(Open { tablet, view, known, next: Offset(next), batches: Vec::new(), bytes: 0 })
        });
        Reading {
            index: asked.partition,
            client_epoch: asked.current_leader_epoch,
            bytes_max: usize::try_from(asked.partition_max_bytes).unwrap_or(0),
            state: open.map_or_else(State::Failed, |open| State::Open(Box::new(open))),
        }
    }

    /// Looks how the tablet is now.
    pub(super) fn look(&mut self) {
        let State::Open(open) = &mut self.state else { return };
        open.known = open.view.borrow_and_update().clone();
        // Behind the high watermark there may be records that this consumer has seen from a leader who knew better, and
        // this one will know of them soon. Behind the end there is nothing that anybody could have seen.
        let is_there = open.known.start <= open.next && open.next <= open.known.end;
        // What was read before is good whatever has happened since.
        let is_done = !open.batches.is_empty();
        if let Err(error) = check_led(&open.known, self.client_epoch)
            && !is_done
        {
            self.state = State::Failed(error);
        } else if !is_there && !is_done {
            self.state = State::Failed(ResponseError::OffsetOutOfRange);
        }
    }

    /// Whether there is something to be read, or to be said.
    pub(super) fn is_ready(&self) -> bool {
        match &self.state {
            State::Open(open) => open.next < open.known.high_watermark,
            State::Failed(_) => true,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// Reads what is there, `bytes_left` at most, and returns how many bytes that is. If nothing was read of any partition
    /// (`is_first`), it is a batch at least: a consumer whose limit is smaller than the next batch has to get on.
    pub(super) fn read(&mut self, version: i16, bytes_left: usize, is_first: bool) -> usize {
        let State::Open(open) = &mut self.state else { return 0 };
        let room = bytes_left.min(self.bytes_max.saturating_sub(open.bytes));
        if !(open.next < open.known.high_watermark && (room > 0 || is_first)) {
            return 0;
        }
        match open.read(room, is_first, version) {
            Ok(bytes) => bytes,
            Err(error) => {
                if open.batches.is_empty() {
                    self.state = State::Failed(error);
                }
                0
            }
        }
    }

    /// Waits until the tablet is another one than at the last look.
    pub(super) async fn changed(&mut self) {
        match &mut self.state {
            State::Open(open) => {
                // A tablet that is closed changes no more, and the next look says so.
                if open.view.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            State::Failed(_) => std::future::pending().await,
        }
    }

    /// The answer.
    pub(super) fn answer(self, version: i16, is_committed_wanted: bool) -> PartitionData {
        let data = PartitionData::default().with_partition_index(self.index).with_records(Some(Bytes::new()));
        let open = match self.state {
            State::Open(open) => open,
            State::Failed(error) => return data.with_error_code(error.code()).with_high_watermark(-1),
        };
        let mut records = BytesMut::with_capacity(open.bytes);
        open.batches.iter().for_each(|batch| stamp_batch(batch, &mut records));
        let high_watermark = open.known.high_watermark.0 as i64;
        let data = data
            .with_high_watermark(high_watermark)
            // There are no transactions, so none is open, and none was aborted.
            .with_last_stable_offset(high_watermark)
            .with_aborted_transactions(is_committed_wanted.then(Vec::new))
            .with_records(Some(records.freeze()));
        let start = open.known.start.0 as i64;
        if version >= LOG_START_FROM { data.with_log_start_offset(start) } else { data }
    }
}

impl Open {
    fn read(&mut self, room: usize, is_first: bool, version: i16) -> Result<usize, ResponseError> {
        let read = self.tablet.reader().read(self.next, room.max(1)).map_err(|error| match error {
            Error::Deleted { .. } => ResponseError::OffsetOutOfRange,
            error => {
                tracing::error!(tablet = %self.known.tablet, from = %self.next, "cannot be read: {error}");
                ResponseError::KafkaStorageError
            }
        })?;
        let mut bytes = 0;
        for batch in read {
            let more = batch.body.len();
            let fits = bytes + more <= room || (is_first && bytes == 0);
            if batch.end_offset() > self.known.high_watermark || !fits {
                break;
            }
            if version < ZSTD_FROM && codec_of(&batch.body) == ZSTD {
                return Err(ResponseError::UnsupportedCompressionType);
            }
            bytes += more;
            self.next = batch.end_offset();
            self.batches.push(batch);
        }
        self.bytes += bytes;
        Ok(bytes)
    }
}
