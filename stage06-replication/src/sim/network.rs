//! The network: messages, and what becomes of them on the way.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::config::Swarm;
use crate::ids::BrokerId;
use crate::message::{FetchAnswer, FetchRequest};
use crate::replica::{Millis, Outcome, Produce};
use crate::session::{Ask, Tell};

/// Who sends and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Address {
    Controller,
    Broker(BrokerId),
    Client(usize),
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Ask(Ask),
    Tell(Tell),
    Fetch(FetchRequest),
    FetchAnswer(FetchAnswer),
    Produce(Produce),
    /// The answer to the producer of this value.
    Produced(u64, Outcome),
}

/// What a link does with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It loses them, in this direction.
    Cut,
    /// It keeps them, and delivers them when it is mended: a connection that was not closed repeats what was not
    /// received, however long that takes.
    Held,
}

/// A message that a link keeps.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) message: Message,
}

/// All links. One that is not named works.
#[derive(Debug, Default)]
pub(crate) struct Network {
    broken: BTreeMap<(Address, Address), Link>,
    held: Vec<Held>,
}

impl Network {
    /// When the message arrives: never, once or twice, in milliseconds from now.
    pub(crate) fn send(
        &mut self,
        random: &mut Rng,
        swarm: &Swarm,
        from: Address,
        to: Address,
        message: &Message,
    ) -> Vec<Millis> {
        match self.broken.get(&(from, to)) {
            Some(Link::Cut) => return Vec::new(),
            Some(Link::Held) => {
                self.held.push(Held { from, to, message: message.clone() });
                return Vec::new();
            }
            None => {}
        }
        let of_a_thousand = |random: &mut Rng, share: u32| random.u32(0..1000) < share;
        if of_a_thousand(random, swarm.lost) {
            return Vec::new();
        }
        // Nothing here knows a batch that came twice from another one; a connection does not deliver it twice.
        let may_double = !matches!(message, Message::Produce(_));
        let copies = if may_double && of_a_thousand(random, swarm.doubled) { 2 } else { 1 };
        let delay = |random: &mut Rng| {
            let is_late = of_a_thousand(random, swarm.late);
            if is_late { random.u64(10..10 + swarm.late_ms) } else { random.u64(1..10) }
        };
        (0..copies).map(|_| delay(random)).collect()
    }

    pub(crate) fn break_link(&mut self, from: Address, to: Address, link: Link) {
        self.broken.insert((from, to), link);
    }

    /// Mends everything, and returns what was held.
    pub(crate) fn mend(&mut self) -> Vec<Held> {
        self.broken.clear();
        std::mem::take(&mut self.held)
    }
}
