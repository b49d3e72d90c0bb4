//! Memory that all connections share.
//!
//! A connection may ask for little. Ten thousand of them that each ask for all they may are more than there is. So whatever
//! a peer can make the broker hold, a request or an answer, takes a share of a pool first, and gives it back when the bytes
//! are gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many bytes for one purpose. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool {
    bytes: Arc<Semaphore>,
    /// How many shares wait for bytes.
    waiting: Arc<AtomicUsize>,
    patience: Duration,
}

/// The pool had nothing left for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory for {bytes} bytes more: others have it all")]
pub struct PoolExhausted {
    /// What was asked for.
    pub bytes: usize,
}

/// A part of a pool's bytes. They go back when it is dropped.
#[derive(Debug)]
pub struct Share {
    pool: Pool,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// A pool of `bytes`. Who asks for some that others have waits for them, at most `patience`: those who wait may hold
    /// what the others wait for, and nobody would go on.
    pub fn new(bytes: usize, patience: Duration) -> Pool {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Pool { bytes: Arc::new(Semaphore::new(bytes)), waiting: Arc::default(), patience }
    }

    /// A share without bytes, which may grow.
    pub fn share(&self) -> Share {
        Share { pool: self.clone(), permit: None }
    }

    /// How many bytes nobody has.
    pub fn bytes_left(&self) -> usize {
        self.bytes.available_permits()
    }
}

impl Share {
    /// Takes `bytes` more.
    ///
    /// # Errors
    ///
    /// If others have them, and none of them gives enough back in time.
    pub async fn grow(&mut self, bytes: usize) -> Result<(), PoolExhausted> {
        let exhausted = PoolExhausted { bytes };
        let permits = u32::try_from(bytes).map_err(|_| exhausted)?;
        let _waits = Waits::for_some_of(&self.pool);
        let more = Arc::clone(&self.pool.bytes).acquire_many_owned(permits);
        match tokio::time::timeout(self.pool.patience, more).await {
            Ok(Ok(more)) => {
                self.keep(more);
                Ok(())
            }
            _ => Err(exhausted),
        }
    }

    /// Takes `bytes` more for something that is there already: who waited for memory would hold it meanwhile.
    ///
    /// # Errors
    ///
    /// If others have them.
    pub fn grow_now(&mut self, bytes: usize) -> Result<(), PoolExhausted> {
        let exhausted = PoolExhausted { bytes };
        let permits = u32::try_from(bytes).map_err(|_| exhausted)?;
        let more = Arc::clone(&self.pool.bytes).try_acquire_many_owned(permits).map_err(|_| exhausted)?;
        self.keep(more);
        Ok(())
    }

    fn keep(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
    }

    /// Whether it has bytes, and others wait for some of the pool's.
    pub fn is_wanted(&self) -> bool {
        self.bytes() > 0 && self.pool.waiting.load(Ordering::Relaxed) > 0
    }

    /// Keeps `bytes` at most, and gives the rest back.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes().saturating_sub(bytes);
        if let Some(permit) = &mut self.permit {
            drop(permit.split(surplus));
        }
    }

    /// These bytes, for which it was taken, and the share with them: it goes back when the last of them is gone, wherever
    /// they are then.
    pub fn held_by(self: &Arc<Share>, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _share: Arc::clone(self) })
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

/// Somebody who waits, for as long as this is there.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn for_some_of(pool: &Pool) -> Waits {
        pool.waiting.fetch_add(1, Ordering::Relaxed);
        Waits(Arc::clone(&pool.waiting))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that have a part in a share.
struct Held {
    bytes: Bytes,
    _share: Arc<Share>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
