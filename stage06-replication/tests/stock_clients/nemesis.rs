//! Whatever can happen to brokers that run: killed, stopped, cut off.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use crate::cluster::{BROKERS, Cluster, SESSION_TIMEOUT};
use crate::proxy::Way;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// `kill -9` of whoever leads a partition.
    KillLeader,
    /// `kill -9` of one, whichever.
    KillOne,
    /// Of two at once: nobody can be elected until they are back.
    KillTwo,
    /// Of all.
    KillAll,
    /// SIGSTOP of whoever leads, for longer than the others wait for it; then it goes on as if nothing had been.
    StopLeader,
    /// SIGSTOP for a moment.
    Hiccup,
    /// A controller, and with it a broker, hears nothing of the others.
    IsolateController,
    /// Two controllers hear nothing of each other; the third hears both.
    CutOneWay,
    /// Neither clients nor followers reach whoever leads. It reaches the others.
    CloseDoor,
    /// Both: whoever leads goes on alone and knows nothing of it.
    IsolateLeader,
}

const FAULTS: [Fault; 10] = [
    Fault::KillLeader,
    Fault::KillOne,
    Fault::KillTwo,
    Fault::KillAll,
    Fault::StopLeader,
    Fault::Hiccup,
    Fault::IsolateController,
    Fault::CutOneWay,
    Fault::CloseDoor,
    Fault::IsolateLeader,
];

/// Does one thing after the other to the brokers, by chance.
pub(crate) struct Nemesis {
    random: fastrand::Rng,
    /// What is still to come before anything comes again.
    deck: Vec<Fault>,
    done: BTreeMap<Fault, usize>,
}

impl Nemesis {
    /// The same seed does the same things in the same order. What the processes make of it is not the same.
    pub(crate) fn new(seed: u64) -> Nemesis {
        Nemesis { random: fastrand::Rng::with_seed(seed), deck: Vec::new(), done: BTreeMap::new() }
    }

    /// Breaks something, mends it, and waits until the topic has all its replicas again.
    pub(crate) fn strike(&mut self, cluster: &mut Cluster, topic: &str, partitions: usize) {
        if self.deck.is_empty() {
            self.deck = FAULTS.to_vec();
            self.random.shuffle(&mut self.deck);
        }
        let Some(fault) = self.deck.pop() else { return };
        *self.done.entry(fault).or_default() += 1;
        let any = self.random.u32(1..=BROKERS);
        let leader = cluster.leader(topic, self.random.usize(..partitions)).unwrap_or(any);
        println!("{fault:?}, broker {leader} leads, broker {any} is chosen");
        self.carry_out(fault, cluster, leader, any);
        cluster.wait_until("all replicas are in sync again", |cluster| cluster.is_whole(topic, partitions));
    }

    fn carry_out(&mut self, fault: Fault, cluster: &mut Cluster, leader: u32, any: u32) {
        match fault {
            Fault::KillLeader => self.kill(cluster, &[leader]),
            Fault::KillOne => self.kill(cluster, &[any]),
            Fault::KillTwo => self.kill(cluster, &[any, any % BROKERS + 1]),
            Fault::KillAll => self.kill(cluster, &[1, 2, 3]),
            Fault::StopLeader => stop(cluster, leader, SESSION_TIMEOUT + self.a_while()),
            Fault::Hiccup => stop(cluster, any, self.a_while() / 4),
            Fault::IsolateController => self.cut(cluster, &pairs_of(any), &[]),
            Fault::CutOneWay => self.cut(cluster, &[(any, any % BROKERS + 1)], &[]),
            Fault::CloseDoor => self.cut(cluster, &[], &[leader]),
            Fault::IsolateLeader => self.cut(cluster, &pairs_of(leader), &[leader]),
        }
    }

    /// Between a tenth of the session's timeout and all of it.
    fn a_while(&mut self) -> Duration {
        SESSION_TIMEOUT.mul_f64(0.1 + 0.9 * self.random.f64())
    }

    fn kill(&mut self, cluster: &mut Cluster, brokers: &[u32]) {
        brokers.iter().for_each(|&id| cluster.kill(id));
        // Sometimes it is back before anybody has noticed.
        thread::sleep(self.a_while() * self.random.u32(0..=2));
        brokers.iter().for_each(|&id| cluster.start_broker(id));
    }

    fn cut(&mut self, cluster: &Cluster, ways: &[(u32, u32)], doors: &[u32]) {
        let way = if self.random.bool() { Way::Held } else { Way::Cut };
        let set = |way: Way| {
            ways.iter().for_each(|&(one, other)| cluster.between(one, other, way));
            doors.iter().for_each(|&id| cluster.door(id, way));
        };
        set(way);
        thread::sleep(self.a_while() * 2);
        set(Way::Open);
    }

    /// What has happened, and how often.
    pub(crate) fn summary(&self) -> String {
        let parts: Vec<String> = self.done.iter().map(|(fault, times)| format!("{fault:?} {times}")).collect();
        parts.join(", ")
    }
}

fn pairs_of(broker: u32) -> Vec<(u32, u32)> {
    (1..=BROKERS).filter(|&other| other != broker).map(|other| (broker, other)).collect()
}

fn stop(cluster: &Cluster, broker: u32, time: Duration) {
    cluster.signal(broker, "STOP");
    thread::sleep(time);
    cluster.signal(broker, "CONT");
}
