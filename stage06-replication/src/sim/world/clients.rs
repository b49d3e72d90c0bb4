//! The producers, and what they send.

use bytes::Bytes;

use super::{Event, PRODUCERS, World};
use crate::ids::BrokerId;
use crate::replica::{Acks, Outcome, Produce, RequestId};
use crate::sim::broker::tablet;
use crate::sim::checker::Check;
use crate::sim::client::InFlight;
use crate::sim::network::{Address, Message};

impl World {
    pub(super) fn produce(&mut self, producer: usize) -> Check {
        let pause = self.random.u64(1..=self.swarm.produce_ms * 2);
        self.at(self.now + pause, Event::ProducerTurn(producer));
        if self.is_quiet || !self.producers[producer].is_free(self.now) {
            return Ok(());
        }
        let to = self.guess_leader();
        let acks = match self.random.u32(0..10) {
            0 => Acks::None,
            1 => Acks::Leader,
            _ => Acks::All,
        };
        let count = self.random.u32(1..=3);
        let value = self.new_value(producer, acks, count);
        let produce = Produce {
            request: RequestId(value),
            acks,
            count,
            base_timestamp_ms: self.now,
            max_timestamp_ms: self.now,
            sequence: None,
            body: Bytes::copy_from_slice(&value.to_le_bytes()),
        };
        self.producers[producer].waits = (acks != Acks::None).then_some((value, self.now));
        self.send(Address::Client(producer), Address::Broker(to), Message::Produce(produce));
        Ok(())
    }

    /// Who leads, as far as a producer knows.
    fn guess_leader(&mut self) -> BrokerId {
        let leader = self.controller.tablet(&tablet()).and_then(|state| state.leader);
        let guess = BrokerId(self.random.u32(1..=self.config.replicas));
        leader.filter(|_| self.random.u32(0..10) > 0).unwrap_or(guess)
    }

    /// The values of a producer are those that are its number, but for multiples of the number of producers.
    fn new_value(&mut self, producer: usize, acks: Acks, count: u32) -> u64 {
        let mut value = self.checker.send(self.now, producer, acks, count);
        while value as usize % PRODUCERS != producer {
            value = self.checker.send(self.now, producer, acks, count);
        }
        value
    }

    /// A producer that counts sends again what has no acknowledgement, or else new batches. Now and then it begins anew.
    pub(super) fn produce_counted(&mut self, number: usize) -> Check {
        let pause = self.random.u64(1..=self.swarm.produce_ms * 2);
        self.at(self.now + pause, Event::ProducerTurn(number));
        if self.is_quiet {
            return Ok(());
        }
        if self.random.u32(0..100) == 0 {
            self.counting[number].begin_again();
            self.timeline.note(self.now, || format!("client {number} begins another epoch"));
        }
        let to = self.guess_leader();
        let again = self.counting[number].due(self.now);
        let is_news = again.is_empty();
        for batch in again {
            self.checker.sends_again(batch.value);
            self.timeline.note(self.now, || format!("client {number} sends batch {} again, to {to}", batch.value));
            self.send_counted(number, to, batch);
        }
        for _ in 0..self.random.u32(1..=3) {
            if is_news && self.counting[number].is_free() {
                let count = self.random.u32(1..=3);
                let value = self.new_value(number, Acks::All, count);
                let batch = self.counting[number].send(self.now, number, value, count);
                self.checker.counts(value, batch.sequence);
                self.send_counted(number, to, batch);
            }
        }
        Ok(())
    }

    fn send_counted(&mut self, number: usize, to: BrokerId, batch: InFlight) {
        let InFlight { value, sequence, count, .. } = batch;
        let produce = Produce {
            request: RequestId(value),
            acks: Acks::All,
            count,
            base_timestamp_ms: self.now,
            max_timestamp_ms: self.now,
            sequence: Some(sequence),
            body: Bytes::copy_from_slice(&value.to_le_bytes()),
        };
        self.send(Address::Client(number), Address::Broker(to), Message::Produce(produce));
    }

    /// A producer hears what came of its batch.
    pub(super) fn answered(&mut self, producer: usize, value: u64, outcome: &Outcome) {
        let is_acknowledged = matches!(outcome, Outcome::Acknowledged(_));
        let is_waited_for = self.counting[producer].take(value, is_acknowledged);
        let producer = &mut self.producers[producer];
        producer.acknowledged += u64::from(is_waited_for);
        if producer.waits.is_some_and(|(waits, _)| waits == value) {
            producer.waits = None;
            producer.acknowledged += u64::from(is_acknowledged);
        }
    }

    /// How many batches were acknowledged to producers who heard it.
    pub(crate) fn heard(&self) -> u64 {
        self.producers.iter().map(|producer| producer.acknowledged).sum()
    }

    /// Stops the producers.
    pub(crate) fn quiet(&mut self) {
        self.is_quiet = true;
    }
}
