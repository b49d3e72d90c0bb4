//! Any sequence of operations, against a list of batches in memory.

use lab::sim::SimDisk;
use proptest::prelude::*;
use stage06::Offset;
use stage06::batch::Batch;
use stage06::replica_log::ReplicaLog;
use stage06::tablet_log::TabletLog;

use super::batches::{all, batches, counted, epochs_of, open};

#[derive(Clone, Debug)]
enum Step {
    Append {
        how_many: u32,
        new_epoch: bool,
    },
    Sync,
    /// At so many thousandths of the log, which may lie in a batch.
    Truncate(u64),
    DeleteBefore(u64),
    Reopen,
    StartAgain(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..6_u32, any::<bool>()).prop_map(|(how_many, new_epoch)| Step::Append { how_many, new_epoch }),
        3 => Just(Step::Sync),
        3 => (0..1100_u64).prop_map(Step::Truncate),
        1 => (0..900_u64).prop_map(Step::DeleteBefore),
        2 => Just(Step::Reopen),
        1 => (0..500_u64).prop_map(Step::StartAgain),
    ]
}

/// The log, and what should be in it.
struct Both {
    sim: SimDisk,
    log: Option<TabletLog>,
    start: Offset,
    batches: Vec<Batch>,
    epoch: u32,
    appends: u64,
}

impl Both {
    fn log(&mut self) -> &mut TabletLog {
        self.log.as_mut().expect("the log is open")
    }

    fn end(&self) -> Offset {
        self.batches.last().map_or(self.start, Batch::end_offset)
    }

    fn at(&self, thousandths: u64) -> Offset {
        Offset(self.start.0 + (self.end().0 - self.start.0) * thousandths / 1000)
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Append { how_many, new_epoch } => {
                self.epoch += u32::from(new_epoch);
                self.appends += 1;
                let new = counted(batches(self.end(), how_many, self.epoch, self.appends));
                self.log().append(&new).unwrap();
                self.batches.extend(new);
            }
            Step::Sync => {
                let end = self.end();
                assert_eq!(self.log().sync().unwrap(), end);
            }
            Step::Truncate(at) => {
                let at = self.at(at);
                // Whoever writes in the place of what was cut is another leader.
                self.epoch += 1;
                self.batches.retain(|batch| batch.end_offset() <= at);
                let end = self.end();
                assert_eq!(self.log().truncate(at).unwrap(), end);
            }
            Step::DeleteBefore(at) => {
                let at = self.at(at);
                let start = self.log().delete_before(at).unwrap();
                assert!(self.start <= start && start <= at, "{start} after deleting in front of {at}");
                self.batches.retain(|batch| batch.base_offset >= start);
                self.start = start;
            }
            Step::Reopen => {
                self.log = None;
                self.log = Some(open(&self.sim.disk()).unwrap());
            }
            Step::StartAgain(ahead) => {
                let start = self.end().plus(ahead);
                self.log().start_again(start).unwrap();
                self.batches.clear();
                self.start = start;
            }
        }
    }

    fn check(&mut self) {
        let (start, end) = (self.start, self.end());
        let log = self.log.as_mut().expect("the log is open");
        assert_eq!((log.start(), log.end()), (start, end));
        assert_eq!(log.producers().unwrap(), log.reader().producers().unwrap());
        assert_eq!(all(log), self.batches);
        assert_eq!(log.epochs().unwrap(), epochs_of(&self.batches));
        for from in (start.0..=end.0 + 1).map(Offset) {
            let first = self.batches.partition_point(|batch| batch.end_offset() <= from);
            for bytes_max in [0, 100] {
                let read = log.read(from, bytes_max).unwrap();
                let rest = &self.batches[first..];
                assert_eq!(read, rest[..read.len()], "from {from}");
                assert_eq!(read.is_empty(), rest.is_empty(), "from {from}");
                let bytes: usize = read.iter().map(|batch| batch.body.len()).sum();
                assert!(read.len() <= 1 || bytes <= bytes_max, "from {from}: {bytes} bytes");
                let next = rest.get(read.len()).map_or(usize::MAX, |batch| batch.body.len());
                assert!(bytes.saturating_add(next) > bytes_max, "from {from}: only {bytes} bytes");
            }
        }
        let times = self.batches.iter().map(|batch| batch.max_timestamp_ms);
        for time in times.clone().chain(times.map(|time| time + 1)).chain([0]) {
            let expected = self.batches.iter().find(|batch| batch.max_timestamp_ms >= time);
            let found = log.reader().offset_for_time(time).unwrap();
            assert_eq!(found, expected.map(|batch| batch.base_offset), "the first batch at {time} or later");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_what_the_model_is(steps in prop::collection::vec(step(), 1..40)) {
        let sim = SimDisk::new();
        let log = Some(open(&sim.disk()).unwrap());
        let mut both = Both { sim, log, start: Offset(0), batches: Vec::new(), epoch: 1, appends: 0 };
        for step in &steps {
            both.apply(step);
            both.check();
        }
    }
}
