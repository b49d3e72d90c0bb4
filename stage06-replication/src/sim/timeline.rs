//! What happened, for people.

use std::fmt;

use crate::replica::Millis;

/// The events of a run, in words. Empty unless it was asked for: a run of a million seeds reads none of it.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    is_kept: bool,
    lines: Vec<(Millis, String)>,
}

impl Timeline {
    /// A timeline that keeps what it is told.
    pub fn kept() -> Timeline {
        Timeline { is_kept: true, lines: Vec::new() }
    }

    pub(crate) fn note(&mut self, now: Millis, line: impl FnOnce() -> String) {
        if self.is_kept {
            self.lines.push((now, line()));
        }
    }

    /// The lines, each with its simulated time in milliseconds.
    pub fn lines(&self) -> &[(Millis, String)] {
        &self.lines
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(now, line)| {
            let (seconds, millis) = (now / 1000, now % 1000);
            writeln!(f, "{seconds:>3}.{millis:03}  {line}")
        })
    }
}
