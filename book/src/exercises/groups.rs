//! Process groups: what a test starts ends with it, and all of it ends with this program.
//!
//! A test may start processes, and what it tests may never end. So each test has a group of its own, which is ended as a
//! whole. A group of its own also means that Ctrl-C in the terminal does not reach it: that is passed on.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// The groups that are running, by the number of their first process.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// What a shell reports for a program that was ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// A group that is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Group(u32);

/// Lets a command start a group of its own.
pub(super) fn own_group(command: &mut Command) {
    end_all_on_interrupt();
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Takes note of the group of a process that was just started.
pub(super) fn enter(process: u32) -> Group {
    running().insert(process);
    Group(process)
}

impl Drop for Group {
    fn drop(&mut self) {
        running().remove(&self.0);
        end(self.0);
    }
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a group; nothing happens to one that has ended.
fn end(group: u32) {
    let group = format!("-{group}");
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
}

/// From now on, whoever interrupts this program interrupts what it has started.
fn end_all_on_interrupt() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Without a handler an interrupt still ends this program; tests that never end would stay behind.
        let _ = ctrlc::set_handler(|| {
            running().iter().for_each(|group| end(*group));
            std::process::exit(INTERRUPTED);
        });
    });
}
