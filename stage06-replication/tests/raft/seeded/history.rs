//! What clients have asked for and were told, and what that allows.
//!
//! Each command asks for a producer's number: the controllers give each number once, and count up. So a history is easy to
//! judge. Whoever asks after another one has been answered gets a higher number, and whoever reads then sees that as many
//! were given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use stage06::controller::Controller;
use stage06::raft::Applied;

#[derive(Default)]
pub(crate) struct History {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: u64,
    told: BTreeSet<u64>,
    reads: u64,
    /// The controller behind each entry: all nodes that were there had the same.
    controllers: BTreeMap<String, Controller>,
    hash: u64,
    wrong: Option<String>,
}

/// What was known when a question was asked: the highest number that anybody had been told.
#[derive(Clone, Copy)]
pub(crate) struct Asked(u64);

impl History {
    /// A command is about to be sent.
    pub(crate) fn sends(&self) -> Asked {
        let mut state = self.state.lock().unwrap();
        state.sent += 1;
        Asked(state.told.last().copied().unwrap_or(0))
    }

    /// A read is about to be asked for.
    pub(crate) fn reads(&self) -> Asked {
        Asked(self.state.lock().unwrap().told.last().copied().unwrap_or(0))
    }

    /// A command was carried out, and this is its number.
    pub(crate) fn told(&self, Asked(before): Asked, number: u64) {
        let mut state = self.state.lock().unwrap();
        state.fold(number);
        if number <= before {
            state.is_wrong(format!("number {number} was given after somebody had been told {before}"));
        }
        if !state.told.insert(number) {
            state.is_wrong(format!("number {number} was given twice"));
        }
        if number > state.sent {
            let sent = state.sent;
            state.is_wrong(format!("number {number} was given, and {sent} were asked for"));
        }
    }

    /// A read that was confirmed has seen so many numbers given.
    pub(crate) fn has_read(&self, Asked(before): Asked, given: u64) {
        let mut state = self.state.lock().unwrap();
        state.reads += 1;
        state.fold(given);
        if given < before {
            state.is_wrong(format!("a read has seen {given} numbers after somebody had been told {before}"));
        }
    }

    /// A node's state was looked at.
    pub(crate) fn sees(&self, applied: &Applied) {
        let Some(last) = applied.last else { return };
        let mut state = self.state.lock().unwrap();
        let known = state.controllers.entry(last.to_string()).or_insert_with(|| applied.controller.clone());
        if *known != applied.controller {
            let words = format!("behind entry {last}, one node has {known:?} and another {:?}", applied.controller);
            state.is_wrong(words);
        }
    }

    /// What was told and asked, in numbers: commands that were sent, those that were answered, reads, and a hash of all.
    pub(crate) fn summary(&self) -> (u64, u64, u64, u64) {
        let state = self.state.lock().unwrap();
        (state.sent, state.told.len() as u64, state.reads, state.hash)
    }

    pub(crate) fn last_told(&self) -> u64 {
        self.reads().0
    }

    /// The first thing that must not have happened.
    pub(crate) fn wrong(&self) -> Option<String> {
        self.state.lock().unwrap().wrong.clone()
    }
}

impl State {
    fn fold(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
    }

    fn is_wrong(&mut self, words: String) {
        self.wrong.get_or_insert(words);
    }
}
