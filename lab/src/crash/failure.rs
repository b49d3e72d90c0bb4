//! The story of a failed crash, told so that one can see the mistake without running it again.

use std::fmt;

use super::hex::hex_dump;
use super::invariant::{Broken, Invariant};
use crate::random::{SEED_VARIABLE, seed_of_this_run};
use crate::sim::{CrashState, Lens, SimDisk, Trace};

/// How many events in front of the crash are told.
const EVENTS_MAX: usize = 40;

/// How many bytes at the end of each file are shown.
const TAIL_BYTES: u64 = 160;

/// An invariant that did not hold after a crash.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which one.
    pub invariant: Invariant,
    /// How it showed.
    pub what: String,
    /// The seed of the samples.
    pub seed: u64,
    /// The crash, and the one during the recovery from it, if there was one.
    pub crashes: Vec<Story>,
    /// The files as the last crash left them: name, length, and a hex dump of the end.
    pub files: Vec<FileTail>,
}

/// One crash.
#[derive(Clone, Debug)]
pub struct Story {
    /// What kind of crash, and at which point.
    pub title: String,
    /// The events up to there, each with what became of it if it was not synced.
    pub events: Vec<String>,
}

/// The end of a file.
#[derive(Clone, Debug)]
pub struct FileTail {
    /// The file's name.
    pub name: String,
    /// The file's length.
    pub bytes: u64,
    /// Its last bytes, line by line.
    pub hex: String,
}

/// A crash that can be made again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Crash<'a> {
    Kill { point: usize, partial_bytes: usize },
    Power(&'a CrashState),
}

impl Crash<'_> {
    /// The disk that this crash leaves.
    pub(super) fn disk(self, trace: &Trace) -> SimDisk {
        match self {
            Crash::Kill { point, partial_bytes } => trace.kill_at(point, partial_bytes),
            Crash::Power(state) => trace.crash_state(state.lens, state.point, &state.choice).disk,
        }
    }

    fn point(self) -> usize {
        match self {
            Crash::Kill { point, .. } => point,
            Crash::Power(state) => state.point,
        }
    }

    pub(super) fn story(self, trace: &Trace) -> Story {
        let title = match self {
            Crash::Kill { point, partial_bytes: 0 } => format!("killed at point {point}"),
            Crash::Kill { point, partial_bytes } => {
                format!("killed at point {point}, {partial_bytes} bytes into the next write")
            }
            Crash::Power(CrashState { lens, point, choice, .. }) => {
                let lens = match lens {
                    Lens::PowerCut => "power cut, in order",
                    Lens::TornWrite => "power cut, sectors in any order",
                };
                format!("{lens}, at point {point}, choice {choice:?}")
            }
        };
        Story { title, events: self.events(trace) }
    }

    fn events(self, trace: &Trace) -> Vec<String> {
        let fates = match self {
            Crash::Kill { .. } => Vec::new(),
            Crash::Power(state) => {
                let mut replay = trace.replay();
                replay.advance_to(state.point);
                replay.crash(state.lens).fates(&state.choice)
            }
        };
        let events = trace.events().iter().enumerate().take(self.point());
        let skipped = self.point().saturating_sub(EVENTS_MAX);
        let line = |(at, event)| match fates.iter().find(|(unsynced, _)| *unsynced == at) {
            Some((_, fate)) => format!("{at:4}  {event}  <- {fate}"),
            None => format!("{at:4}  {event}"),
        };
        events.skip(skipped).map(line).collect()
    }
}

impl Failure {
    pub(super) fn new(broken: Broken, seed: u64, crashes: Vec<Story>, disk: &SimDisk) -> Failure {
        let tail = |name: String| {
            let content = disk.tail(&name, TAIL_BYTES);
            let hex = hex_dump(&content.1, content.0 - content.1.len() as u64);
            FileTail { bytes: content.0, hex, name }
        };
        let files = disk.names().into_iter().map(tail).collect();
        Failure { invariant: broken.invariant, what: broken.what, seed, crashes, files }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "invariant broken: {}", self.invariant)?;
        writeln!(f, "  {}", self.what)?;
        writeln!(f, "  seed {}, {SEED_VARIABLE}={}", self.seed, seed_of_this_run())?;
        for story in &self.crashes {
            writeln!(f, "{}, behind these events:", story.title)?;
            story.events.iter().try_for_each(|event| writeln!(f, "  {event}"))?;
        }
        if self.files.is_empty() {
            writeln!(f, "the disk is empty")?;
        }
        for FileTail { name, bytes, hex } in &self.files {
            writeln!(f, "{name} as the crash left it, {bytes} bytes:\n{hex}")?;
        }
        Ok(())
    }
}
