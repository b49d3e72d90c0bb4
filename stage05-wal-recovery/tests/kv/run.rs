//! A store and the map that it has to be, through writes, checkpoints, restarts and crashes.
#![allow(dead_code, reason = "some of it is for the days of `tests/whole`")]

use crate::common::{Content, History, Store, Write, content, open, show};
use lab::random::Random;
use lab::sim::{Lens, Replay, Sampling, SimDisk, Trace};

#[derive(Clone, Debug)]
pub enum Step {
    Write(Write),
    Checkpoint,
    /// The store is closed and opened.
    Close,
    /// The process is killed so many operations of the disk ago: what was written by then is there.
    Kill(u64),
    /// The power is cut so many operations ago, the last number: what was synced by then is there. The number in front of
    /// it chooses what else is.
    PowerCut(Lens, u64, u64),
}

/// A disk, the store on it, and what it should hold.
pub struct Run {
    sim: SimDisk,
    store: Option<Store>,
    history: History,
    /// How many writes were durable when the store was opened.
    opened_with: u64,
}

impl Run {
    pub fn new() -> Run {
        let sim = SimDisk::new();
        Run { store: Some(open(&sim)), sim, history: History::new(), opened_with: 0 }
    }

    /// The disk that the store is on now.
    pub fn sim(&self) -> &SimDisk {
        &self.sim
    }

    /// How many writes the store has, of those that no crash took.
    pub fn writes(&self) -> u64 {
        self.history.writes()
    }

    /// Does the step to the store and to the map, and compares them.
    pub fn step(&mut self, step: &Step) {
        let store = self.store.as_ref().expect("an open store");
        match step {
            Step::Write(write) => {
                self.history.write(store, write);
                self.sim.served(self.history.writes());
                if write.sync {
                    self.sim.acknowledge(self.history.writes());
                }
            }
            Step::Checkpoint => {
                assert_eq!(store.checkpoint().expect("a checkpoint").0, self.history.writes());
                self.sim.acknowledge(self.history.writes());
            }
            Step::Close => {
                self.store.take().expect("an open store").close().expect("the store closes");
                self.reopen(self.history.writes());
            }
            Step::Kill(back) => {
                let trace = self.sim.trace();
                let replay = crash_point(&trace, *back);
                let required = replay.served().max(replay.acknowledged());
                self.sim = replay.killed(0);
                self.reopen(required);
            }
            Step::PowerCut(lens, seed, back) => {
                let (trace, mut random) = (self.sim.trace(), Random::new(*seed));
                let replay = crash_point(&trace, *back);
                let states = replay.crash(*lens).states(Sampling { states_max: 20, seed: random.number() });
                let mut states: Vec<_> = states.collect();
                let chosen = random.below(states.len() as u64) as usize;
                self.sim = states.swap_remove(chosen).disk;
                self.reopen(replay.acknowledged());
            }
        }
        self.check();
    }

    /// Opens the store on the disk as it is now. At least `required` writes are there, and those that it was opened with
    /// the last time.
    fn reopen(&mut self, required: u64) {
        let required = required.max(self.opened_with);
        self.store = Some(open(&self.sim));
        let found = self.content();
        let writes = self.history.place(&found).unwrap_or_else(|what| panic!("{what}"));
        assert!(writes >= required, "{writes} writes are left, {required} were durable");
        self.history.truncate(writes);
        // Whatever an open store shows is durable.
        self.opened_with = writes;
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

/// The moment `back` events before the end.
fn crash_point(trace: &Trace, back: u64) -> Replay<'_> {
    let mut replay = trace.replay();
    replay.advance_to(trace.events().len().saturating_sub(back as usize));
    replay
}
