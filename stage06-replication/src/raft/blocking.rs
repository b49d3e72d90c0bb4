//! Waiting for a disk inside of an asynchronous program.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does work that waits for the disk.
///
/// A sync may take a second. On a runtime of many threads, the others take over what this one was to do. openraft's own
/// task waits for the disk in any case: what it would do next builds on what is written. So the work need not be sent to
/// another thread, and it cannot go on behind the back of a node that was stopped meanwhile.
///
/// A runtime of one thread is a test's, or the simulated one, whose disk answers at once: there it is done in place, and
/// in the same order every time.
pub(super) fn wait_for_disk<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
