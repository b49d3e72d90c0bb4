//! A follower whose question has no answer yet.

use stage05::Offset;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ids::LeaderEpoch;
use crate::message::{FetchAnswer, FetchResult};

/// A follower that has everything, and waits for more (Kafka's purgatory).
#[derive(Debug)]
pub(super) struct Parked {
    /// Its question.
    pub(super) number: u64,
    /// The epoch in which it was asked.
    pub(super) leader_epoch: LeaderEpoch,
    /// What it lacks first.
    pub(super) from: Offset,
    /// How long it waits.
    pub(super) until: Instant,
    pub(super) reply: oneshot::Sender<FetchAnswer>,
}

impl Parked {
    pub(super) fn answer(self, result: FetchResult) {
        let Parked { number, leader_epoch, reply, .. } = self;
        // Whoever asked may have gone.
        let _ = reply.send(FetchAnswer { number, leader_epoch, result });
    }
}
