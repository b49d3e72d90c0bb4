//! A life of a tablet's log in which everything happens to it, and what is promised at each moment.

use lab::sim::SimDisk;
use stage06::batch::Batch;
use stage06::replica_log::ReplicaLog;
use stage06::tablet_log::TabletLog;
use stage06::{Offset, SegmentOptions};

use super::batches::{all, batches, counted, epochs_of, open_with};

/// What the log may be after a crash, at some moment of its life.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// The batches there may be: a run of them, in a row.
    pub(super) written: Vec<Batch>,
    /// The log reaches at least to here …
    pub(super) durable: Offset,
    /// … and starts here, or in front.
    pub(super) start_max: Offset,
    /// Or it is empty and begins at one of these, while it starts again.
    pub(super) or_nothing_at: Vec<Offset>,
}

impl Expected {
    /// Whether the log is one of those that there may be.
    pub(super) fn check(&self, log: &mut TabletLog) -> Result<(), String> {
        self.check_batches(log)?;
        let (known, read) = (log.producers().unwrap(), log.reader().producers().unwrap());
        match known == read {
            true => Ok(()),
            false => Err(format!("other producers than those of the batches:\n{known:?}\n{read:?}")),
        }
    }

    fn check_batches(&self, log: &TabletLog) -> Result<(), String> {
        let (start, end) = (log.start(), log.end());
        if start == end && self.or_nothing_at.contains(&start) {
            return Ok(());
        }
        if end < self.durable || start > self.start_max {
            return Err(format!("{start}..{end}, expected {}.. up to {} or further", self.start_max, self.durable));
        }
        let written = self.written.iter().filter(|batch| batch.base_offset >= start && batch.end_offset() <= end);
        let written: Vec<Batch> = written.cloned().collect();
        let reaches_to = written.last().map_or(start, Batch::end_offset);
        if reaches_to != end {
            return Err(format!("{start}..{end}, but the batches of this log end at {reaches_to}"));
        }
        let found = all(log);
        if found != written {
            return Err(format!("other batches than were written:\n{found:?}\n{written:?}"));
        }
        match log.epochs().unwrap() == epochs_of(&written) {
            true => Ok(()),
            false => Err(format!("other epochs: {:?}", log.epochs())),
        }
    }
}

/// A life, and what was promised at each moment of it.
pub(super) struct Life {
    pub(super) sim: SimDisk,
    pub(super) log: TabletLog,
    now: Expected,
    pub(super) moments: Vec<Expected>,
    epoch: u32,
    options: SegmentOptions,
}

impl Life {
    fn new(options: SegmentOptions) -> Life {
        let sim = SimDisk::new();
        let mut life = Life {
            log: open_with(&SimDisk::new().disk(), options).unwrap(),
            sim,
            now: Expected::default(),
            moments: Vec::new(),
            epoch: 1,
            options,
        };
        life.promise();
        life.log = open_with(&life.sim.disk(), options).unwrap();
        life.ask();
        life
    }

    /// Whoever runs a replica asks after each opening and each cut. From then on, the log writes snapshots.
    fn ask(&mut self) {
        assert_eq!(self.log.producers().unwrap(), self.log.reader().producers().unwrap());
    }

    /// From here on, this is what may be found.
    fn promise(&mut self) {
        self.sim.note(format!("promise {}", self.moments.len()));
        self.moments.push(self.now.clone());
    }

    fn append(&mut self, how_many: u32) {
        let new = counted(batches(self.log.end(), how_many, self.epoch, self.moments.len() as u64));
        self.now.written.extend(new.iter().cloned());
        self.promise();
        self.log.append(&new).unwrap();
    }

    fn append_synced(&mut self, how_many: u32) {
        self.append(how_many);
        self.now.durable = self.log.sync().unwrap();
        self.promise();
    }

    fn truncate(&mut self, end: Offset) {
        let start = self.log.start();
        let left: Vec<Batch> = self.now.written.iter().filter(|batch| batch.end_offset() <= end).cloned().collect();
        self.now.durable = left.last().map_or(start, Batch::end_offset);
        self.promise();
        assert_eq!(self.log.truncate(end).unwrap(), self.now.durable);
        self.now.written = left;
        self.epoch += 1;
        self.promise();
        self.ask();
    }

    fn delete_before(&mut self, limit: Offset) {
        self.now.start_max = limit;
        self.promise();
        let start = self.log.delete_before(limit).unwrap();
        self.now.written.retain(|batch| batch.base_offset >= start);
        self.now.start_max = start;
        self.promise();
    }

    fn start_again(&mut self, start: Offset) {
        (self.now.durable, self.now.or_nothing_at) = (Offset(0), vec![Offset(0), start]);
        self.promise();
        self.log.start_again(start).unwrap();
        self.now = Expected { durable: start, start_max: start, ..Expected::default() };
        self.promise();
    }

    fn reopen(mut self) -> Life {
        self.log = open_with(&SimDisk::new().disk(), self.options).unwrap();
        self.log = open_with(&self.sim.disk(), self.options).unwrap();
        self.now.durable = self.log.end();
        self.promise();
        self.ask();
        self
    }
}

pub(super) fn a_whole_life(options: SegmentOptions) -> Life {
    let mut life = Life::new(options);
    life.append_synced(3);
    life.append(2);
    life.append_synced(5);
    life.append(1);
    // In the newest segment, and in the middle of a batch.
    life.truncate(Offset(life.log.end().0 - 2));
    life.append_synced(4);
    // Across segments.
    life.truncate(Offset(7));
    life.append_synced(2);
    let mut life = life.reopen();
    life.append_synced(6);
    life.delete_before(Offset(10));
    life.append(1);
    life.truncate(Offset(life.log.end().0 - 1));
    life.append_synced(7);
    let start = life.log.start();
    life.truncate(start);
    life.append_synced(5);
    life.start_again(Offset(100));
    life.append_synced(5);
    life.truncate(Offset(101));
    life.reopen()
}
