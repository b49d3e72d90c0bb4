//! What producers have sent, and what they were told.

use std::collections::BTreeMap;

use stage05::Offset;

use super::{Check, Checker, Sent};
use crate::batch::Sequence;
use crate::replica::{Acks, Millis, Outcome, Replica};

impl Checker {
    /// A producer sends a batch: its value is returned.
    pub(crate) fn send(&mut self, now: Millis, producer: usize, acks: Acks, count: u32) -> u64 {
        let (sequence, acknowledged, times, refusals) = (None, None, 1, 0);
        self.sent.push(Sent { acks, count, producer, sequence, acknowledged, times, refusals, at: now });
        self.sent.len() as u64 - 1
    }

    /// The batch is one of a producer that counts.
    pub(crate) fn counts(&mut self, value: u64, sequence: Sequence) {
        self.sent[value as usize].sequence = Some(sequence);
    }

    /// The batch is sent once more.
    pub(crate) fn sends_again(&mut self, value: u64) {
        self.sent[value as usize].times += 1;
    }

    /// A replica answers a producer.
    pub(crate) fn answer(&mut self, now: Millis, value: u64, outcome: &Outcome, replica: &Replica) -> Check {
        let sent = &mut self.sent[value as usize];
        match outcome {
            Outcome::Acknowledged(base) if sent.acks == Acks::All => {
                let end = base.plus(sent.count.into());
                if end > replica.high_watermark() {
                    return Err(("R1", format!("value {value} at {base} acknowledged above the high watermark")));
                }
                if sent.acknowledged.is_none() {
                    sent.acknowledged = Some((now, *base));
                    self.acknowledged += 1;
                }
                match self.places.get(&value) {
                    Some(place) if place == base => Ok(()),
                    place => Err(("R1", format!("value {value} acknowledged at {base}, and committed at {place:?}"))),
                }
            }
            Outcome::Refused(_) => {
                sent.refusals += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The end: everything is healed, and the logs are the same.
    pub(crate) fn finally(&self) -> Check {
        let mut last: BTreeMap<usize, (Millis, Offset)> = BTreeMap::new();
        for (value, sent) in self.sent.iter().enumerate() {
            let place = self.places.get(&(value as u64));
            if sent.is_refused() && place.is_some() {
                return Err(("R6", format!("value {value} was refused, and is there")));
            }
            let Some((at, base)) = sent.acknowledged else { continue };
            if place != Some(&base) {
                return Err(("R1", format!("value {value} was acknowledged at {base}, and is at {place:?}")));
            }
            // What was acknowledged before the next was sent is in front of it.
            if let Some(&(before, earlier)) = last.get(&sent.producer)
                && before <= sent.at
                && earlier >= base
            {
                return Err(("R5", format!("value {value} is at {base}, in front of an earlier one at {earlier}")));
            }
            last.insert(sent.producer, (at, base));
        }
        Ok(())
    }
}
