//! A broker's lives: it registers, and another life is over.

use stage06::controller::{Command, Reply};
use stage06::ids::{BrokerEpoch, BrokerId};
use stage06::tablet::Refusal;

use super::{Cluster, set};

#[test]
fn a_new_start_ends_the_life_before_it() {
    let mut cluster = Cluster::of_three(2);
    let before = cluster.life(1);
    let Reply::Registered(life) = cluster.register(1, 2, 0) else { panic!("it is registered") };
    assert!(life > before && !cluster.controller.is_active(BrokerId(1)));
    assert_eq!(
        (cluster.leader(), &cluster.state().isr),
        (Some(2), &set(&[2, 3])),
        "nobody had noticed that it was gone"
    );
    let (broker, asks) = (BrokerId(1), before);
    let stale = || Refusal::StaleBroker { broker, asks, registered: Some(life) };
    cluster.refuses(Command::Fence { broker, life: before }, stale());
    cluster.refuses(Command::Unfence { broker, life: before }, stale());
}

#[test]
fn a_registration_that_is_repeated_is_the_same() {
    let mut cluster = Cluster::of_three(2);
    let before = (cluster.life(1), cluster.state().clone());
    assert_eq!(cluster.register(1, 1, 0), Reply::Registered(before.0));
    assert!(cluster.controller.is_active(BrokerId(1)));
    assert_eq!(cluster.state(), &before.1, "it leads on");
}

#[test]
fn a_registration_of_an_earlier_start_ends_nothing() {
    let mut cluster = Cluster::of_three(2);
    cluster.start(1, 3, 0);
    let broker = BrokerId(1);
    let late = Command::Register { broker, incarnation: 2, intact_since: 0, address: String::new() };
    cluster.refuses(late, Refusal::EarlierStart { broker, asks: 2, known: 3 });
}

#[test]
fn a_broker_that_was_never_registered_is_neither_fenced_nor_let_in() {
    let mut cluster = Cluster::of_three(2);
    let (broker, life) = (BrokerId(9), BrokerEpoch(1));
    let stale = || Refusal::StaleBroker { broker, asks: life, registered: None };
    cluster.refuses(Command::Fence { broker, life }, stale());
    cluster.refuses(Command::Unfence { broker, life }, stale());
}

#[test]
fn a_broker_is_found_where_its_last_start_has_said() {
    let mut cluster = Cluster::of_three(2);
    let register = |incarnation: u64, address: &str| {
        let address = address.to_string();
        Command::Register { broker: BrokerId(1), incarnation, intact_since: 0, address }
    };
    cluster.apply(register(2, "one:9092"));
    cluster.apply(register(3, "two:9092"));
    cluster.apply(register(2, "one:9092"));
    assert_eq!(cluster.controller.brokers()[&BrokerId(1)].address, "two:9092");
}
