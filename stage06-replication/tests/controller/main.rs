//! The controller: who leads, who is in sync, who may be, and everything that it refuses.

mod elections;
mod lives;
mod proposals;
mod sessions;
mod state;
mod topics;

use std::collections::BTreeSet;

use stage06::controller::{Command, Controller, Reply};
use stage06::ids::{BrokerEpoch, BrokerId};
use stage06::tablet::{IsrChange, Member, Refusal, TabletId, TabletState};

fn tablet() -> TabletId {
    TabletId { topic: "t".into(), partition: 0 }
}

fn set(brokers: &[u32]) -> BTreeSet<BrokerId> {
    brokers.iter().copied().map(BrokerId).collect()
}

/// A controller, and how often each of its brokers was started.
#[derive(Default)]
struct Cluster {
    controller: Controller,
}

impl Cluster {
    /// Three brokers that are there, and a tablet on them of which broker 1 is the leader.
    fn of_three(min_insync_replicas: usize) -> Cluster {
        let mut cluster = Cluster::default();
        (1..=3).for_each(|broker| cluster.start(broker, 1, 0));
        let replicas = vec![BrokerId(1), BrokerId(2), BrokerId(3)];
        cluster.apply(Command::CreateTablet { tablet: tablet(), replicas, min_insync_replicas });
        cluster
    }

    fn apply(&mut self, command: Command) -> Reply {
        self.controller.apply(&command)
    }

    fn register(&mut self, broker: u32, incarnation: u64, intact_since: u64) -> Reply {
        self.apply(Command::Register { broker: BrokerId(broker), incarnation, intact_since, address: String::new() })
    }

    fn life(&self, broker: u32) -> BrokerEpoch {
        self.controller.brokers()[&BrokerId(broker)].life
    }

    fn fence(&mut self, broker: u32) {
        let life = self.life(broker);
        assert_eq!(self.apply(Command::Fence { broker: BrokerId(broker), life }), Reply::Done);
    }

    fn unfence(&mut self, broker: u32) {
        let life = self.life(broker);
        assert_eq!(self.apply(Command::Unfence { broker: BrokerId(broker), life }), Reply::Done);
    }

    /// Registers a start of a broker, and lets it in.
    fn start(&mut self, broker: u32, incarnation: u64, intact_since: u64) {
        assert!(matches!(self.register(broker, incarnation, intact_since), Reply::Registered(_)));
        self.unfence(broker);
    }

    fn state(&self) -> &TabletState {
        self.controller.tablet(&tablet()).expect("the tablet")
    }

    fn leader(&self) -> Option<u32> {
        self.state().leader.map(|broker| broker.0)
    }

    /// A change that would be accepted: from the leader as it is, on the version as it is, with the lives as they are.
    fn change(&self, isr: &[u32]) -> IsrChange {
        let state = self.state();
        let leader = state.leader.expect("a leader");
        let member = |&broker: &u32| Member {
            broker: BrokerId(broker),
            life: (!state.isr.contains(&BrokerId(broker))).then(|| self.life(broker)),
        };
        IsrChange {
            tablet: tablet(),
            leader,
            leader_life: self.life(leader.0),
            leader_epoch: state.leader_epoch,
            partition_epoch: state.partition_epoch,
            isr: isr.iter().map(member).collect(),
        }
    }

    fn propose(&mut self, change: IsrChange) -> Reply {
        self.apply(Command::ChangeIsr(change))
    }

    /// A refusal, which changes nothing but the version.
    #[track_caller]
    fn refuses(&mut self, command: Command, refusal: Refusal) {
        let before = self.controller.clone();
        assert_eq!(self.apply(command), Reply::Refused(refusal));
        assert_eq!(self.controller.brokers(), before.brokers());
        assert_eq!(self.controller.tablets(), before.tablets());
    }
}

fn ineligible(broker: u32) -> Refusal {
    Refusal::Ineligible { tablet: tablet(), broker: BrokerId(broker) }
}

fn create_orders(replicas: &[&[u32]]) -> Command {
    let replicas = replicas.iter().map(|brokers| brokers.iter().copied().map(BrokerId).collect()).collect();
    Command::CreateTopic { topic: "orders".into(), replicas, min_insync_replicas: 2 }
}
