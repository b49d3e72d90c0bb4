//! What the writer and the readers of one segment share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stage04::{Place, Visibility};

use crate::frame_file::FrameFile;
use crate::lazy_index::{LazyIndex, Loaded};

/// One segment: its frames, its index, and how far it reaches.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) frames: FrameFile,
    pub(crate) lazy_index: LazyIndex,
    watermarks: Mutex<Watermarks>,
}

/// How far the segment reaches. The lock is held for a copy of four numbers, never while the disk works.
#[derive(Clone, Copy, Debug)]
struct Watermarks {
    written: Place,
    durable: Place,
}

impl Segment {
    /// A segment whose records in front of `end` are durable.
    pub(crate) fn new(frames: FrameFile, lazy_index: LazyIndex, end: Place) -> Segment {
        Segment { frames, lazy_index, watermarks: Mutex::new(Watermarks { written: end, durable: end }) }
    }

    /// The index, loaded if it is not yet.
    pub(crate) fn index(&self) -> &Loaded {
        self.lazy_index.get(&self.frames)
    }

    /// How far a reader sees.
    pub(crate) fn end(&self, visibility: Visibility) -> Place {
        let watermarks = self.watermarks();
        match visibility {
            Visibility::Durable => watermarks.durable,
            Visibility::Written => watermarks.written,
        }
    }

    /// The records in front of `end` were written.
    pub(crate) fn set_written(&self, end: Place) {
        self.watermarks().written = end;
    }

    /// The records in front of `end` are durable.
    pub(crate) fn set_durable(&self, end: Place) {
        self.watermarks().durable = end;
    }

    fn watermarks(&self) -> MutexGuard<'_, Watermarks> {
        // No code that holds this lock can panic; if it did, four numbers are still four numbers.
        self.watermarks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
