//! The brokers: they start, hear, tick and stop, and what a replica says is done.

use stage05::Offset;

use super::{Event, PRODUCERS, World};
use crate::ids::LeaderEpoch;
use crate::message::{FetchAnswer, FetchResult};
use crate::replica::{Input, Outcome, Output, RequestId, Why};
use crate::replica_log::ReplicaLog;
use crate::session::{Ask, News};
use crate::sim::broker::TICK_MS;
use crate::sim::checker::Check;
use crate::sim::network::{Address, Message};

/// How many bytes of batches a leader sends at once: a batch of the simulator has 8.
const FETCH_BYTES_MAX: usize = 64;

impl World {
    pub(super) fn start(&mut self, broker: usize) -> Check {
        if self.brokers[broker].process.is_some() {
            return Ok(());
        }
        self.brokers[broker].start(self.config.flush);
        let (start, id) = (self.brokers[broker].starts, self.brokers[broker].id);
        let end = self.brokers[broker].log.end();
        self.timeline.note(self.now, || format!("{id} starts, with a log up to {end}"));
        self.at(self.now, Event::Tick { broker, start });
        Ok(())
    }

    pub(super) fn stop(&mut self, broker: usize) {
        self.brokers[broker].process = None;
        self.brokers[broker].paused_until = 0;
    }

    pub(super) fn tick(&mut self, broker: usize, start: u64) -> Check {
        if self.brokers[broker].starts != start || self.brokers[broker].process.is_none() {
            return Ok(());
        }
        self.at(self.now + TICK_MS, Event::Tick { broker, start });
        let now = self.brokers[broker].clock(self.now);
        let ask = self.brokers[broker].process.as_mut().and_then(|process| process.session.tick(now));
        if let Some(ask) = ask {
            self.send(Address::Broker(self.brokers[broker].id), Address::Controller, Message::Ask(ask));
        }
        self.retain(broker)?;
        self.tell(broker, Input::Tick)
    }

    /// Now and then, retention gives up the oldest records that are on all in-sync replicas.
    fn retain(&mut self, broker: usize) -> Check {
        let Some(replica) = self.brokers[broker].replica() else { return Ok(()) };
        let limit = Offset(replica.high_watermark().0.saturating_sub(self.config.retained));
        if self.random.u32(0..400) > 0 || limit <= self.brokers[broker].log.start() {
            return Ok(());
        }
        let start = self.brokers[broker].log.delete_before(limit);
        self.tell(broker, Input::Deleted(start))
    }

    pub(super) fn receive(&mut self, broker: usize, from: Address, message: Message) -> Check {
        if self.brokers[broker].process.is_none() {
            return Ok(());
        }
        match message {
            Message::Tell(tell) => {
                let news = self.brokers[broker].process.as_mut().map(|process| process.session.take(tell));
                news.into_iter().flatten().try_for_each(|news| self.learn(broker, news))
            }
            Message::Fetch(request) => self.tell(broker, Input::FetchRequest(request)),
            Message::FetchAnswer(answer) => self.tell(broker, Input::FetchAnswer(answer)),
            Message::Produce(produce) => {
                if self.brokers[broker].replica().is_none() {
                    let refused = Message::Produced(produce.request.0, Outcome::Refused(Why::NotLeader));
                    self.send(Address::Broker(self.brokers[broker].id), from, refused);
                    return Ok(());
                }
                self.tell(broker, Input::Produce(produce))
            }
            Message::Ask(_) | Message::Produced(..) => Ok(()),
        }
    }

    fn learn(&mut self, broker: usize, news: News) -> Check {
        match news {
            News::Registered(life) => {
                self.brokers[broker].open(life, self.config.flush);
                self.look_at_producers(broker)
            }
            News::Tablet(_, state) => self.tell(broker, Input::Tablet(state)),
            News::ProposalAnswer { life, partition_epoch, result, .. } => {
                self.tell(broker, Input::ProposalAnswer { life, partition_epoch, result })
            }
            News::Over => {
                self.stop(broker);
                self.at(self.now + 100, Event::Start { broker });
                Ok(())
            }
        }
    }

    pub(super) fn synced(&mut self, broker: usize, start: u64, end: Offset) -> Check {
        if self.brokers[broker].starts != start || self.brokers[broker].process.is_none() {
            return Ok(());
        }
        // What the replica knows of a cut since then, the disk knows as well.
        let covered = self.brokers[broker].replica().and_then(|replica| replica.log().syncing).unwrap_or(end);
        self.brokers[broker].log.synced(end.min(covered));
        self.tell(broker, Input::Synced)
    }

    /// Tells a replica something, and does what it says.
    fn tell(&mut self, broker: usize, input: Input) -> Check {
        let now = self.brokers[broker].clock(self.now);
        let Some(replica) = self.brokers[broker].process.as_mut().and_then(|process| process.replica.as_mut()) else {
            return Ok(());
        };
        let (before, reign) = (replica.high_watermark(), replica.state().map(|state| state.leader_epoch));
        let outputs = replica.handle(now, input);
        let mut cut = None;
        for output in &outputs {
            cut = cut.or(self.write(broker, output)?);
        }
        self.look_at_replica(broker, before, reign)?;
        for output in outputs {
            self.perform(broker, output)?;
        }
        let Some(input) = cut else {
            let broker = &self.brokers[broker];
            return broker.replica().map_or(Ok(()), |replica| self.checker.durable(broker, replica));
        };
        self.tell(broker, input)?;
        self.look_at_producers(broker)
    }

    /// Tells a replica what its log has of which producers.
    fn look_at_producers(&mut self, broker: usize) -> Check {
        let producers = self.brokers[broker].log.producers().expect("a log in memory");
        self.tell(broker, Input::Producers(producers))
    }

    /// What an output does to the log; for a cut, what the replica has to be told then.
    fn write(&mut self, broker: usize, output: &Output) -> Result<Option<Input>, (&'static str, String)> {
        let broker = &mut self.brokers[broker];
        let from = broker.log.end();
        match output {
            Output::Append(batches) => {
                broker.log.append(batches).expect("a log in memory");
                self.checker.appended(&broker.log, from)?;
            }
            &Output::Truncate(end) => {
                if let Some(replica) = broker.replica() {
                    self.checker.cut(broker, replica, end)?;
                }
                let end = broker.log.truncate(end).expect("a log in memory");
                let id = broker.id;
                self.timeline.note(self.now, || format!("{id} cuts its log from {from} to {end}"));
                return Ok(Some(Input::Truncated(end)));
            }
            &Output::StartAgain(start) => {
                broker.log.start_again(start);
                return Ok(Some(Input::StartedAgain(start)));
            }
            _ => {}
        }
        Ok(None)
    }

    /// What there is to check after a replica has done something.
    fn look_at_replica(&mut self, broker: usize, before: Offset, reign: Option<LeaderEpoch>) -> Check {
        let broker = &self.brokers[broker];
        let Some(replica) = broker.replica() else { return Ok(()) };
        if replica.state().map(|state| state.leader_epoch) != reign && replica.leading().is_some() {
            let (id, end) = (broker.id, broker.log.end());
            let epoch = replica.state().map(|state| state.leader_epoch).unwrap_or_default();
            self.timeline.note(self.now, || format!("{id} leads in {epoch}, from offset {end} on"));
        }
        self.checker.leads(broker, replica, &self.controller)?;
        if replica.high_watermark() != before {
            self.checker.high_watermark(broker, replica, before)?;
            self.checker.candidates(&self.brokers, &self.controller, self.config.flush)?;
        }
        Ok(())
    }

    /// Does what a replica wants done beside its log.
    fn perform(&mut self, broker: usize, output: Output) -> Check {
        let me = Address::Broker(self.brokers[broker].id);
        match output {
            Output::Append(_) | Output::Truncate(_) | Output::StartAgain(_) | Output::HighWatermark(_) => {}
            Output::Sync => {
                let (start, end) = (self.brokers[broker].starts, self.brokers[broker].log.end());
                let takes = self.random.u64(1..=self.swarm.sync_ms);
                self.at(self.now + takes, Event::Synced { broker, start, end });
            }
            Output::Fetch { leader, request } => {
                self.send(me, Address::Broker(leader), Message::Fetch(request));
            }
            Output::AnswerFetch { to, answer } => self.send(me, Address::Broker(to), Message::FetchAnswer(answer)),
            Output::ServeFetch { to, number, leader_epoch, from, high_watermark } => {
                let batches = self.brokers[broker].log.read(from, FETCH_BYTES_MAX).expect("a log in memory");
                let result = FetchResult::Batches { batches, high_watermark };
                let answer = FetchAnswer { number, leader_epoch, result };
                self.send(me, Address::Broker(to), Message::FetchAnswer(answer));
            }
            Output::Propose { change } => self.send(me, Address::Controller, Message::Ask(Ask::ChangeIsr(change))),
            Output::Answer { request: RequestId(value), outcome } => {
                if let Outcome::Acknowledged(offset) = outcome {
                    let id = self.brokers[broker].id;
                    self.timeline.note(self.now, || format!("{id} acknowledges batch {value} at offset {offset}"));
                }
                if let Some(replica) = self.brokers[broker].replica() {
                    self.checker.answer(self.now, value, &outcome, replica)?;
                }
                let producer = value as usize % PRODUCERS;
                self.send(me, Address::Client(producer), Message::Produced(value, outcome));
            }
        }
        Ok(())
    }
}
