//! How far a long command has come: a bar on a terminal, plain lines anywhere else.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A command's progress, on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    is_quiet: bool,
}

impl Progress {
    /// A command of so many steps.
    pub fn new(steps: usize) -> Progress {
        if !stderr().is_terminal() {
            return Progress { bar: None, is_quiet: false };
        }
        let style = ProgressStyle::with_template("{spinner} [{bar:24}] {pos}/{len}  {msg}");
        let bar = ProgressBar::new(steps as u64);
        bar.set_style(style.expect("the template is well formed").progress_chars("█▌ "));
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar: Some(bar), is_quiet: false }
    }

    /// A command of so many steps, too many for a line each.
    pub fn quiet(steps: usize) -> Progress {
        let mut progress = Progress::new(steps);
        progress.is_quiet = true;
        progress
    }

    /// Says what is being done now.
    pub fn begin(&self, step: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(step.to_string()),
            None if self.is_quiet => {}
            None => eprintln!("{step}"),
        }
    }

    /// One step is done.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Says something that stays on the screen.
    pub fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
