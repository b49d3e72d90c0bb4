//! Part 4: the controller: who leads, who is in sync, and who may be asked to lead when nobody is.

use std::collections::BTreeSet;

use stage06::controller::{Command, Controller, Reply};
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::sim::Config;
use stage06::tablet::{IsrChange, Member, Refusal, TabletState};

use crate::common::{simulate, tablet};

fn set(brokers: &[u32]) -> BTreeSet<BrokerId> {
    brokers.iter().copied().map(BrokerId).collect()
}

/// A controller, its brokers, and one tablet.
struct Cluster {
    controller: Controller,
}

impl Cluster {
    /// Three brokers that are there, and a tablet on them of which broker 1 is the leader.
    fn of_three(min_insync_replicas: usize) -> Cluster {
        let mut cluster = Cluster { controller: Controller::default() };
        (1..=3).for_each(|broker| cluster.start(broker, 1));
        let replicas = vec![BrokerId(1), BrokerId(2), BrokerId(3)];
        cluster.apply(Command::CreateTablet { tablet: tablet(), replicas, min_insync_replicas });
        cluster
    }

    fn apply(&mut self, command: Command) -> Reply {
        self.controller.apply(&command)
    }

    /// A start of a broker is registered.
    fn register(&mut self, broker: u32, incarnation: u64) {
        let (broker, address) = (BrokerId(broker), String::new());
        let reply = self.apply(Command::Register { broker, incarnation, intact_since: 0, address });
        assert!(matches!(reply, Reply::Registered(_)), "{broker} is registered: {reply:?}");
    }

    fn start(&mut self, broker: u32, incarnation: u64) {
        self.register(broker, incarnation);
        self.unfence(broker);
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

    fn state(&self) -> &TabletState {
        self.controller.tablet(&tablet()).expect("the tablet")
    }

    /// Who leads, in which epoch, and the version.
    fn reign(&self) -> (Option<u32>, u32, u32) {
        let state = self.state();
        (state.leader.map(|broker| broker.0), state.leader_epoch.0, state.partition_epoch.0)
    }

    /// Who is in sync, and who is eligible.
    fn sets(&self) -> (BTreeSet<BrokerId>, BTreeSet<BrokerId>) {
        (self.state().isr.clone(), self.state().elr.clone())
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

    fn accepts(&mut self, change: IsrChange) {
        let reply = self.apply(Command::ChangeIsr(change.clone()));
        assert_eq!(reply, Reply::Tablet(self.state().clone()), "{change:?} is accepted, and the new state is told");
    }

    /// A refusal, which changes nothing.
    #[track_caller]
    fn refuses(&mut self, change: IsrChange, refusal: Refusal) {
        let before = self.controller.clone();
        assert_eq!(self.apply(Command::ChangeIsr(change)), Reply::Refused(refusal));
        assert_eq!(self.controller.brokers(), before.brokers(), "a refusal changes nothing");
        assert_eq!(self.controller.tablets(), before.tablets(), "a refusal changes nothing");
    }
}

fn ineligible(broker: u32) -> Refusal {
    Refusal::Ineligible { tablet: tablet(), broker: BrokerId(broker) }
}

/// When the leader is fenced, the first replica that is in sync and not fenced leads, in another epoch. When a follower is,
/// it leaves the in-sync replicas, and the epoch stays.
#[test]
fn s06p4_when_the_leader_goes_one_that_is_in_sync_leads_in_another_epoch() {
    let mut cluster = Cluster::of_three(1);
    let before = cluster.reign().2;
    cluster.fence(1);
    let (leader, epoch, version) = cluster.reign();
    assert_eq!((leader, epoch, cluster.sets()), (Some(2), 2, (set(&[2, 3]), set(&[]))));
    assert!(version > before, "who has heard of version {before} has to hear of this one: {version}");
    cluster.fence(3);
    let (leader, epoch, later) = cluster.reign();
    assert_eq!((leader, epoch, cluster.sets().0), (Some(2), 2, set(&[2])), "broker 2 leads on");
    assert!(later > version, "another version");
    cluster.unfence(3);
    cluster.unfence(1);
    cluster.fence(2);
    assert_eq!(cluster.reign().0, None, "1 and 3 are back, and neither is in sync");
    assert_eq!(
        cluster.sets(),
        (set(&[]), set(&[2])),
        "below the minimum, 1, nothing was acknowledged without broker 2"
    );
    cluster.unfence(2);
    assert_eq!((cluster.reign().0, cluster.sets()), (Some(2), (set(&[2]), set(&[]))));
}

/// The order of the replicas is the order of preference.
#[test]
fn s06p4_of_those_who_may_lead_the_first_one_that_is_there_does() {
    let mut cluster = Cluster { controller: Controller::default() };
    (1..=3).for_each(|broker| cluster.start(broker, 1));
    let replicas = vec![BrokerId(3), BrokerId(1), BrokerId(2)];
    cluster.apply(Command::CreateTablet { tablet: tablet(), replicas, min_insync_replicas: 2 });
    assert_eq!(cluster.reign().0, Some(3));
    cluster.fence(3);
    assert_eq!(cluster.reign().0, Some(1), "of 3, 1, 2");
    cluster.fence(1);
    assert_eq!(cluster.reign().0, Some(2));
}

/// Who leaves the in-sync replicas when fewer than the minimum are left lacks nothing that was acknowledged, and stays
/// eligible (KIP-966). Who leaves above it does not: the others went on.
#[test]
fn s06p4_who_leaves_below_the_minimum_stays_eligible() {
    let mut cluster = Cluster::of_three(2);
    cluster.fence(3);
    assert_eq!(cluster.sets(), (set(&[1, 2]), set(&[])), "two are enough, and go on without the third");
    cluster.fence(2);
    assert_eq!(cluster.sets(), (set(&[1]), set(&[2])), "from here on nothing is acknowledged by all");
    cluster.fence(1);
    assert_eq!(cluster.sets(), (set(&[]), set(&[1, 2])), "the last one goes as well");
    assert_eq!(cluster.reign().0, None);
    cluster.unfence(3);
    assert_eq!(cluster.reign().0, None, "broker 3 left when the others went on: it may lack something");
    cluster.unfence(2);
    assert_eq!((cluster.reign().0, cluster.sets()), (Some(2), (set(&[2]), set(&[1]))), "broker 2 may lead");
}

/// As long as somebody is in sync, nobody is elected who is merely eligible: the one in sync may have more, and consumers
/// may have seen it.
#[test]
fn s06p4_eligible_ones_are_asked_only_when_nobody_is_in_sync() {
    let mut cluster = Cluster::of_three(2);
    cluster.fence(3);
    cluster.fence(2);
    let before = cluster.state().clone();
    cluster.unfence(2);
    assert_eq!(cluster.state(), &before, "broker 1 is in sync, and leads on");
    let reply = cluster.apply(Command::MoveLeader { tablet: tablet(), to: BrokerId(2) });
    assert_eq!(reply, Reply::Refused(ineligible(2)));
}

/// When enough are in sync again, records are acknowledged without those who were eligible. They are not, any more; and
/// nobody is both eligible and in sync.
#[test]
fn s06p4_nobody_is_eligible_when_enough_are_in_sync() {
    let mut cluster = Cluster::of_three(2);
    cluster.fence(3);
    cluster.fence(2);
    assert_eq!(cluster.sets().1, set(&[2]));
    cluster.unfence(3);
    cluster.accepts(cluster.change(&[1, 3]));
    assert_eq!(cluster.sets(), (set(&[1, 3]), set(&[])), "two are in sync, and go on without broker 2");
    let mut cluster = Cluster::of_three(3);
    cluster.fence(3);
    cluster.fence(2);
    cluster.unfence(2);
    cluster.accepts(cluster.change(&[1, 2]));
    assert_eq!(cluster.sets(), (set(&[1, 2]), set(&[3])), "the minimum is 3: broker 3 stays, broker 2 is in sync");
}

/// A broker that was killed and is back within a second: nobody has noticed. Its new life begins with nothing; it leads
/// nothing, and is in sync with nothing.
#[test]
fn s06p4_a_new_life_ends_the_one_before_it() {
    let mut cluster = Cluster::of_three(2);
    cluster.register(1, 2);
    assert!(!cluster.controller.is_active(BrokerId(1)), "a new life is fenced until it is ready");
    let (leader, epoch, _) = cluster.reign();
    assert_eq!((leader, epoch, cluster.sets().0), (Some(2), 2, set(&[2, 3])));
    cluster.unfence(1);
    assert_eq!(
        (cluster.reign().0, cluster.sets().0),
        (Some(2), set(&[2, 3])),
        "to be in sync it has to catch up first"
    );
}

/// Commands may come late. One for a life that is over fences nobody and lets nobody in.
#[test]
fn s06p4_a_command_for_an_earlier_life_changes_nothing() {
    let mut cluster = Cluster::of_three(2);
    let (broker, before) = (BrokerId(1), cluster.life(1));
    cluster.register(1, 2);
    let (registered, tablets) = (Some(cluster.life(1)), cluster.controller.tablets().clone());
    let refused = Reply::Refused(Refusal::StaleBroker { broker, asks: before, registered });
    assert_eq!(cluster.apply(Command::Unfence { broker, life: before }), refused);
    assert!(!cluster.controller.is_active(broker), "it was not let in");
    assert_eq!(cluster.controller.tablets(), &tablets);
}

/// The leader says who is in sync, since nobody else sees how far its followers are. Each change is another version, and
/// no other epoch.
#[test]
fn s06p4_a_leader_shrinks_and_expands_the_in_sync_replicas() {
    let mut cluster = Cluster::of_three(2);
    cluster.accepts(cluster.change(&[1, 2]));
    assert_eq!((cluster.reign(), cluster.sets().0), ((Some(1), 1, 2), set(&[1, 2])));
    cluster.accepts(cluster.change(&[1, 2, 3]));
    assert_eq!((cluster.reign(), cluster.sets().0), ((Some(1), 1, 3), set(&[1, 2, 3])));
    cluster.accepts(cluster.change(&[1, 2, 3]));
    assert_eq!(cluster.reign(), (Some(1), 1, 4), "a change that changes nothing but the version is one");
    cluster.accepts(cluster.change(&[1]));
    assert_eq!(cluster.sets(), (set(&[1]), set(&[2, 3])), "the leader alone: the other two are eligible");
}

/// A change is for one version of the tablet. Two that were made on the same one cannot both be accepted (KIP-497).
#[test]
fn s06p4_a_change_for_an_earlier_version_is_refused() {
    let mut cluster = Cluster::of_three(2);
    let (late, now) = (cluster.change(&[1, 3]), cluster.change(&[1, 2]));
    cluster.accepts(now);
    let (expected, found) = (PartitionEpoch(1), PartitionEpoch(2));
    cluster.refuses(late, Refusal::StaleVersion { tablet: tablet(), expected, found });
}

/// Only the leader, in its epoch and in its present life, says who is in sync.
#[test]
fn s06p4_only_the_leader_of_this_epoch_and_life_is_heard() {
    let mut cluster = Cluster::of_three(2);
    let (leader, leader_epoch) = (Some(BrokerId(1)), LeaderEpoch(1));
    let other = IsrChange { leader: BrokerId(2), leader_life: cluster.life(2), ..cluster.change(&[2, 3]) };
    cluster.refuses(other, Refusal::NotLeader { tablet: tablet(), leader, leader_epoch });
    let registered = Some(cluster.life(1));
    let earlier = IsrChange { leader_life: BrokerEpoch(0), ..cluster.change(&[1, 2]) };
    let refusal = Refusal::StaleBroker { broker: BrokerId(1), asks: BrokerEpoch(0), registered };
    cluster.refuses(earlier, refusal);
    // It leads again, and asks as it did when it led before.
    let before = cluster.change(&[1, 2]);
    for to in [2, 1].map(BrokerId) {
        assert!(matches!(cluster.apply(Command::MoveLeader { tablet: tablet(), to }), Reply::Tablet(_)));
    }
    let change = IsrChange { partition_epoch: cluster.state().partition_epoch, ..before };
    cluster.refuses(change, Refusal::NotLeader { tablet: tablet(), leader, leader_epoch: LeaderEpoch(3) });
    let nowhere = stage06::tablet::TabletId { partition: 9, ..tablet() };
    let change = IsrChange { tablet: nowhere.clone(), ..cluster.change(&[1]) };
    cluster.refuses(change, Refusal::UnknownTablet(nowhere));
}

/// A broker that was restarted while the proposal was on its way may have less than the one that had caught up. Who joins
/// has to be that very life (KIP-903); one that joins without saying which life is nobody.
#[test]
fn s06p4_who_joins_has_to_be_the_one_that_had_caught_up() {
    let mut cluster = Cluster::of_three(2);
    cluster.accepts(cluster.change(&[1, 2]));
    let change = cluster.change(&[1, 2, 3]);
    cluster.start(3, 2);
    cluster.refuses(change.clone(), ineligible(3));
    let mut nameless = change;
    nameless.isr.iter_mut().for_each(|member| member.life = None);
    cluster.refuses(nameless, ineligible(3));
    cluster.accepts(cluster.change(&[1, 2, 3]));
}

/// A fenced broker is not in sync, whatever its leader has seen; nor is one that keeps no replica of the tablet.
#[test]
fn s06p4_a_fenced_broker_and_a_stranger_cannot_be_in_sync() {
    let mut cluster = Cluster::of_three(2);
    cluster.start(4, 1);
    cluster.refuses(cluster.change(&[1, 2, 3, 4]), ineligible(4));
    cluster.fence(3);
    cluster.refuses(cluster.change(&[1, 2, 3]), ineligible(3));
}

/// An operator may move the leader to any replica that is in sync. The one that leads already leads on, in its epoch.
#[test]
fn s06p4_another_leader_is_another_epoch_and_another_version() {
    let mut cluster = Cluster::of_three(2);
    let to = |to: u32| Command::MoveLeader { tablet: tablet(), to: BrokerId(to) };
    assert!(matches!(cluster.apply(to(3)), Reply::Tablet(_)));
    assert_eq!((cluster.reign(), cluster.sets()), ((Some(3), 2, 2), (set(&[1, 2, 3]), set(&[]))));
    cluster.apply(to(3));
    assert_eq!(cluster.reign(), (Some(3), 2, 2), "nothing was to be done");
    (1..=3).for_each(|broker| cluster.fence(broker));
    let (leader, epoch, _) = cluster.reign();
    assert_eq!((leader, epoch > 2), (None, true), "that nobody leads is another epoch as well");
}

/// The judge of the whole stage: replicas, leaders and this controller in simulated clusters in which everything goes wrong.
/// With three replicas of which two have to be in sync, no rule is broken, and whatever befell it, the cluster is whole again
/// within twenty seconds.
#[test]
fn s06p4_three_replicas_keep_all_rules_in_the_simulator() {
    simulate(Config::ALL[0], 200);
}

/// The same with five replicas, of which three have to be in sync: here two of them leave at a time, and late proposals meet.
#[test]
fn s06p4_five_replicas_keep_all_rules_in_the_simulator() {
    simulate(Config::ALL[1], 100);
}
