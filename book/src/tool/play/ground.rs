//! What the shell's log stands on: a simulated disk, or a directory of this machine.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use lab::random::Random;
use lab::sim::{Lens, Sampling, SimDisk};
use stage01::{Access, Disk, OsDisk};

use super::command::Crash;
use super::mortal::MortalDisk;

/// A disk that the shell can crash.
pub trait Ground {
    /// The disk, for the log that is opened next.
    fn disk(&self) -> Arc<dyn Disk>;

    /// Crashes, and tells what became of that which was not synced. The log that was open can do no more harm.
    fn crash(&mut self, crash: Crash) -> Result<Vec<String>>;

    /// How many bytes of a file a power cut leaves for sure, if that is known.
    fn durable_bytes(&self, name: &str) -> Option<u64>;

    /// Turns a bit around that is there.
    fn flip(&mut self, name: &str, bit: u64) -> Result<()>;

    /// A remark for the trace: so many records are durable.
    fn acknowledge(&self, records: u64);

    /// What was done to the disk, in order.
    fn trace(&self) -> Vec<String>;
}

/// The laboratory's disk.
#[derive(Debug, Default)]
pub struct SimGround {
    sim: SimDisk,
    /// The traces of the lives before this one.
    past: Vec<String>,
}

/// Among how many of the possible states a seed picks.
const STATES_MAX: u64 = 1000;

impl SimGround {
    /// Cuts the power now. Without a seed, nothing survives that was not synced.
    fn cut_power(&mut self, lens: Lens, seed: Option<u64>) -> Vec<String> {
        let trace = self.sim.trace();
        let mut replay = trace.replay();
        replay.advance_to(trace.events().len());
        let sampling = Sampling { states_max: STATES_MAX, seed: seed.unwrap_or_default() };
        let states: Vec<_> = replay.crash(lens).states(sampling).collect();
        // The first state is the one in which nothing survived.
        let picked = seed.map_or(0, |seed| Random::new(seed).below(states.len() as u64));
        let state = &states[picked as usize];
        let fates = replay.crash(lens).fates(&state.choice);
        let unsynced = fates.iter().map(|(event, fate)| format!("{}: {fate}", trace.events()[*event])).collect();
        self.past.extend(trace.events().iter().enumerate().map(|(number, event)| {
            match fates.iter().find(|(fated, _)| *fated == number) {
                Some((_, fate)) => format!("{event}: {fate}"),
                None => event.to_string(),
            }
        }));
        self.past.push("-- power cut --".to_string());
        self.sim = state.disk.clone();
        unsynced
    }

    fn kill(&mut self) -> Vec<String> {
        let trace = self.sim.trace();
        self.past.extend(trace.events().iter().map(ToString::to_string));
        self.past.push("-- kill --".to_string());
        self.sim = trace.kill_at(trace.events().len(), 0);
        Vec::new()
    }
}

impl Ground for SimGround {
    fn disk(&self) -> Arc<dyn Disk> {
        self.sim.disk()
    }

    fn crash(&mut self, crash: Crash) -> Result<Vec<String>> {
        Ok(match crash {
            Crash::Kill => self.kill(),
            Crash::Power { seed } => self.cut_power(Lens::PowerCut, seed),
            Crash::Torn { seed } => self.cut_power(Lens::TornWrite, Some(seed)),
        })
    }

    fn durable_bytes(&self, name: &str) -> Option<u64> {
        Some(self.sim.durable(name).map_or(0, |bytes| bytes.len() as u64))
    }

    fn flip(&mut self, name: &str, bit: u64) -> Result<()> {
        self.sim.flip_bit(name, bit);
        Ok(())
    }

    fn acknowledge(&self, records: u64) {
        self.sim.acknowledge(records);
    }

    fn trace(&self) -> Vec<String> {
        let now = self.sim.trace();
        self.past.iter().cloned().chain(now.events().iter().map(ToString::to_string)).collect()
    }
}

/// A directory of this machine.
#[derive(Debug)]
pub struct OsGround {
    directory: Arc<OsDisk>,
    disk: MortalDisk,
}

impl OsGround {
    /// Stands on `directory`.
    pub fn new(directory: OsDisk) -> OsGround {
        let directory = Arc::new(directory);
        OsGround { disk: MortalDisk::new(directory.clone()), directory }
    }
}

impl Ground for OsGround {
    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    fn crash(&mut self, crash: Crash) -> Result<Vec<String>> {
        if crash != Crash::Kill {
            bail!("this is a real disk, and its power is not ours to cut: leave --dir away to play on a simulated one");
        }
        self.disk = self.disk.die();
        Ok(Vec::new())
    }

    fn durable_bytes(&self, _: &str) -> Option<u64> {
        None
    }

    fn flip(&mut self, name: &str, bit: u64) -> Result<()> {
        let file = self.directory.open(name, Access::Write)?;
        let mut byte = [0];
        ensure!(file.read_at(&mut byte, bit / 8)? == 1, "{name} ends in front of byte {}", bit / 8);
        byte[0] ^= 1 << (bit % 8);
        file.write_at(&byte, bit / 8)?;
        self.disk.note(format!("flip bit {} of byte {} of {name}", bit % 8, bit / 8));
        Ok(())
    }

    fn acknowledge(&self, records: u64) {
        self.disk.note(format!("acknowledged: {records} records"));
    }

    fn trace(&self) -> Vec<String> {
        self.disk.trace()
    }
}
