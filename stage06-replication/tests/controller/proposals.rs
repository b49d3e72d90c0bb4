//! What a leader proposes: other in-sync replicas.

use stage06::controller::{Command, Reply};
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::tablet::{IsrChange, Member, Refusal};

use super::{Cluster, ineligible, set, tablet};

#[test]
fn a_leader_shrinks_and_expands_the_in_sync_replicas() {
    let mut cluster = Cluster::of_three(2);
    let Reply::Tablet(state) = cluster.propose(cluster.change(&[1, 2])) else { panic!("it is accepted") };
    assert_eq!((&state.isr, state.partition_epoch), (&set(&[1, 2]), PartitionEpoch(2)));
    let Reply::Tablet(state) = cluster.propose(cluster.change(&[1, 2, 3])) else { panic!("it is accepted") };
    assert_eq!((&state.isr, state.partition_epoch), (&set(&[1, 2, 3]), PartitionEpoch(3)));
    assert_eq!(state.leader_epoch, LeaderEpoch(1));
}

#[test]
fn a_change_for_an_earlier_version_is_refused() {
    let mut cluster = Cluster::of_three(2);
    let (late, now) = (cluster.change(&[1, 3]), cluster.change(&[1, 2]));
    cluster.propose(now);
    let (expected, found) = (PartitionEpoch(1), PartitionEpoch(2));
    cluster.refuses(Command::ChangeIsr(late), Refusal::StaleVersion { tablet: tablet(), expected, found });
}

#[test]
fn only_the_leader_changes_the_in_sync_replicas_and_only_in_its_epoch() {
    let mut cluster = Cluster::of_three(2);
    let (leader, leader_epoch) = (Some(BrokerId(1)), LeaderEpoch(1));
    let change = IsrChange { leader: BrokerId(2), leader_life: cluster.life(2), ..cluster.change(&[2, 3]) };
    cluster.refuses(Command::ChangeIsr(change), Refusal::NotLeader { tablet: tablet(), leader, leader_epoch });
    // It leads again, and asks as it did when it led before.
    let before = cluster.change(&[1, 2]);
    for to in [2, 1].map(BrokerId) {
        assert!(matches!(cluster.apply(Command::MoveLeader { tablet: tablet(), to }), Reply::Tablet(_)));
    }
    let change = IsrChange { partition_epoch: cluster.state().partition_epoch, ..before };
    let leader_epoch = LeaderEpoch(3);
    cluster.refuses(Command::ChangeIsr(change), Refusal::NotLeader { tablet: tablet(), leader, leader_epoch });
}

#[test]
fn a_leader_of_an_earlier_life_changes_nothing() {
    let mut cluster = Cluster::of_three(2);
    let change = IsrChange { leader_life: BrokerEpoch(0), ..cluster.change(&[1, 2]) };
    let registered = Some(cluster.life(1));
    let refusal = Refusal::StaleBroker { broker: BrokerId(1), asks: BrokerEpoch(0), registered };
    cluster.refuses(Command::ChangeIsr(change), refusal);
}

#[test]
fn who_joins_has_to_be_the_one_that_had_caught_up() {
    let mut cluster = Cluster::of_three(2);
    cluster.propose(cluster.change(&[1, 2]));
    let change = cluster.change(&[1, 2, 3]);
    // It is started again while the proposal is on its way.
    cluster.start(3, 2, 2);
    cluster.refuses(Command::ChangeIsr(change.clone()), ineligible(3));
    let nameless = Member { broker: BrokerId(3), life: None };
    let isr = change.isr.iter().copied().filter(|member| member.broker != BrokerId(3)).chain([nameless]).collect();
    cluster.refuses(Command::ChangeIsr(IsrChange { isr, ..change }), ineligible(3));
    assert!(matches!(cluster.propose(cluster.change(&[1, 2, 3])), Reply::Tablet(_)), "now it is that one");
}

#[test]
fn a_fenced_broker_and_one_that_keeps_no_replica_cannot_be_in_sync() {
    let mut cluster = Cluster::of_three(2);
    cluster.start(4, 1, 0);
    let change = cluster.change(&[1, 2, 3, 4]);
    cluster.refuses(Command::ChangeIsr(change), ineligible(4));
    cluster.fence(3);
    let change = cluster.change(&[1, 2, 3]);
    cluster.refuses(Command::ChangeIsr(change), ineligible(3));
}
