//! A cluster, its clients, and what befalls them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fastrand::Rng;
use stage05::Offset;

use super::broker::{Broker, TICK_MS, tablet};
use super::checker::{Check, Checker, Violation};
use super::client::{CountingProducer, InFlight, Producer};
use super::config::{Config, Swarm};
use super::nemesis::Stroke;
use super::network::{Address, Link, Message, Network};
use super::timeline::Timeline;
use super::words;
use crate::controller::{Command, Controller, Reply};
use crate::desk::Desk;
use crate::ids::BrokerId;
use crate::log_ends::Flush;
use crate::message::{FetchAnswer, FetchResult};
use crate::replica::{Acks, Input, Millis, Outcome, Output, Produce, RequestId, Why};
use crate::replica_log::ReplicaLog;
use crate::session::{Ask, News};

const SESSION_TIMEOUT_MS: Millis = 1_500;
const PRODUCERS: usize = 3;
/// How many bytes of batches a leader sends at once: a batch of the simulator has 8.
const FETCH_BYTES_MAX: usize = 64;
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
    events: BTreeMap<(Millis, u64), Event>,
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
            let check = self.happen(event);
            self.judge(check);
            if self.handled > EVENTS_MAX {
                self.judge(Err(("R7", format!("{EVENTS_MAX} events, and no end"))));
            }
        }
    }

    /// Ends all faults: from now on, everything works.
    pub fn heal(&mut self) {
        self.is_healing = true;
        (self.swarm.lost, self.swarm.doubled, self.swarm.late, self.swarm.sync_ms) = (0, 0, 0, 5);
        self.timeline.note(self.now, || "all faults cease".into());
        self.mend();
        for broker in 0..self.brokers.len() {
            self.brokers[broker].paused_until = 0;
            if self.brokers[broker].process.is_none() {
                self.at(self.now, Event::Start { broker });
            }
        }
    }

    /// Stops the producers.
    pub(crate) fn quiet(&mut self) {
        self.is_quiet = true;
    }

    /// An operator who would rather have a leader than all records, if there is no other way.
    pub(crate) fn elect_unclean(&mut self) {
        let is_headless = self.controller.tablet(&tablet()).is_some_and(|state| state.leader.is_none());
        if self.config.elects_unclean && is_headless {
            let leader = self.brokers[self.random.usize(0..self.brokers.len())].id;
            let command = Command::ElectUnclean { tablet: tablet(), leader };
            self.command(&command);
            let check = self.look_at_controller();
            self.judge(check);
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
        self.events.insert((at, self.sent), event);
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

    /// When the event happens instead, if it is one of a broker that is stopped.
    fn pause(&self, event: &Event) -> Option<Millis> {
        let broker = match event {
            Event::Deliver { to: Address::Broker(id), .. } => self.index_of(*id),
            Event::Tick { broker, .. } | Event::Synced { broker, .. } => *broker,
            _ => return None,
        };
        let until = self.brokers[broker].paused_until;
        (until > self.now).then_some(until)
    }

    fn deliver(&mut self, from: Address, to: Address, message: Message) -> Check {
        match (to, message) {
            (Address::Controller, Message::Ask(ask)) => self.ask(from, &ask),
            (Address::Broker(id), message) => self.receive(self.index_of(id), from, message),
            (Address::Client(producer), Message::Produced(value, outcome)) => {
                let is_acknowledged = matches!(outcome, Outcome::Acknowledged(_));
                let is_waited_for = self.counting[producer].take(value, is_acknowledged);
                let producer = &mut self.producers[producer];
                producer.acknowledged += u64::from(is_waited_for);
                if producer.waits.is_some_and(|(waits, _)| waits == value) {
                    producer.waits = None;
                    producer.acknowledged += u64::from(is_acknowledged);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn ask(&mut self, from: Address, ask: &Ask) -> Check {
        let command = self.desk.command(self.now, &self.controller, ask);
        let reply = command.map(|command| self.command(&command));
        if let Some(tell) = self.desk.answer(&self.controller, ask, reply) {
            self.send(Address::Controller, from, Message::Tell(tell));
        }
        self.look_at_controller()
    }

    /// The controller carries a command out.
    fn command(&mut self, command: &Command) -> Reply {
        let epoch = |controller: &Controller| controller.tablet(&tablet()).map(|state| state.leader_epoch);
        let before = epoch(&self.controller);
        let reply = self.controller.apply(command);
        self.timeline.note(self.now, || words::of_command(command, &reply));
        if let Some(state) = self.controller.tablet(&tablet())
            && before != epoch(&self.controller)
            && !matches!(reply, Reply::Tablet(_))
        {
            self.timeline.note(self.now, || format!("the controller: {}", words::of_state(state)));
        }
        reply
    }

    fn controller_tick(&mut self) -> Check {
        self.at(self.now + TICK_MS, Event::ControllerTick);
        for command in self.desk.overdue(self.now, &self.controller) {
            self.command(&command);
        }
        let all: Vec<BrokerId> = self.brokers.iter().map(|broker| broker.id).collect();
        if self.controller.tablets().is_empty() && all.iter().all(|&id| self.controller.is_active(id)) {
            let min_insync_replicas = self.config.min_insync_replicas;
            self.command(&Command::CreateTablet { tablet: tablet(), replicas: all, min_insync_replicas });
        }
        self.look_at_controller()
    }

    /// What there is to check after the controller has changed something.
    fn look_at_controller(&mut self) -> Check {
        if let Some(state) = self.controller.tablet(&tablet()) {
            for broker in &mut self.brokers {
                let known = self.controller.brokers().get(&broker.id);
                let is_current = known.is_some_and(|known| {
                    Some(known.life) == broker.process.as_ref().and_then(|process| process.session.life())
                });
                broker.is_lossy &= !(is_current && state.isr.contains(&broker.id));
            }
        }
        self.checker.candidates(&self.brokers, &self.controller, self.config.flush)
    }

    fn receive(&mut self, broker: usize, from: Address, message: Message) -> Check {
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

    fn tick(&mut self, broker: usize, start: u64) -> Check {
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

    fn synced(&mut self, broker: usize, start: u64, end: Offset) -> Check {
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
    fn look_at_replica(&mut self, broker: usize, before: Offset, reign: Option<crate::ids::LeaderEpoch>) -> Check {
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

    fn produce(&mut self, producer: usize) -> Check {
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
    fn produce_counted(&mut self, number: usize) -> Check {
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

    /// How many batches were acknowledged to producers who heard it.
    pub(crate) fn heard(&self) -> u64 {
        self.producers.iter().map(|producer| producer.acknowledged).sum()
    }

    fn start(&mut self, broker: usize) -> Check {
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

    fn stop(&mut self, broker: usize) {
        self.brokers[broker].process = None;
        self.brokers[broker].paused_until = 0;
    }

    fn mend(&mut self) {
        for held in self.network.mend() {
            let delay = self.random.u64(1..10);
            let (from, to, message) = (held.from, held.to, held.message);
            self.at(self.now + delay, Event::Deliver { from, to, message });
        }
    }

    /// Whether the broker may stop without having synced. In a cluster that acknowledges before it syncs, only so many
    /// may at a time.
    fn may_lose(&mut self, broker: usize) -> bool {
        if self.config.flush == Flush::Sync {
            return true;
        }
        let others = self.brokers.iter().enumerate().filter(|(at, other)| *at != broker && other.is_lossy).count();
        let may = (others as u32) < self.config.lossy_max;
        self.brokers[broker].is_lossy |= may;
        may
    }

    fn strike(&mut self) -> Check {
        if self.is_healing {
            return Ok(());
        }
        let pause = self.random.u64(1..=self.swarm.stroke_ms * 2);
        self.at(self.now + pause, Event::Stroke);
        let Some(stroke) = Stroke::draw(&mut self.random, &self.swarm) else { return Ok(()) };
        let broker = self.random.usize(0..self.brokers.len());
        let lasts = self.random.u64(100..4_000);
        match stroke {
            Stroke::Kill => self.kill(broker, lasts, false),
            Stroke::PowerCut => self.kill(broker, lasts, true),
            Stroke::PowerCutOfAll => (0..self.brokers.len()).for_each(|broker| {
                let lasts = self.random.u64(100..4_000);
                self.kill(broker, lasts, true);
            }),
            Stroke::Restart => self.restart(broker, lasts),
            Stroke::Pause => {
                let id = self.brokers[broker].id;
                self.timeline.note(self.now, || format!("{id} is stopped for {lasts} ms"));
                self.brokers[broker].paused_until = self.now + lasts;
            }
            Stroke::MoveLeader => self.move_leader(broker),
            Stroke::IsolateLeader | Stroke::Partition | Stroke::OneWay | Stroke::Hold => {
                self.part(stroke, broker);
                self.at(self.now + lasts, Event::Mend);
            }
        }
        self.look_at_controller()
    }

    fn kill(&mut self, broker: usize, lasts: Millis, loses_power: bool) {
        if !self.may_lose(broker) {
            return;
        }
        self.stop(broker);
        let id = self.brokers[broker].id;
        let before = self.brokers[broker].log.end();
        if loses_power {
            self.power_cuts += 1;
            self.brokers[broker].log.lose_power(&mut self.random);
        }
        let end = self.brokers[broker].log.end();
        let how = if loses_power { "loses power" } else { "is killed" };
        self.timeline.note(self.now, || format!("{id} {how}: its log went up to {before}, and goes up to {end}"));
        self.at(self.now + lasts, Event::Start { broker });
    }

    fn restart(&mut self, broker: usize, lasts: Millis) {
        if self.brokers[broker].process.is_some() {
            self.brokers[broker].was_shut_down = true;
            self.brokers[broker].log.sync().expect("a log in memory");
            self.stop(broker);
            let id = self.brokers[broker].id;
            self.timeline.note(self.now, || format!("{id} is shut down"));
            self.at(self.now + lasts, Event::Start { broker });
        }
    }

    fn move_leader(&mut self, broker: usize) {
        // A controller that was just elected has heard of nobody.
        if self.random.u32(0..4) == 0 {
            self.desk = Desk::new(SESSION_TIMEOUT_MS);
        }
        let command = Command::MoveLeader { tablet: tablet(), to: self.brokers[broker].id };
        self.command(&command);
    }

    /// Breaks links.
    fn part(&mut self, stroke: Stroke, broker: usize) {
        let all: Vec<Address> = self.brokers.iter().map(|broker| Address::Broker(broker.id)).collect();
        let leader = self.controller.tablet(&tablet()).and_then(|state| state.leader);
        let one = match stroke {
            Stroke::IsolateLeader | Stroke::Hold => leader.map_or(all[broker], Address::Broker),
            _ => all[broker],
        };
        let link = if stroke == Stroke::Hold || self.random.u32(0..4) == 0 { Link::Held } else { Link::Cut };
        let mut here: BTreeSet<Address> = BTreeSet::from([one]);
        if stroke == Stroke::Partition {
            here.extend(all.iter().copied().filter(|_| self.random.bool()));
        }
        let sides = self.random.u32(1..4);
        let (out, back) =
            if matches!(stroke, Stroke::OneWay | Stroke::Hold) { (sides & 1 > 0, sides & 2 > 0) } else { (true, true) };
        let mut there: Vec<Address> = all.into_iter().filter(|address| !here.contains(address)).collect();
        if self.random.bool() {
            there.push(Address::Controller);
        }
        if stroke == Stroke::IsolateLeader && self.random.u32(0..3) == 0 {
            there = vec![Address::Controller];
        }
        self.timeline.note(self.now, || words::of_break(stroke, link, &here, &there));
        for &from in &here {
            for &to in &there {
                if out {
                    self.network.break_link(from, to, link);
                }
                if back {
                    self.network.break_link(to, from, link);
                }
            }
        }
    }
}
