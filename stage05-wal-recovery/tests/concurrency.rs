//! Producers, readers and maintenance at once, as in stage 4, over frames.

#[path = "../../stage04-segments/tests/everything/mod.rs"]
mod everything;

use lab::watchdog::within_limit;
use stage05::Framed;
use stage05::header::SEGMENT_HEADER_BYTES;

/// No reader gets an error, nothing is lost, and no append waits for retention or compaction.
#[test]
fn everything_at_once_goes_well() {
    within_limit(|| everything::goes_well(&Framed::default(), SEGMENT_HEADER_BYTES as u64 + 4000));
}
