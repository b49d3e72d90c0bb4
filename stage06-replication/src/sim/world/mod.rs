//! A cluster, its clients, and what befalls them.
//!
//! Here is the loop: what is to happen, and when. What then happens is in `brokers`, `control` (the controller), `clients`
//! and `trouble`.

mod brokers;
mod clients;
mod control;
mod trouble;

use std::collections::BTreeMap;

use fastrand::Rng;
use stage05::Offset;

use super::broker::{Broker, TICK_MS, tablet};
use super::checker::{Check, Checker, Violation};
use super::client::{CountingProducer, Producer};
use super::config::{Config, Swarm};
use super::network::{Address, Message, Network};
use super::timeline::Timeline;
use crate::controller::Controller;
use crate::desk::Desk;
use crate::ids::BrokerId;
use crate::replica::Millis;
use crate::replica_log::ReplicaLog;

const SESSION_TIMEOUT_MS: Millis = 1_500;
const PRODUCERS: usize = 3;
/// A cluster that needs more events than this is talking to itself.
const EVENTS_MAX: u64 = 400_000;

/// Something that is to happen.
#[derive(Clone, Debug)]
enum Event {
    Deliver { from: Address, to: Address, message: Message },
    Tick { broker: usize, start: u64 },
    Synced { broker: usize, start: u64, end: Offset },
    Start { broker: usize },
    ControllerTick,
    ProducerTurn(usize),
    Stroke,
    Mend,
}

/// A simulated cluster.
pub struct World {
    pub(crate) now: Millis,
    pub(crate) config: Config,
    pub(crate) controller: Controller,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) checker: Checker,
    pub(crate) timeline: Timeline,
    pub(crate) violation: Option<Violation>,
    /// Of everything that has happened, in order: two runs with the same are the same.
    pub(crate) hash: u64,
    pub(crate) power_cuts: u64,
    random: Rng,
    swarm: Swarm,
    desk: Desk,
    network: Network,
    producers: Vec<Producer>,
    /// The same, where they count.
    counting: Vec<CountingProducer>,
    /// In boxes, since an event is large, and a tree moves what it holds.
    events: BTreeMap<(Millis, u64), Box<Event>>,
    sent: u64,
    handled: u64,
    is_healing: bool,
    is_quiet: bool,
}

impl World {
    /// The world of a seed, at its beginning.
    pub fn new(config: Config, seed: u64, timeline: Timeline) -> World {
        let mut random = Rng::with_seed(seed);
        let swarm = Swarm::of(&mut random);
        let brokers = (1..=config.replicas).map(|id| Broker::new(BrokerId(id), &mut random)).collect();
        let mut world = World {
            now: 0,
            config,
            controller: Controller::default(),
            brokers,
            checker: Checker::default(),
            timeline,
            violation: None,
            hash: 0xcbf2_9ce4_8422_2325,
            power_cuts: 0,
            random,
            swarm,
            desk: Desk::new(SESSION_TIMEOUT_MS),
            network: Network::default(),
            producers: (0..PRODUCERS).map(|_| Producer::default()).collect(),
            counting: (0..PRODUCERS).map(|_| CountingProducer::default()).collect(),
            events: BTreeMap::new(),
            sent: 0,
            handled: 0,
            is_healing: false,
            is_quiet: false,
        };
        for broker in 0..world.brokers.len() {
            world.at(0, Event::Start { broker });
        }
        world.at(TICK_MS, Event::ControllerTick);
        (0..PRODUCERS).for_each(|producer| world.at(500, Event::ProducerTurn(producer)));
        world.at(1_000, Event::Stroke);
        world
    }

    /// Goes on until `end`, or until a rule is broken.
    pub fn run_until(&mut self, end: Millis) {
        while self.violation.is_none() {
            let Some(entry) = self.events.first_entry() else { return };
            if entry.key().0 >= end {
                self.now = end;
                return;
            }
            let ((at, number), event) = entry.remove_entry();
            self.now = at;
            self.handled += 1;
            self.fold(number);
            let check = self.happen(*event);
            self.judge(check);
            if self.handled > EVENTS_MAX {
                self.judge(Err(("R7", format!("{EVENTS_MAX} events, and no end"))));
            }
        }
    }

    /// Whether everybody is in sync, has the same records, and knows it.
    pub fn is_whole(&self) -> bool {
        let Some(state) = self.controller.tablet(&tablet()) else { return false };
        let end = self.brokers[0].log.end();
        let is_there = |broker: &Broker| {
            broker.log.end() == end
                && broker.replica().is_some_and(|replica| replica.high_watermark() == end)
                && state.isr.contains(&broker.id)
        };
        state.leader.is_some() && self.brokers.iter().all(is_there)
    }

    fn judge(&mut self, check: Check) {
        if let Err((rule, what)) = check {
            self.timeline.note(self.now, || format!("{rule} is broken: {what}"));
            self.violation.get_or_insert(Violation { rule, at: self.now, what });
        }
    }

    pub(crate) fn break_rule(&mut self, rule: &'static str, what: String) {
        self.judge(Err((rule, what)));
    }

    fn fold(&mut self, number: u64) {
        self.hash = (self.hash ^ number ^ (self.now << 20)).wrapping_mul(0x0100_0000_01b3);
    }

    fn at(&mut self, at: Millis, event: Event) {
        self.sent += 1;
        self.events.insert((at, self.sent), Box::new(event));
    }

    fn index_of(&self, id: BrokerId) -> usize {
        id.0 as usize - 1
    }

    fn send(&mut self, from: Address, to: Address, message: Message) {
        for delay in self.network.send(&mut self.random, &self.swarm, from, to, &message) {
            self.at(self.now + delay, Event::Deliver { from, to, message: message.clone() });
        }
    }

    fn happen(&mut self, event: Event) -> Check {
        if let Some(later) = self.pause(&event) {
            self.at(later, event);
            return Ok(());
        }
        match event {
            Event::Deliver { from, to, message } => self.deliver(from, to, message),
            Event::Tick { broker, start } => self.tick(broker, start),
            Event::Synced { broker, start, end } => self.synced(broker, start, end),
            Event::Start { broker } => self.start(broker),
            Event::ControllerTick => self.controller_tick(),
            Event::ProducerTurn(producer) if self.config.counts => self.produce_counted(producer),
            Event::ProducerTurn(producer) => self.produce(producer),
            Event::Stroke => self.strike(),
            Event::Mend => {
                self.mend();
                Ok(())
            }
        }
    }

    fn deliver(&mut self, from: Address, to: Address, message: Message) -> Check {
        match (to, message) {
            (Address::Controller, Message::Ask(ask)) => self.ask(from, &ask),
            (Address::Broker(id), message) => self.receive(self.index_of(id), from, message),
            (Address::Client(producer), Message::Produced(value, outcome)) => {
                self.answered(producer, value, &outcome);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
