//! Tablets and topics are made, and given up.

use std::collections::BTreeSet;

use stage06::controller::{Command, Reply};
use stage06::ids::{BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::tablet::{Refusal, TabletId};

use super::{Cluster, create_orders, set, tablet};

#[test]
fn a_new_tablet_is_led_by_its_first_replica_and_all_are_in_sync() {
    let cluster = Cluster::of_three(2);
    let state = cluster.state();
    assert_eq!((state.leader, state.leader_epoch), (Some(BrokerId(1)), LeaderEpoch(1)));
    assert_eq!((state.partition_epoch, &state.isr, state.elr.is_empty()), (PartitionEpoch(1), &set(&[1, 2, 3]), true));
}

#[test]
fn a_tablet_is_made_once_and_only_on_brokers_that_are_there() {
    let mut cluster = Cluster::of_three(2);
    let create = |topic: &str, replicas: &[u32]| Command::CreateTablet {
        tablet: TabletId { topic: topic.into(), partition: 0 },
        replicas: replicas.iter().copied().map(BrokerId).collect(),
        min_insync_replicas: 1,
    };
    cluster.refuses(create("t", &[1]), Refusal::TabletExists(tablet()));
    let other = TabletId { topic: "u".into(), partition: 0 };
    cluster.refuses(create("u", &[1, 9]), Refusal::Ineligible { tablet: other.clone(), broker: BrokerId(9) });
    cluster.fence(3);
    cluster.refuses(create("u", &[1, 3]), Refusal::Ineligible { tablet: other, broker: BrokerId(3) });
    assert!(matches!(cluster.apply(create("u", &[2, 1])), Reply::Tablet(state) if state.leader == Some(BrokerId(2))));
}

#[test]
fn what_is_asked_about_a_tablet_that_is_not_there_is_refused() {
    let mut cluster = Cluster::of_three(2);
    let change = cluster.change(&[1, 2]);
    let deleted = cluster.state().clone();
    assert_eq!(cluster.apply(Command::DeleteTablet { tablet: tablet() }), Reply::Tablet(deleted));
    let to = BrokerId(2);
    for command in [
        Command::DeleteTablet { tablet: tablet() },
        Command::ChangeIsr(change),
        Command::MoveLeader { tablet: tablet(), to },
        Command::ElectUnclean { tablet: tablet(), leader: to },
    ] {
        cluster.refuses(command, Refusal::UnknownTablet(tablet()));
    }
}

/// A partition of the topic `orders`.
fn order(partition: u32) -> TabletId {
    TabletId { topic: "orders".into(), partition }
}

fn delete_orders() -> Command {
    Command::DeleteTopic { topic: "orders".into() }
}

#[test]
fn a_topic_is_made_with_all_of_its_tablets_at_once() {
    let mut cluster = Cluster::of_three(2);
    assert_eq!(cluster.apply(create_orders(&[&[1, 2], &[2, 3], &[3, 1, 2]])), Reply::Done);
    for (partition, leader, isr) in [(0, 1, set(&[1, 2])), (1, 2, set(&[2, 3])), (2, 3, set(&[1, 2, 3]))] {
        let state = cluster.controller.tablet(&order(partition)).expect("the tablet");
        assert_eq!((state.leader, &state.isr), (Some(BrokerId(leader)), &isr), "partition {partition}");
        assert_eq!(state.min_insync_replicas, 2);
    }
    assert_eq!(cluster.controller.tablets().len(), 4, "and the one that was there");
}

#[test]
fn a_topic_of_which_one_tablet_cannot_be_made_is_not_made_at_all() {
    let mut cluster = Cluster::of_three(2);
    let refusal = |broker: u32| Refusal::Ineligible { tablet: order(2), broker: BrokerId(broker) };
    cluster.refuses(create_orders(&[&[1, 2], &[2, 3], &[3, 9]]), refusal(9));
    cluster.fence(3);
    cluster.refuses(create_orders(&[&[1, 2], &[2, 1], &[2, 3]]), refusal(3));
}

#[test]
fn a_topic_that_is_there_is_not_made_again_however_many_partitions_it_has() {
    let mut cluster = Cluster::of_three(2);
    cluster.apply(create_orders(&[&[1, 2], &[2, 3]]));
    cluster.refuses(create_orders(&[&[1, 2], &[2, 3]]), Refusal::TabletExists(order(0)));
    cluster.refuses(create_orders(&[]), Refusal::TabletExists(order(0)));
}

#[test]
fn a_topic_is_given_up_with_all_of_its_tablets_and_no_other() {
    let mut cluster = Cluster::of_three(2);
    cluster.apply(create_orders(&[&[1, 2], &[2, 3]]));
    assert_eq!(cluster.apply(delete_orders()), Reply::Done);
    assert_eq!(cluster.controller.tablets().keys().collect::<Vec<_>>(), [&tablet()]);
    cluster.refuses(delete_orders(), Refusal::UnknownTablet(order(0)));
}

#[test]
fn a_tablet_of_the_same_name_is_another_tablet() {
    let mut cluster = Cluster::of_three(2);
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        cluster.apply(create_orders(&[&[1, 2], &[2, 3]]));
        ids.insert(cluster.controller.tablet(&order(0)).expect("the tablet").id);
        cluster.apply(delete_orders());
    }
    assert_eq!(ids.len(), 3, "what a broker has kept of the one before is not this one's");
    let id = cluster.state().id;
    cluster.fence(1);
    assert_eq!(cluster.state().id, id, "and one that has another leader is the same");
}
