//! What happened, and when.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Prints each event with the seconds since the first.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    begin: Instant,
}

impl Timeline {
    /// It begins now.
    pub fn start() -> Timeline {
        Timeline { begin: Instant::now() }
    }

    /// Something has happened.
    pub fn tell(&self, what: impl Display) {
        println!("{:7.2} s  {what}", self.begin.elapsed().as_secs_f64());
    }

    /// How long it has been.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }
}
