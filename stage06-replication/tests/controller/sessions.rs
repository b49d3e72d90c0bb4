//! A broker's session, and the desk in front of the controller.

use stage06::controller::{Command, Controller, Reply};
use stage06::desk::{Desk, misplaced};
use stage06::ids::BrokerId;
use stage06::session::{Ask, News, Session, Tell};
use stage06::tablet::Refusal;

use super::{Cluster, set, tablet};

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
