//! Random writes, checkpoints, restarts and crashes, held against a map.

use crate::common::{Content, History, Store, Write, content, open, show};
use lab::random::Random;
use lab::sim::{Lens, Sampling, SimDisk};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Write(Write),
    Checkpoint,
    /// The store is closed and opened.
    Close,
    /// The process is killed: what was written is there.
    Kill,
    /// The power is cut: what was synced is there. The number chooses what else is.
    PowerCut(Lens, u64),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![(0..12u8).prop_map(|key| vec![b'a' + key]), Just(Vec::new()), vec(any::<u8>(), 1..30)]
}

fn write() -> impl Strategy<Value = Write> {
    let value = proptest::option::weighted(0.7, vec(any::<u8>(), 0..40));
    (vec((key(), value), 0..5), any::<bool>()).prop_map(|(changes, sync)| Write { changes, sync })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => write().prop_map(Step::Write),
        3 => Just(Step::Checkpoint),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        2 => (prop::sample::select(&crate::crash::LENSES[..]), any::<u64>()).prop_map(|(lens, seed)| Step::PowerCut(lens, seed)),
    ]
}

/// A disk, the store on it, and what it should hold.
struct Run {
    sim: SimDisk,
    store: Option<Store>,
    history: History,
    /// How many writes no crash may take back.
    durable: u64,
}

impl Run {
    fn new() -> Run {
        let sim = SimDisk::new();
        Run { store: Some(open(&sim)), sim, history: History::new(), durable: 0 }
    }

    fn step(&mut self, step: &Step) {
        let store = self.store.as_ref().expect("an open store");
        match step {
            Step::Write(write) => {
                self.history.write(store, write);
                if write.sync {
                    self.durable = self.history.writes();
                }
            }
            Step::Checkpoint => {
                assert_eq!(store.checkpoint().expect("a checkpoint").0, self.history.writes());
                self.durable = self.history.writes();
            }
            Step::Close => {
                self.store.take().expect("an open store").close().expect("the store closes");
                self.reopen(self.history.writes());
            }
            Step::Kill => {
                let trace = self.sim.trace();
                self.sim = trace.kill_at(trace.events().len(), 0);
                self.reopen(self.history.writes());
            }
            Step::PowerCut(lens, seed) => {
                let (trace, mut random) = (self.sim.trace(), Random::new(*seed));
                let mut replay = trace.replay();
                replay.advance_to(trace.events().len());
                let states = replay.crash(*lens).states(Sampling { states_max: 20, seed: random.number() });
                let mut states: Vec<_> = states.collect();
                let chosen = random.below(states.len() as u64) as usize;
                self.sim = states.swap_remove(chosen).disk;
                self.reopen(self.durable);
            }
        }
        self.check();
    }

    /// Opens the store on the disk as it is now. At least `required` writes are there.
    fn reopen(&mut self, required: u64) {
        self.store = Some(open(&self.sim));
        let found = self.content();
        let writes = self.history.place(&found).unwrap_or_else(|what| panic!("{what}"));
        assert!(writes >= required, "{writes} writes are left, {required} were durable");
        self.history.truncate(writes);
        // Whatever an open store shows is durable.
        self.durable = writes;
    }

    fn check(&self) {
        let (found, expected) = (self.content(), self.history.now());
        assert_eq!(&found, expected, "found {}\nexpected {}", show(&found), show(expected));
        for (key, value) in expected {
            let got = self.store.as_ref().and_then(|store| store.get(key));
            assert_eq!(got.as_deref(), Some(&value[..]), "{}", key.escape_ascii());
        }
    }

    fn content(&self) -> Content {
        content(self.store.as_ref().expect("an open store"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// The store is a map that outlives its process (K1 to K6).
    #[test]
    fn the_store_is_a_map_that_survives(steps in vec(step(), 1..60)) {
        let mut run = Run::new();
        steps.iter().for_each(|step| run.step(step));
    }
}
