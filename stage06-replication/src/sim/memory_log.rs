//! A log in memory, with a disk that forgets.

use fastrand::Rng;
use stage05::{Offset, Result};

use crate::batch::Batch;
use crate::epochs::Epochs;
use crate::ids::LeaderEpoch;
use crate::producers::Producers;
use crate::replica_log::ReplicaLog;

/// A log as a replica sees it, without the bytes: what was synced stays, of what was not a crash keeps some. Stage 5
/// shows that a log on a disk is like that, for every way in which its sectors can be torn.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    start: Offset,
    batches: Vec<Batch>,
    /// One for each offset from `start` on.
    cells: Vec<Cell>,
    /// How many of the cells are durable.
    durable: usize,
}

/// What is at an offset, for whoever compares logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The leader that wrote it.
    pub epoch: LeaderEpoch,
    /// The batch that it belongs to.
    pub value: u64,
    /// Which of the batch's records it is.
    pub slot: u32,
}

impl MemoryLog {
    /// What is at the offset.
    pub fn cell(&self, offset: Offset) -> Option<Cell> {
        self.cells.get(offset.0.checked_sub(self.start.0)? as usize).copied()
    }

    /// What is at each offset from the start on.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Behind the last record that a crash cannot take.
    pub fn durable_end(&self) -> Offset {
        self.start.plus(self.durable as u64)
    }

    /// A sync that covered everything in front of `end` is over. What was cut meanwhile is gone.
    pub fn synced(&mut self, end: Offset) {
        let covered = end.0.saturating_sub(self.start.0) as usize;
        self.durable = self.durable.max(covered.min(self.cells.len()));
    }

    /// The power goes: of the batches that are not durable, some are there all the same, from the front on.
    pub fn lose_power(&mut self, random: &mut Rng) {
        let end = self.durable_end();
        let unsynced = self.batches.iter().filter(|batch| batch.base_offset >= end).count();
        let lost = random.usize(0..=unsynced);
        let left = self.batches.len() - lost;
        let end = self.batches[..left].last().map_or(self.start, Batch::end_offset);
        self.cut(end);
    }

    /// Everything in front of `start` is given up, by whole batches.
    pub fn delete_before(&mut self, start: Offset) -> Offset {
        let gone = self.batches.iter().take_while(|batch| batch.end_offset() <= start).count();
        let new_start = self.batches[..gone].last().map_or(self.start, Batch::end_offset);
        let cells = (new_start.0 - self.start.0) as usize;
        self.batches.drain(..gone);
        self.cells.drain(..cells);
        self.durable = self.durable.saturating_sub(cells);
        self.start = new_start;
        new_start
    }

    /// Throws everything away and begins at `start`.
    pub fn start_again(&mut self, start: Offset) {
        *self = MemoryLog { start, ..MemoryLog::default() };
    }

    fn cut(&mut self, end: Offset) -> Offset {
        while self.batches.last().is_some_and(|batch| batch.end_offset() > end) {
            self.batches.pop();
        }
        let end = self.batches.last().map_or(self.start, Batch::end_offset);
        self.cells.truncate((end.0 - self.start.0) as usize);
        self.durable = self.durable.min(self.cells.len());
        end
    }
}

/// The number that a producer of the simulator has put into a batch.
pub(crate) fn value_of(batch: &Batch) -> u64 {
    let bytes: [u8; 8] = batch.body[..8].try_into().expect("a producer of the simulator writes 8 bytes");
    u64::from_le_bytes(bytes)
}

impl ReplicaLog for MemoryLog {
    fn append(&mut self, batches: &[Batch]) -> Result<()> {
        for batch in batches {
            assert_eq!(batch.base_offset, self.end(), "a batch starts where the log ends");
            let (epoch, value) = (batch.epoch, value_of(batch));
            self.cells.extend((0..batch.count).map(|slot| Cell { epoch, value, slot }));
            self.batches.push(batch.clone());
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<Offset> {
        self.durable = self.cells.len();
        Ok(self.end())
    }

    fn truncate(&mut self, end: Offset) -> Result<Offset> {
        let end = self.cut(end);
        self.durable = self.cells.len();
        Ok(end)
    }

    fn read(&self, from: Offset, bytes_max: usize) -> Result<Vec<Batch>> {
        let first = self.batches.partition_point(|batch| batch.end_offset() <= from);
        let mut bytes = 0;
        let fits = |batch: &&Batch| {
            let is_first = bytes == 0;
            bytes += batch.body.len();
            is_first || bytes <= bytes_max
        };
        Ok(self.batches[first..].iter().take_while(fits).cloned().collect())
    }

    fn start(&self) -> Offset {
        self.start
    }

    fn end(&self) -> Offset {
        self.start.plus(self.cells.len() as u64)
    }

    fn epochs(&self) -> Result<Epochs> {
        let mut epochs = Epochs::default();
        for batch in &self.batches {
            epochs.begin(batch.epoch, batch.base_offset);
        }
        Ok(epochs)
    }

    fn producers(&mut self) -> Result<Producers> {
        let mut producers = Producers::new(self.start);
        self.batches.iter().for_each(|batch| producers.append(batch));
        Ok(producers)
    }
}
