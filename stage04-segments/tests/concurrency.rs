//! Producers, readers and maintenance at once: see [`everything`].

mod everything;

use lab::watchdog::within_limit;
use stage04::JsonSegments;

#[test]
fn everything_at_once_goes_well() {
    within_limit(|| everything::goes_well(&JsonSegments, 4000));
}
