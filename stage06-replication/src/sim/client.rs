//! Producers of the simulator.

use std::collections::VecDeque;

use crate::batch::Sequence;
use crate::replica::Millis;

/// How long a producer waits for an answer before it goes on.
pub(crate) const PATIENCE_MS: Millis = 1_000;

/// A producer: one batch at a time, each with a value of its own, and none a second time.
#[derive(Debug, Default)]
pub(crate) struct Producer {
    /// The value that has no answer yet, and since when.
    pub(crate) waits: Option<(u64, Millis)>,
    /// How many of its batches were acknowledged, as far as it has heard.
    pub(crate) acknowledged: u64,
}

impl Producer {
    /// Whether it may send its next batch.
    pub(crate) fn is_free(&self, now: Millis) -> bool {
        self.waits.is_none_or(|(_, since)| now >= since + PATIENCE_MS)
    }
}

/// How many batches a producer that counts has on the way (`max.in.flight.requests.per.connection`).
const IN_FLIGHT_MAX: usize = 5;

/// How long it waits for an answer before it sends a batch again.
const RETRY_MS: Millis = 300;

/// A producer that counts its batches: it sends each until it is acknowledged (KIP-98).
#[derive(Debug, Default)]
pub(crate) struct CountingProducer {
    epoch: u16,
    next: u32,
    in_flight: VecDeque<InFlight>,
}

/// A batch that has no acknowledgement yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight {
    pub(crate) value: u64,
    pub(crate) sequence: Sequence,
    pub(crate) count: u32,
    /// When it was sent last; `None` if the answer was that it has to be sent again.
    sent: Option<Millis>,
}

impl CountingProducer {
    /// Another life of the producer, which does not know what became of the last batches of the one before.
    pub(crate) fn begin_again(&mut self) {
        *self = CountingProducer { epoch: self.epoch + 1, ..CountingProducer::default() };
    }

    /// The batches that have to be sent again now, in order.
    pub(crate) fn due(&mut self, now: Millis) -> Vec<InFlight> {
        let is_due = |batch: &&mut InFlight| batch.sent.is_none_or(|sent| now >= sent + RETRY_MS);
        let again = |batch: &mut InFlight| {
            batch.sent = Some(now);
            *batch
        };
        self.in_flight.iter_mut().filter(is_due).map(again).collect()
    }

    /// Whether it may send another batch.
    pub(crate) fn is_free(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX
    }

    /// A new batch of producer `number`, which is sent now.
    pub(crate) fn send(&mut self, now: Millis, number: usize, value: u64, count: u32) -> InFlight {
        let sequence = Sequence { producer: number as u64, epoch: self.epoch, first: self.next };
        self.next += count;
        let batch = InFlight { value, sequence, count, sent: Some(now) };
        self.in_flight.push_back(batch);
        batch
    }

    /// An answer. Whether it was the acknowledgement that this batch was waiting for.
    pub(crate) fn take(&mut self, value: u64, is_acknowledged: bool) -> bool {
        let Some(at) = self.in_flight.iter().position(|batch| batch.value == value) else { return false };
        if is_acknowledged {
            self.in_flight.remove(at);
        } else {
            self.in_flight[at].sent = None;
        }
        is_acknowledged
    }
}
