//! Which batches a log has of which producers: what tells a batch that is sent again from a new one.
//!
//! All of it is read from the log: the batches carry their producer's number, and its count. So each replica that has the
//! log knows it, and whoever leads next does. A leader that kept it in memory alone would forget it in the moment in which
//! it is needed: producers send again because a leader is gone (KIP-98).
//!
//! - **S1** The state is that of the log as it is: after each append, each cut, and each start.
//! - **S2** Of each producer, the last five batches of its last epoch that are in the log.
//! - **S3** Of at most [`PRODUCERS_MAX`] producers: those that have written last.

mod lines;

use std::collections::{BTreeMap, VecDeque};

use stage05::Offset;

use crate::batch::{Batch, Sequence};

/// How many batches are remembered of a producer. One that sends no more than so many before it waits for an answer sends
/// none again that was forgotten (Kafka's number, and the most that its clients have on the way).
pub const BATCHES_MAX: usize = 5;

/// How many producers are remembered, about 1 MB of them. Kafka has no such limit, and forgets a producer after a day.
pub const PRODUCERS_MAX: usize = 5_000;

/// Sequence numbers are those that fit 31 bits: behind the last comes 0.
const SEQUENCES: u64 = 1 << 31;

/// The producers of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producers {
    known: BTreeMap<u64, Producer>,
    /// Who has written the batch at this offset, for the last batch of each.
    last: BTreeMap<Offset, u64>,
    /// Somebody may be unknown who has written before: the log has lost its beginning, or there were too many.
    has_forgotten: bool,
}

/// A producer, in its last epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Producer {
    epoch: u16,
    /// Its last batches, the oldest first; never empty.
    batches: VecDeque<Remembered>,
}

/// A batch that is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    first: u32,
    base: Offset,
    end: Offset,
}

/// What a batch is that a producer has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The next one.
    New,
    /// One that the log has: from `base` on, and in front of `end`.
    Duplicate {
        /// The offset of its first record.
        base: Offset,
        /// The offset behind its last.
        end: Offset,
    },
    /// One that does not go on where the producer's last batch ends. Either one in between is missing, or it is older than
    /// all that are remembered. That one may be in the log, and it may have been passed over while the producer was unknown;
    /// so it must not be taken for a duplicate, which a producer takes for a success.
    OutOfSequence,
    /// One of an epoch of the producer that is over.
    Fenced,
}

impl Producers {
    /// Those of a log that begins at `start` and has no batch yet.
    pub fn new(start: Offset) -> Producers {
        Producers { known: BTreeMap::new(), last: BTreeMap::new(), has_forgotten: start > Offset(0) }
    }

    /// What a batch is with this sequence and so many records.
    ///
    /// A producer begins at 0, and so does each of its epochs. One that is unknown may also have been forgotten, if anybody
    /// may: then it goes on wherever it says (KIP-360).
    pub fn check(&self, sequence: &Sequence, count: u32) -> Check {
        let Some(producer) = self.known.get(&sequence.producer) else {
            return if sequence.first == 0 || self.has_forgotten { Check::New } else { Check::OutOfSequence };
        };
        if sequence.epoch < producer.epoch {
            return Check::Fenced;
        }
        if sequence.epoch > producer.epoch {
            return if sequence.first == 0 { Check::New } else { Check::OutOfSequence };
        }
        let is_same = |batch: &&Remembered| batch.first == sequence.first && batch.count() == u64::from(count);
        match producer.batches.iter().find(is_same) {
            Some(&Remembered { base, end, .. }) => Check::Duplicate { base, end },
            None if producer.batches.back().is_some_and(|last| last.next() == sequence.first) => Check::New,
            None => Check::OutOfSequence,
        }
    }

    /// A batch was appended. Nothing is checked: its leader has done so.
    pub fn append(&mut self, batch: &Batch) {
        let Some(Sequence { producer: number, epoch, first }) = batch.sequence else { return };
        let producer = self.known.entry(number).or_insert(Producer { epoch, batches: VecDeque::new() });
        if let Some(last) = producer.batches.back() {
            self.last.remove(&last.base);
        }
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_MAX {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Remembered { first, base: batch.base_offset, end: batch.end_offset() });
        self.last.insert(batch.base_offset, number);
        if self.known.len() > PRODUCERS_MAX
            && let Some((_, silent)) = self.last.pop_first()
        {
            self.known.remove(&silent);
            self.has_forgotten = true;
        }
    }

    /// The log begins at `start` now: who has no batch in it is forgotten.
    pub fn delete_before(&mut self, start: Offset) {
        self.has_forgotten |= start > Offset(0);
        self.last.retain(|base, _| *base >= start);
        self.known.retain(|_, producer| {
            producer.batches.retain(|batch| batch.base >= start);
            !producer.batches.is_empty()
        });
    }

    /// How many producers are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

impl Remembered {
    fn count(&self) -> u64 {
        self.end.0 - self.base.0
    }

    /// The sequence of the next batch.
    fn next(&self) -> u32 {
        ((u64::from(self.first) + self.count()) % SEQUENCES) as u32
    }
}
