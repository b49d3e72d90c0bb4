//! How far a long command has come: a bar on a terminal, plain lines anywhere else.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A command's progress, on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    /// The steps of a quiet command that are done, without a bar.
    steps: Option<Mutex<Steps>>,
}

#[derive(Debug)]
struct Steps {
    done: usize,
    all: usize,
    told: Instant,
}

/// How long a quiet command says nothing.
const SILENCE: Duration = Duration::from_secs(15);

impl Progress {
    /// A command of so many steps.
    pub fn new(steps: usize) -> Progress {
        if !stderr().is_terminal() {
            return Progress { bar: None, steps: None };
        }
        let style = ProgressStyle::with_template("{spinner} [{bar:24}] {pos}/{len}  {msg}");
        let bar = ProgressBar::new(steps as u64);
        bar.set_style(style.expect("the template is well formed").progress_chars("█▌ "));
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar: Some(bar), steps: None }
    }

    /// A command of so many steps, too many for a line each: it says now and then how many are done.
    pub fn quiet(steps: usize) -> Progress {
        let mut progress = Progress::new(steps);
        progress.steps = Some(Mutex::new(Steps { done: 0, all: steps, told: Instant::now() }));
        progress
    }

    /// Says what is being done now.
    pub fn begin(&self, step: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(step.to_string()),
            None if self.steps.is_some() => {}
            None => eprintln!("{step}"),
        }
    }

    /// One step is done.
    pub fn end(&self) {
        match (&self.bar, &self.steps) {
            (Some(bar), _) => bar.inc(1),
            (None, Some(steps)) => {
                let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
                steps.done += 1;
                if steps.told.elapsed() > SILENCE {
                    eprintln!("{} of {} are done", steps.done, steps.all);
                    steps.told = Instant::now();
                }
            }
            (None, None) => {}
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
