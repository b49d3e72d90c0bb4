//! When a producer has its answer, and which.

use stage06::Offset;
use stage06::log_ends::Flush;
use stage06::replica::{Acks, Input, Outcome, Why};

use super::{answers, appends, follower, has, is_sync, leader, produce, replica, state};

#[test]
fn acks_0_is_never_answered() {
    let mut replica = leader(0, &[1]);
    assert_eq!(appends(&replica.handle(1, produce(1, Acks::None))), [0]);
    assert_eq!(answers(&replica.handle(2, Input::Synced)), []);
    assert_eq!(answers(&replica.handle(10_000, Input::Tick)), []);
}

#[test]
fn acks_1_is_answered_when_the_leader_has_synced_it() {
    let mut replica = leader(5, &[1, 2]);
    let out = replica.handle(1, produce(1, Acks::Leader));
    assert_eq!((appends(&out), is_sync(&out), answers(&out)), (vec![5], true, vec![]));
    assert_eq!(answers(&replica.handle(2, Input::Synced)), [(1, Outcome::Acknowledged(Offset(5)))]);
}

#[test]
fn acks_1_is_answered_at_once_by_a_leader_that_syncs_later() {
    let mut replica = replica(5, Flush::Async);
    replica.handle(0, Input::Tablet(state(1, 2, 2, &[1, 2])));
    let out = replica.handle(1, produce(1, Acks::Leader));
    assert_eq!((answers(&out), is_sync(&out)), (vec![(1, Outcome::Acknowledged(Offset(5)))], false));
    assert!(is_sync(&replica.handle(200, Input::Tick)), "later is not never");
}

#[test]
fn acks_all_is_answered_when_all_in_sync_replicas_have_it_and_the_leader_too() {
    let mut replica = leader(0, &[1, 2, 3]);
    replica.handle(1, produce(1, Acks::All));
    assert_eq!(answers(&replica.handle(2, has(2, 1))), []);
    assert_eq!(answers(&replica.handle(3, has(3, 1))), [], "its own log is not synced yet");
    assert_eq!(answers(&replica.handle(4, Input::Synced)), [(1, Outcome::Acknowledged(Offset(0)))]);
    assert_eq!(replica.high_watermark(), Offset(1));
}

#[test]
fn acks_all_is_refused_while_too_few_are_in_sync_and_nothing_is_appended() {
    let mut replica = leader(0, &[1]);
    let out = replica.handle(1, produce(1, Acks::All));
    assert_eq!((appends(&out), answers(&out)), (vec![], vec![(1, Outcome::Refused(Why::NotEnoughReplicas))]));
    assert_eq!(appends(&replica.handle(2, produce(2, Acks::Leader))), [0], "who asks for less gets it");
}

#[test]
fn what_was_appended_is_not_acknowledged_by_all_when_too_few_are_left() {
    let mut replica = leader(0, &[1, 2]);
    replica.handle(1, produce(1, Acks::All));
    replica.handle(2, Input::Tablet(state(1, 2, 3, &[1])));
    assert_eq!(answers(&replica.handle(3, Input::Synced)), [], "the leader alone is not enough");
    assert_eq!(replica.high_watermark(), Offset(0));
}

#[test]
fn who_does_not_lead_refuses() {
    for mut replica in [replica(0, Flush::Sync), follower(0).0] {
        assert_eq!(answers(&replica.handle(1, produce(1, Acks::All))), [(1, Outcome::Refused(Why::NotLeader))]);
    }
}

#[test]
fn a_batch_that_was_appended_is_never_refused_but_unknown_when_its_leader_goes() {
    let mut replica = leader(0, &[1, 2]);
    replica.handle(1, produce(1, Acks::All));
    let out = replica.handle(2, Input::Tablet(state(2, 3, 3, &[1, 2])));
    assert_eq!(answers(&out), [(1, Outcome::Unknown(Why::NotLeader))]);
}

#[test]
fn a_batch_that_waits_for_too_long_is_unknown() {
    let mut replica = leader(0, &[1, 2]);
    replica.handle(1, produce(1, Acks::All));
    assert_eq!(answers(&replica.handle(5_000, Input::Tick)), []);
    assert_eq!(answers(&replica.handle(5_001, Input::Tick)), [(1, Outcome::Unknown(Why::TimedOut))]);
}
