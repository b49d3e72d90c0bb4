//! One window for each thread, kept from one scan to the next.
//!
//! Whoever reads single records makes a scan for each. To get memory for its window, to fill it with zeros and to give
//! it back would take about as long as to check the record's frame.

use std::cell::Cell;

use stage04::scan::WINDOW_BYTES;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The window that the last scan of this thread has left, or an empty one. Its bytes are whatever was read last.
pub(crate) fn take() -> Vec<u8> {
    // A thread that is ending has no spare any more.
    SPARE.try_with(Cell::take).unwrap_or_default()
}

/// Leaves a window for the next scan. One that had to grow for a large frame is given back.
pub(crate) fn give(window: Vec<u8>) {
    if window.len() <= WINDOW_BYTES {
        let _ = SPARE.try_with(|spare| spare.set(window));
    }
}
