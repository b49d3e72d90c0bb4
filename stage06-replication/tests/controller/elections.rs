//! Who leads when somebody is gone, and who may.

use stage06::controller::{Command, Reply};
use stage06::ids::{BrokerId, LeaderEpoch, PartitionEpoch};

use super::{Cluster, ineligible, set, tablet};

#[test]
fn when_the_leader_is_fenced_the_first_replica_that_is_in_sync_leads_in_another_epoch() {
    let mut cluster = Cluster::of_three(2);
    let version = cluster.state().partition_epoch;
    cluster.fence(1);
    assert_eq!((cluster.leader(), cluster.state().leader_epoch), (Some(2), LeaderEpoch(2)));
    assert_eq!(cluster.state().isr, set(&[2, 3]));
    assert!(cluster.state().partition_epoch > version);
}

#[test]
fn a_follower_that_is_fenced_leaves_the_in_sync_replicas_and_the_epoch_stays() {
    let mut cluster = Cluster::of_three(2);
    cluster.fence(3);
    assert_eq!((cluster.leader(), cluster.state().leader_epoch), (Some(1), LeaderEpoch(1)));
    assert_eq!((&cluster.state().isr, cluster.state().partition_epoch), (&set(&[1, 2]), PartitionEpoch(2)));
}

#[test]
fn who_is_not_in_sync_does_not_lead() {
    let mut cluster = Cluster::of_three(1);
    cluster.propose(cluster.change(&[1]));
    cluster.fence(1);
    assert_eq!((cluster.leader(), cluster.state().isr.len()), (None, 0), "two brokers are there, and lack something");
}

#[test]
fn a_replica_that_leaves_below_the_minimum_stays_eligible_and_one_that_leaves_above_it_does_not() {
    let mut cluster = Cluster::of_three(2);
    cluster.fence(3);
    assert_eq!(cluster.state().elr, set(&[]), "two are in sync, and go on without the third");
    cluster.fence(2);
    assert_eq!((&cluster.state().isr, &cluster.state().elr), (&set(&[1]), &set(&[2])));
    cluster.fence(1);
    assert_eq!((&cluster.state().isr, &cluster.state().elr, cluster.leader()), (&set(&[]), &set(&[1, 2]), None));
}

#[test]
fn an_eligible_replica_leads_as_soon_as_it_is_back_and_one_that_is_not_does_not() {
    let mut cluster = Cluster::of_three(2);
    (1..=3).rev().for_each(|broker| cluster.fence(broker));
    cluster.unfence(3);
    assert_eq!(cluster.leader(), None, "broker 3 left when the others went on");
    cluster.unfence(2);
    assert_eq!((cluster.leader(), &cluster.state().isr, &cluster.state().elr), (Some(2), &set(&[2]), &set(&[1])));
}

#[test]
fn while_somebody_is_in_sync_nobody_is_elected_who_is_only_eligible() {
    let mut cluster = Cluster::of_three(2);
    cluster.fence(3);
    cluster.fence(2);
    // The leader alone is in sync, and acknowledges nothing by all. It may have told consumers more all the same.
    cluster.unfence(2);
    assert_eq!((cluster.leader(), cluster.state().leader_epoch), (Some(1), LeaderEpoch(1)));
    assert!(matches!(cluster.apply(Command::MoveLeader { tablet: tablet(), to: BrokerId(2) }), Reply::Refused(_)));
}

#[test]
fn nobody_is_eligible_any_more_when_enough_are_in_sync() {
    let mut cluster = Cluster::of_three(2);
    cluster.fence(3);
    cluster.fence(2);
    assert_eq!(cluster.state().elr, set(&[2]));
    cluster.unfence(3);
    assert!(matches!(cluster.propose(cluster.change(&[1, 3])), Reply::Tablet(_)));
    assert_eq!(cluster.state().elr, set(&[]), "from now on records are acknowledged without broker 2");
}

#[test]
fn the_last_replica_leaves_too_and_does_not_lead_after_it_has_lost_something() {
    let mut cluster = Cluster::of_three(2);
    (1..=3).rev().for_each(|broker| cluster.fence(broker));
    // It comes back as start 2, and only since then has it kept all that it had said that it has.
    cluster.start(1, 2, 2);
    assert_eq!((cluster.leader(), &cluster.state().elr), (None, &set(&[2])));
    cluster.start(2, 2, 1);
    assert_eq!(cluster.leader(), Some(2), "this one was shut down in order");
}

#[test]
fn a_power_cut_is_not_hidden_by_a_start_that_was_ended_in_order_before_it_was_heard_of() {
    let mut cluster = Cluster::of_three(2);
    (1..=3).rev().for_each(|broker| cluster.fence(broker));
    // Start 1 lost power. Start 2 was shut down before it could register. This is start 3.
    cluster.start(1, 3, 2);
    assert_eq!((cluster.leader(), &cluster.state().elr), (None, &set(&[2])));
}

#[test]
fn who_says_only_what_is_durable_stays_eligible_over_a_power_cut() {
    let mut cluster = Cluster::of_three(2);
    (1..=3).rev().for_each(|broker| cluster.fence(broker));
    cluster.start(1, 2, 0);
    assert_eq!(cluster.leader(), Some(1));
}

#[test]
fn leadership_moves_only_to_one_that_is_in_sync_and_to_the_leader_itself_not_at_all() {
    let mut cluster = Cluster::of_three(2);
    cluster.propose(cluster.change(&[1, 2]));
    let to = |to: u32| Command::MoveLeader { tablet: tablet(), to: BrokerId(to) };
    cluster.refuses(to(3), ineligible(3));
    let before = cluster.state().clone();
    assert_eq!(cluster.apply(to(1)), Reply::Tablet(before), "no other epoch");
    assert!(matches!(cluster.apply(to(2)), Reply::Tablet(state) if state.leader_epoch == LeaderEpoch(2)));
    assert_eq!(cluster.state().isr, set(&[1, 2]));
}

#[test]
fn an_unclean_leader_is_in_sync_alone_and_nobody_is_elected_so_unless_it_is_asked_for() {
    let mut cluster = Cluster::of_three(2);
    (1..=3).rev().for_each(|broker| cluster.fence(broker));
    let elect = |leader: u32| Command::ElectUnclean { tablet: tablet(), leader: BrokerId(leader) };
    cluster.refuses(elect(3), ineligible(3));
    cluster.unfence(3);
    assert_eq!(cluster.leader(), None);
    assert!(matches!(cluster.apply(elect(3)), Reply::Tablet(_)));
    assert_eq!((cluster.leader(), &cluster.state().isr, &cluster.state().elr), (Some(3), &set(&[3]), &set(&[])));
    cluster.start(4, 1, 0);
    cluster.refuses(elect(4), ineligible(4));
}
