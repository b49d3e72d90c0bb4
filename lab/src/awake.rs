//! Keeping the processors awake while something is timed.
//!
//! A thread that waits for the disk leaves its processor with nothing to do, and the processor goes to sleep. Waking
//! it again takes time: some microseconds on bare metal; on a virtual machine, where sleeping means giving the
//! processor back to the host, we have seen syncs that took until the next timer tick (4 ms at 250 Hz). A benchmark on
//! an idle machine then measures the sleep and not the sync, and a busy server, which is what a log runs on, is faster
//! than the benchmark says.
//!
//! So each processor gets a thread that spins in the lowest scheduling class there is, `SCHED_IDLE`: it runs when
//! nobody else wants to, gives way at once when somebody does, and the processor never sleeps.

use std::fmt;
use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// The processors stay awake until this is dropped.
#[derive(Debug)]
pub struct Awake {
    stop: Arc<AtomicBool>,
    spinners: Vec<JoinHandle<()>>,
    state: State,
}

/// Whether the processors are kept awake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// This many of them.
    KeptAwake(usize),
    /// None: the operating system has no such scheduling class, or refused it.
    Refused(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::KeptAwake(processors) => write!(f, "{processors} processors kept awake while timing"),
            State::Refused(why) => write!(f, "processors not kept awake: {why}"),
        }
    }
}

impl Awake {
    /// Starts a spinning thread for each processor, or says in its state why not.
    pub fn start() -> Awake {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let stop = Arc::new(AtomicBool::new(false));
        let mut awake = Awake { stop, spinners: Vec::new(), state: State::KeptAwake(processors) };
        for _ in 0..processors {
            let stop = Arc::clone(&awake.stop);
            let (answer, lowered) = mpsc::channel();
            awake.spinners.push(thread::spawn(move || {
                let refused = lower_priority().err();
                let spin = refused.is_none();
                // The receiver waits for this answer and nothing else.
                let _ = answer.send(refused);
                while spin && !stop.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            }));
            if let Ok(Some(why)) = lowered.recv() {
                awake.state = State::Refused(why);
                break;
            }
        }
        awake
    }

    /// Whether it works.
    pub fn state(&self) -> &State {
        &self.state
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for spinner in self.spinners.drain(..) {
            // A spinner does nothing that can panic.
            let _ = spinner.join();
        }
    }
}

/// Puts the calling thread into the class that runs when nothing else does. A thread that spins in any other class
/// would take time from what is measured.
#[cfg(target_os = "linux")]
fn lower_priority() -> Result<(), String> {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
        .map_err(|error| format!("the system refuses SCHED_IDLE: {error:?}"))
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() -> Result<(), String> {
    Err("only Linux has SCHED_IDLE".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spinners_run_or_the_reason_is_told_and_all_of_them_end() {
        let awake = Awake::start();
        match awake.state() {
            State::KeptAwake(processors) => assert_eq!(awake.spinners.len(), *processors),
            State::Refused(why) => assert!(!why.is_empty()),
        }
        crate::watchdog::within_limit(move || drop(awake));
    }

    /// 5 is the number of `SCHED_IDLE`, field 41 of a thread's line in `/proc`.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_lowered_thread_is_in_the_idle_class() {
        let policy =
            thread::spawn(|| lower_priority().map(|()| std::fs::read_to_string("/proc/thread-self/stat").unwrap()));
        if let Ok(line) = policy.join().unwrap() {
            let fields = line.rsplit_once(')').unwrap().1;
            assert_eq!(fields.split_whitespace().nth(41 - 3), Some("5"), "{line}");
        }
    }
}
