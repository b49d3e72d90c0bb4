//! Going through a trace again, from crash point to crash point.

use std::sync::Arc;

use super::SimDisk;
use super::crash_state::{Crash, CrashState, Lens, Sampling};
use super::state::DiskState;
use super::trace::{Event, Remarks};

/// What was done to a disk, and what was on it before.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    base: Arc<DiskState>,
    events: Vec<Event>,
}

impl Trace {
    pub(super) fn new(base: Arc<DiskState>, events: Vec<Event>) -> Trace {
        Trace { base, events }
    }

    /// The events, in order. A crash *at point* `p` comes behind the first `p` of them.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The points where a crash makes a difference: in front of each operation, and at the end.
    ///
    /// A point between an operation and the remarks behind it is left out. A crash there leaves the same disk as one
    /// behind the remarks, and those only ask for more. In front of those that ask for less there is a point.
    pub fn points(&self) -> Vec<usize> {
        let operations = self.events.iter().enumerate();
        let operations = operations.filter(|(_, event)| event.is_operation() || event.is_permission());
        operations.map(|(at, _)| at).chain([self.events.len()]).collect()
    }

    /// Starts in front of the first event.
    pub fn replay(&self) -> Replay<'_> {
        Replay { trace: self, point: 0, remarks: Remarks::default(), state: DiskState::clone(&self.base) }
    }

    /// The disk after the process was killed at `point`, `partial_bytes` into the write that follows, if one does.
    /// The cache is whole and as unsynced as it was.
    pub fn kill_at(&self, point: usize, partial_bytes: usize) -> SimDisk {
        let mut replay = self.replay();
        replay.advance_to(point);
        replay.killed(partial_bytes)
    }

    /// Every state that a power cut may leave, at every point; a sample of them where there are too many.
    pub fn crash_states(&self, lens: Lens, sampling: Sampling) -> impl Iterator<Item = CrashState> {
        let mut replay = self.replay();
        self.points().into_iter().flat_map(move |point| {
            replay.advance_to(point);
            replay.crash(lens).states(sampling)
        })
    }

    /// One state again, by the choice that a [`CrashState`] carries.
    pub fn crash_state(&self, lens: Lens, point: usize, choice: &[u32]) -> CrashState {
        let mut replay = self.replay();
        replay.advance_to(point);
        replay.crash(lens).state(choice)
    }
}

/// A walk through a trace, from the front to the back.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    trace: &'a Trace,
    point: usize,
    remarks: Remarks,
    state: DiskState,
}

impl Replay<'_> {
    /// Goes on to `point`, which is not in front of where the walk is.
    pub fn advance_to(&mut self, point: usize) {
        for at in self.point..point {
            let event = &self.trace.events[at];
            self.state.apply(event, Some(at));
            self.remarks.note(event);
        }
        self.point = self.point.max(point);
    }

    /// How many events are behind the walk.
    pub fn point(&self) -> usize {
        self.point
    }

    /// Records that were acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.remarks.acknowledged
    }

    /// Records that were shown as durable so far.
    pub fn served(&self) -> u64 {
        self.remarks.served
    }

    /// What was said so far of the records that have to be there.
    pub fn remarks(&self) -> Remarks {
        self.remarks
    }

    /// The event in front of the walk.
    pub fn next_event(&self) -> Option<&Event> {
        self.trace.events.get(self.point)
    }

    /// The disk after a kill here; see [`Trace::kill_at`].
    pub fn killed(&self, partial_bytes: usize) -> SimDisk {
        let mut state = self.state.clone();
        if let Some(Event::Write { file, name, position, bytes }) = self.next_event()
            && partial_bytes > 0
        {
            let written = bytes[..partial_bytes.min(bytes.len())].into();
            let part = Event::Write { file: *file, name: name.clone(), position: *position, bytes: written };
            state.apply(&part, None);
        }
        SimDisk::at(state.without_events())
    }

    /// All that a power cut here may leave.
    pub fn crash(&self, lens: Lens) -> Crash {
        Crash::new(&self.state, lens, self.point, self.remarks)
    }
}
