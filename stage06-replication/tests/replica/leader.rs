//! A leader is asked: whom it serves, and what it learns by that.

use stage06::Offset;
use stage06::epochs::EpochEnd;
use stage06::ids::{BrokerEpoch, LeaderEpoch};
use stage06::message::{FetchRequest, FetchResult};
use stage06::replica::{Acks, Input};

use super::{fetch, has, is_served, leader, produce, state, told};

#[test]
fn a_leader_serves_what_it_has_and_counts_the_question_as_an_answer() {
    let mut replica = leader(5, &[1, 2]);
    assert!(is_served(&replica.handle(1, Input::FetchRequest(fetch(2, 3, 1)))));
    assert_eq!(replica.high_watermark(), Offset(3));
    assert_eq!(replica.latest_offset(), None, "the leader before may have been further");
    assert!(is_served(&replica.handle(2, Input::FetchRequest(fetch(2, 5, 1)))));
    assert_eq!(replica.latest_offset(), Some(Offset(5)));
    assert!(is_served(&replica.handle(3, Input::FetchRequest(fetch(2, 2, 1)))));
    assert_eq!(replica.high_watermark(), Offset(5), "it does not fall");
}

#[test]
fn a_question_that_shows_another_log_is_answered_where_they_part_and_does_not_count() {
    let mut replica = leader(5, &[1, 2]);
    let parts = |epoch, end| Some(FetchResult::Diverging(EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(end) }));
    let out = replica.handle(1, Input::FetchRequest(fetch(2, 9, 1)));
    assert_eq!((told(&out), is_served(&out)), (parts(1, 5), false), "it has more of epoch 1 than there is");
    let mut far = leader(5, &[1, 2]);
    far.handle(1, Input::Tablet(state(1, 4, 4, &[1, 2])));
    let asks = FetchRequest { leader_epoch: LeaderEpoch(4), ..fetch(2, 4, 3) };
    assert_eq!(told(&far.handle(2, Input::FetchRequest(asks))), parts(2, 5), "there was no epoch 3 here");
    assert_eq!((replica.high_watermark(), far.high_watermark()), (Offset(0), Offset(0)));
}

#[test]
fn a_question_of_another_epoch_is_not_answered_with_records_and_does_not_count() {
    let mut replica = leader(5, &[1, 2]);
    for leader_epoch in [LeaderEpoch(1), LeaderEpoch(3)] {
        let out = replica.handle(1, Input::FetchRequest(FetchRequest { leader_epoch, ..fetch(2, 5, 1) }));
        assert_eq!((told(&out), is_served(&out)), (Some(FetchResult::NotLeader), false));
    }
    assert_eq!(replica.high_watermark(), Offset(0));
}

#[test]
fn a_question_of_an_earlier_life_is_not_answered() {
    let mut replica = leader(5, &[1, 2]);
    replica.handle(1, Input::FetchRequest(fetch(2, 3, 1)));
    let late = FetchRequest { life: BrokerEpoch(1), ..fetch(2, 5, 1) };
    let out = replica.handle(2, Input::FetchRequest(late));
    assert!(!is_served(&out) && told(&out).is_none());
    assert_eq!(replica.high_watermark(), Offset(3));
}

#[test]
fn who_asks_for_what_is_deleted_is_told_where_the_log_begins() {
    let mut replica = leader(50, &[1, 2]);
    replica.handle(1, Input::Deleted(Offset(30)));
    assert_eq!(replica.high_watermark(), Offset(30), "only what all have is deleted");
    let deleted = Some(FetchResult::Deleted { start: Offset(30) });
    assert_eq!(told(&replica.handle(2, Input::FetchRequest(fetch(2, 20, 1)))), deleted);
    assert_eq!(told(&replica.handle(3, Input::FetchRequest(fetch(2, 0, 0)))), deleted);
    assert!(is_served(&replica.handle(4, Input::FetchRequest(fetch(2, 30, 1)))));
}

#[test]
fn a_new_leader_knows_nothing_of_what_its_followers_had_when_it_led_before() {
    let mut replica = leader(5, &[1, 2]);
    replica.handle(1, Input::FetchRequest(fetch(2, 4, 1)));
    assert_eq!(replica.high_watermark(), Offset(4));
    replica.handle(2, produce(1, Acks::Leader));
    replica.handle(3, has(2, 6));
    assert_eq!(replica.high_watermark(), Offset(5), "its own sync is still running");
    // It has never heard of epoch 3, in which somebody else has led, and broker 2 has cut its log.
    replica.handle(4, Input::Tablet(state(1, 4, 4, &[1, 2])));
    replica.handle(5, Input::Synced);
    assert_eq!((replica.log().durable, replica.high_watermark()), (Offset(6), Offset(5)));
    assert_eq!(replica.leading().expect("it leads").start, Offset(6));
    assert_eq!(replica.log().epochs.latest(), Some(LeaderEpoch(4)), "before anything is appended in it");
}

#[test]
fn an_older_word_of_the_controller_changes_nothing() {
    let mut replica = leader(5, &[1, 2]);
    replica.handle(1, Input::Tablet(state(2, 1, 1, &[1, 2, 3])));
    assert!(replica.leading().is_some());
    assert_eq!(replica.state(), Some(&state(1, 2, 2, &[1, 2])));
}
