//! Waiting for the log to grow, without asking again and again.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bell that the writer rings when readers may see more than before, and for the last time when it is gone.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    is_closed: Mutex<bool>,
    bell: Condvar,
    /// How many wait. The writer looks at this number alone as long as nobody does.
    waiting: AtomicUsize,
}

impl Watch {
    /// Wakes whoever waits.
    pub(crate) fn ring(&self) {
        // A waiter counts itself first and looks at the log then; the writer has changed the log first and looks at the
        // number now. With a fence between the two steps of each, at least one of the two sees the other, whatever the
        // log's watermarks are made of.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            // Whoever has looked and found nothing holds this until it sleeps.
            drop(self.is_closed.lock().unwrap_or_else(PoisonError::into_inner));
            self.bell.notify_all();
        }
    }

    /// Wakes whoever waits, now and later: nothing will be appended any more.
    pub(crate) fn close(&self) {
        *self.is_closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Waits until `is_there` says so, at most until `deadline`. False if the time is up or the log is closed before.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>, mut is_there: impl FnMut() -> bool) -> bool {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let mut is_closed = self.is_closed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = loop {
            if is_there() {
                break true;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if *is_closed || left == Some(Duration::ZERO) {
                break false;
            }
            is_closed = match left {
                None => self.bell.wait(is_closed).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.bell.wait_timeout(is_closed, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        };
        drop(is_closed);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        found
    }
}
