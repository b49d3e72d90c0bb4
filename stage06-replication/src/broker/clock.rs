//! What time it is: for timeouts, and for records.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::replica::Millis;

/// A clock that only goes forward, from the moment that it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    begin: Instant,
}

impl Clock {
    /// A clock that begins at 0.
    pub(super) fn start() -> Clock {
        Clock { begin: Instant::now() }
    }

    /// Milliseconds since it was made.
    pub(super) fn now(&self) -> Millis {
        self.begin.elapsed().as_millis() as Millis
    }
}

/// Milliseconds since 1970, as the machine's clock says: it may be set back.
pub fn unix_time_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
