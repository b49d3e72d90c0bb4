//! A limit on a test that could hang.

use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Long enough for a slow machine under load; only a hang takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `test` in a thread of its own, and fails if it does not come back. A panic in it goes on here.
pub fn within_limit<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    within(LIMIT, test)
}

fn within<T: Send + 'static>(limit: Duration, test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, finished) = mpsc::channel();
    let worker = thread::spawn(move || {
        let result = test();
        // Nobody listens any more if the limit has passed.
        let _ = done.send(());
        result
    });
    match finished.recv_timeout(limit) {
        Err(RecvTimeoutError::Timeout) => panic!("hangs: not done after {limit:?}"),
        // Done, or the thread panicked and dropped its end of the channel.
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_comes_through() {
        assert_eq!(within_limit(|| 7), 7);
    }

    #[test]
    #[should_panic(expected = "its own words")]
    fn a_panic_comes_through() {
        within_limit(|| panic!("its own words"));
    }

    #[test]
    #[should_panic(expected = "hangs")]
    fn a_hang_is_a_failure() {
        within(Duration::from_millis(10), || {
            loop {
                thread::park();
            }
        })
    }
}
