//! A small cluster in the hands of a test: three replicas that are all in sync, a network without manners, disks that take
//! their time, power cuts, and a leader that changes. There is no controller: the test says who leads. So it is less than
//! the simulator, and needs nothing but leaders and followers.

use fastrand::Rng;
use stage06::Offset;
use stage06::ids::{BrokerEpoch, BrokerId};
use stage06::log_ends::Flush;
use stage06::message::{FetchAnswer, FetchResult};
use stage06::replica::{Acks, Input, Outcome, Output, Replica};
use stage06::replica_log::ReplicaLog;
use stage06::sim::MemoryLog;
use stage06::tablet::TabletState;

use crate::common::*;

struct Node {
    replica: Replica,
    log: MemoryLog,
    life: u64,
    /// What a running sync covers.
    syncing: Option<Offset>,
}

/// A message: to whom, and for which of its lives if that matters, as over a connection that ends with a process.
struct Message {
    to: usize,
    life: Option<u64>,
    input: Input,
}

pub(crate) struct Cluster {
    random: Rng,
    now: u64,
    nodes: Vec<Node>,
    wire: Vec<Message>,
    state: TabletState,
    /// What was answered to each request, in their order.
    requests: Vec<(Acks, Option<Outcome>)>,
    /// The value at each offset that was below a leader's high watermark.
    committed: Vec<u64>,
    pub(crate) acknowledged: usize,
}

impl Cluster {
    pub(crate) fn new(seed: u64) -> Cluster {
        let node = |broker| {
            let (log, life) = (MemoryLog::default(), 1);
            Node { replica: open(broker, &log, life), log, life, syncing: None }
        };
        let mut cluster = Cluster {
            random: Rng::with_seed(seed),
            now: 0,
            nodes: (0..3).map(node).collect(),
            wire: Vec::new(),
            state: state(1, 1, 1, &[1, 2, 3]),
            requests: Vec::new(),
            committed: Vec::new(),
            acknowledged: 0,
        };
        (0..3).for_each(|broker| cluster.announce(broker));
        cluster
    }

    /// Something happens.
    pub(crate) fn step(&mut self) {
        self.now += self.random.u64(0..20);
        let broker = self.random.usize(0..3);
        match self.random.u32(0..100) {
            0 => self.lose_power(broker),
            1 => self.elect(broker),
            // Most producers know who leads.
            2..10 => self.produce(self.leader()),
            10..12 => self.produce(broker),
            12..30 => self.synced(broker),
            30..40 => self.announce(broker),
            40..50 => self.tell(broker, Input::Tick),
            _ => self.deliver(),
        }
    }

    /// From now on everything works: whatever is under way arrives, and all are to end up with the same.
    pub(crate) fn heal(&mut self) {
        for round in 0..200 {
            self.now += 100;
            if round == 100 {
                self.produce(self.leader());
            }
            (0..3).for_each(|broker| self.announce(broker));
            for message in std::mem::take(&mut self.wire) {
                self.receive(message);
            }
            for broker in 0..3 {
                self.synced(broker);
                self.tell(broker, Input::Tick);
            }
        }
        let end = self.nodes[self.leader()].log.end();
        for (broker, node) in (1..).zip(&self.nodes) {
            let (has, watermark) = (node.log.durable_end(), node.replica.high_watermark());
            assert_eq!((has, watermark), (end, end), "broker {broker} has all, durably, and knows it");
        }
        for (request, (acks, answer)) in self.requests.iter().enumerate() {
            if let Some(Outcome::Refused(why)) = answer {
                let is_there = self.committed.contains(&(request as u64));
                assert!(!is_there, "batch {request} was refused ({why:?}), and is there");
            }
            let is_none = matches!(answer, None | Some(Outcome::Refused(_)));
            assert!(*acks != Acks::None || is_none, "batch {request} wanted no answer, and got {answer:?}");
        }
        let (acks, last) = self.requests.last().expect("one was sent when all was well");
        assert!(
            *acks == Acks::None || matches!(last, Some(Outcome::Acknowledged(_))),
            "with {acks:?}, a batch that was sent when all was well has the answer {last:?}"
        );
    }

    fn leader(&self) -> usize {
        self.state.leader.map_or(0, |leader| leader.0 as usize - 1)
    }

    /// A broker hears the controller's word.
    fn announce(&mut self, broker: usize) {
        let life = Some(self.nodes[broker].life);
        self.wire.push(Message { to: broker, life, input: Input::Tablet(self.state.clone()) });
    }

    fn elect(&mut self, broker: usize) {
        self.state.leader = Some(BrokerId(broker as u32 + 1));
        self.state.leader_epoch = self.state.leader_epoch.next();
        self.state.partition_epoch = self.state.partition_epoch.next();
    }

    fn lose_power(&mut self, broker: usize) {
        if self.leader() == broker {
            self.elect((broker + 1) % 3);
        }
        let node = &mut self.nodes[broker];
        node.log.lose_power(&mut self.random);
        // Opening a log makes what is left of it durable.
        node.log.sync().expect("a log in memory");
        (node.life, node.syncing) = (node.life + 1, None);
        node.replica = open(broker, &node.log, node.life);
    }

    fn produce(&mut self, broker: usize) {
        let acks = [Acks::None, Acks::Leader, Acks::All, Acks::All][self.random.usize(0..4)];
        self.requests.push((acks, None));
        let request = self.requests.len() as u64 - 1;
        self.tell(broker, produce(request, acks));
    }

    fn synced(&mut self, broker: usize) {
        if let Some(end) = self.nodes[broker].syncing.take() {
            self.nodes[broker].log.synced(end);
            self.tell(broker, Input::Synced);
        }
    }

    /// Some message arrives, or is lost, or arrives and will arrive again.
    fn deliver(&mut self) {
        if self.wire.is_empty() {
            return;
        }
        let at = self.random.usize(0..self.wire.len());
        let Message { to, life, input } = self.wire.swap_remove(at);
        match self.random.u32(0..12) {
            0 => return,
            1 => self.wire.push(Message { to, life, input: input.clone() }),
            _ => {}
        }
        self.receive(Message { to, life, input });
    }

    fn receive(&mut self, Message { to, life, input }: Message) {
        if life.is_none_or(|life| life == self.nodes[to].life) {
            self.tell(to, input);
        }
    }

    /// Tells a replica something, does what it says, and looks whether that was right.
    fn tell(&mut self, broker: usize, input: Input) {
        for output in self.nodes[broker].replica.handle(self.now, input) {
            match output {
                Output::Append(batches) => self.nodes[broker].log.append(&batches).expect("a log in memory"),
                Output::Sync => self.nodes[broker].syncing = Some(self.nodes[broker].log.end()),
                Output::Truncate(end) => {
                    let end = self.nodes[broker].log.truncate(end).expect("a log in memory");
                    self.tell(broker, Input::Truncated(end));
                }
                Output::StartAgain(start) => {
                    self.nodes[broker].log.start_again(start);
                    self.tell(broker, Input::StartedAgain(start));
                }
                Output::Fetch { leader, request } => {
                    let to = leader.0 as usize - 1;
                    self.wire.push(Message { to, life: None, input: Input::FetchRequest(request) });
                }
                Output::AnswerFetch { to, answer } => self.answer_follower(to, answer),
                Output::ServeFetch { to, number, leader_epoch, from, high_watermark } => {
                    let batches = self.nodes[broker].log.read(from, 24).expect("a log in memory");
                    let result = FetchResult::Batches { batches, high_watermark };
                    self.answer_follower(to, FetchAnswer { number, leader_epoch, result });
                }
                Output::Answer { request, outcome } => self.answer_client(broker, request.0, outcome),
                Output::HighWatermark(end) => self.commit(broker, end),
                // Nobody leaves, so nobody joins: a proposal gets no answer.
                _ => {}
            }
        }
    }

    fn answer_follower(&mut self, to: BrokerId, answer: FetchAnswer) {
        let to = to.0 as usize - 1;
        self.wire.push(Message { to, life: Some(self.nodes[to].life), input: Input::FetchAnswer(answer) });
    }

    fn answer_client(&mut self, broker: usize, request: u64, outcome: Outcome) {
        let (acks, known) = &mut self.requests[request as usize];
        assert!(known.is_none(), "batch {request} is answered with {known:?}, and then with {outcome:?}");
        *known = Some(outcome.clone());
        let acks = *acks;
        let Outcome::Acknowledged(at) = outcome else { return };
        self.acknowledged += 1;
        let must_have: Vec<usize> = if acks == Acks::All { vec![0, 1, 2] } else { vec![broker] };
        for other in must_have {
            assert!(self.has(other, at, request), "{acks:?}: batch {request} is acknowledged at {at}: {}", self.logs());
        }
    }

    /// A replica says that everything in front of `end` is committed.
    fn commit(&mut self, broker: usize, end: Offset) {
        let node = &self.nodes[broker];
        assert!(end <= node.log.end(), "broker {} has a watermark of {end}: {}", broker + 1, self.logs());
        let value = |at: u64| node.log.cell(Offset(at)).map(|cell| cell.value);
        for at in 0..end.0 {
            let (found, known) = (value(at), self.committed.get(at as usize).copied());
            assert!(known.is_none() || found == known, "the record at {at} was committed, and is another one now");
        }
        if node.replica.leading().is_some() {
            let new: Vec<u64> = (self.committed.len() as u64..end.0).filter_map(value).collect();
            self.committed.extend(new);
            for at in 0..end.0 {
                let value = self.committed[at as usize];
                let all_have = (0..3).all(|other| self.has(other, Offset(at), value));
                assert!(all_have, "broker {} says that {at} is committed: {}", broker + 1, self.logs());
            }
        }
    }

    /// Whether a power cut would leave this record there.
    fn has(&self, broker: usize, at: Offset, value: u64) -> bool {
        let log = &self.nodes[broker].log;
        at < log.durable_end() && log.cell(at).is_some_and(|cell| cell.value == value)
    }

    fn logs(&self) -> String {
        let log = |(broker, node): (usize, &Node)| {
            let (end, durable) = (node.log.end(), node.log.durable_end());
            format!("broker {} has {end} records, {durable} of them durable", broker + 1)
        };
        self.nodes.iter().enumerate().map(log).collect::<Vec<_>>().join("; ")
    }
}

fn open(broker: usize, log: &MemoryLog, life: u64) -> Replica {
    let epochs = log.epochs().expect("a log in memory");
    opened(broker as u32 + 1, BrokerEpoch(life), Flush::Sync, log.start().0, log.end().0, epochs)
}
