//! The controller's state: the same commands make the same, and so does what was written down.

use std::collections::BTreeSet;

use stage06::controller::{Command, Controller, Reply};

use super::{Cluster, create_orders};

#[test]
fn each_command_makes_another_version_and_the_same_commands_make_the_same_state() {
    let (mut one, mut other) = (Cluster::of_three(2), Cluster::of_three(2));
    let before = one.controller.version();
    for cluster in [&mut one, &mut other] {
        cluster.fence(2);
        cluster.register(2, 2, 2);
        cluster.propose(cluster.change(&[1]));
    }
    assert_eq!(one.controller, other.controller);
    assert_eq!(one.controller.version(), before + 3);
}

#[test]
fn no_two_producers_have_the_same_number() {
    let mut cluster = Cluster::of_three(2);
    let mut numbers = BTreeSet::new();
    for _ in 0..10 {
        let Reply::Producer(number) = cluster.apply(Command::NewProducer) else { panic!("it gets a number") };
        assert!(numbers.insert(number), "{number} was given before");
        // As a controller does it that finds its state in a snapshot.
        let bytes = serde_json::to_vec(&cluster.controller).unwrap();
        cluster.controller = serde_json::from_slice(&bytes).unwrap();
    }
}

#[test]
fn a_controller_that_was_written_down_and_read_again_is_the_same() {
    let mut cluster = Cluster::of_three(2);
    cluster.apply(create_orders(&[&[1, 2], &[2, 3]]));
    cluster.apply(Command::NewProducer);
    cluster.fence(2);
    let bytes = serde_json::to_vec(&cluster.controller).unwrap();
    assert_eq!(serde_json::from_slice::<Controller>(&bytes).unwrap(), cluster.controller);
}
