//! Memory that all connections share.
//!
//! A connection may ask for little. Ten thousand of them that each ask for all they may are more than there is. So whatever
//! a peer can make the broker hold, a request or an answer, takes a share of a pool first, and gives it back when the bytes
//! are gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many bytes for one purpose. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool {
    bytes: Arc<Semaphore>,
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
        Pool { bytes: Arc::new(Semaphore::new(bytes)), patience }
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
        let more = Arc::clone(&self.pool.bytes).acquire_many_owned(permits);
        match tokio::time::timeout(self.pool.patience, more).await {
            Ok(Ok(more)) => {
                match &mut self.permit {
                    Some(permit) => permit.merge(more),
                    None => self.permit = Some(more),
                }
                Ok(())
            }
            _ => Err(exhausted),
        }
    }

    /// Keeps `bytes` at most, and gives the rest back.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes().saturating_sub(bytes);
        if let Some(permit) = &mut self.permit {
            drop(permit.split(surplus));
        }
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}
