//! The controller: who leads, who is in sync, who may be, and everything that it refuses.

use std::collections::BTreeSet;

use stage06::controller::{Command, Controller, Reply};
use stage06::desk::{Desk, misplaced};
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::session::{Ask, News, Session, Tell};
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

/// A partition of the topic `orders`.
fn order(partition: u32) -> TabletId {
    TabletId { topic: "orders".into(), partition }
}

fn create_orders(replicas: &[&[u32]]) -> Command {
    let replicas = replicas.iter().map(|brokers| brokers.iter().copied().map(BrokerId).collect()).collect();
    Command::CreateTopic { topic: "orders".into(), replicas, min_insync_replicas: 2 }
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

#[test]
fn a_session_says_where_its_broker_is_found_and_the_desk_passes_it_on() {
    let (mut controller, mut desk) = (Controller::default(), Desk::new(1_000));
    let mut session = Session::new(BrokerId(1), 1, 0, 100, "one:9092".into());
    let ask = session.tick(0).expect("it registers at once");
    let command = desk.command(0, &controller, &ask).expect("a command");
    controller.apply(&command);
    assert_eq!(controller.brokers()[&BrokerId(1)].address, "one:9092");
}

#[test]
fn a_broker_that_leaves_is_fenced_at_once_and_somebody_else_leads_its_tablets() {
    let (mut cluster, mut desk) = (Cluster::of_three(2), Desk::new(1_000));
    let ask = Ask::Leave { broker: BrokerId(1), life: cluster.life(1) };
    let command = desk.command(0, &cluster.controller, &ask).expect("a command");
    let reply = cluster.apply(command);
    assert!(!cluster.controller.is_active(BrokerId(1)));
    assert_eq!((cluster.leader(), &cluster.state().isr), (Some(2), &set(&[2, 3])));
    let tell = desk.answer(&cluster.controller, &ask, Some(reply)).expect("an answer");
    assert!(matches!(&tell, Tell::News { is_fenced: true, .. }), "{tell:?}");
}

#[test]
fn a_broker_that_was_started_again_is_not_fenced_when_its_life_before_leaves() {
    let (mut cluster, mut desk) = (Cluster::of_three(2), Desk::new(1_000));
    let ask = Ask::Leave { broker: BrokerId(1), life: cluster.life(1) };
    cluster.start(1, 2, 0);
    let command = desk.command(0, &cluster.controller, &ask).expect("a command");
    assert!(matches!(cluster.apply(command), Reply::Refused(Refusal::StaleBroker { .. })));
    assert!(cluster.controller.is_active(BrokerId(1)));
}

#[test]
fn a_session_learns_who_leads_after_it_has_left() {
    let (mut cluster, mut desk) = (Cluster::of_three(2), Desk::new(1_000));
    let mut session = Session::new(BrokerId(1), 1, 0, 100, String::new());
    let life = cluster.life(1);
    session.take(Tell::Registered { incarnation: 1, life });
    let ask = Ask::Leave { broker: BrokerId(1), life };
    let reply = desk.command(0, &cluster.controller, &ask).map(|command| cluster.apply(command));
    let news = session.take(desk.answer(&cluster.controller, &ask, reply).expect("an answer"));
    assert!(session.is_fenced());
    assert!(matches!(&news[..], [News::Tablet(_, state)] if state.leader == Some(BrokerId(2))), "{news:?}");
}

/// After a broker was away, the others lead everything.
#[test]
fn a_tablet_goes_back_to_its_first_replica_once_that_is_in_sync_and_not_before() {
    let mut cluster = Cluster::of_three(2);
    assert_eq!(misplaced(&cluster.controller), [], "the first replica leads");
    cluster.fence(1);
    assert_eq!(cluster.leader(), Some(2));
    assert_eq!(misplaced(&cluster.controller), [], "it is fenced");
    cluster.start(1, 2, 0);
    cluster.unfence(1);
    assert_eq!(misplaced(&cluster.controller), [], "it is not in sync");
    let change = cluster.change(&[2, 3, 1]);
    cluster.propose(change);
    assert_eq!(misplaced(&cluster.controller), [Command::MoveLeader { tablet: tablet(), to: BrokerId(1) }]);
}
