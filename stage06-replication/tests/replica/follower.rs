//! A follower asks, takes, cuts and begins again.

use stage06::Offset;
use stage06::batch::Batch;
use stage06::epochs::Epochs;
use stage06::ids::{BrokerId, LeaderEpoch};
use stage06::log_ends::Flush;
use stage06::message::{FetchAnswer, FetchResult};
use stage06::replica::{Identity, Input, Output, Replica};

use super::{
    LIFE, answer, appends, batch, batches, cut, diverging, follower, is_sync, leader, options, question, state, tablet,
};

#[test]
fn a_follower_asks_for_more_only_when_what_it_has_is_synced() {
    let (mut replica, asked) = follower(5);
    assert_eq!((asked.offset, asked.last_epoch, asked.life), (Offset(5), Some(LeaderEpoch(1)), LIFE));
    let out = replica.handle(1, batches(asked.number, vec![batch(5, 2), batch(6, 2)], 6));
    assert_eq!((appends(&out), is_sync(&out), question(&out)), (vec![5, 6], true, None));
    assert_eq!(replica.high_watermark(), Offset(6));
    let next = question(&replica.handle(2, Input::Synced)).expect("now it has them");
    assert_eq!((next.offset, next.last_epoch), (Offset(7), Some(LeaderEpoch(2))));
    assert!(next.number > asked.number);
}

#[test]
fn a_followers_watermark_goes_no_further_than_its_own_log() {
    let (mut replica, asked) = follower(5);
    replica.handle(1, batches(asked.number, vec![batch(5, 2)], 100));
    assert_eq!(replica.high_watermark(), Offset(6));
}

#[test]
fn a_follower_takes_only_batches_that_go_on_where_its_log_ends_in_epochs_that_do_not_fall() {
    let takes = |sent: Vec<Batch>| {
        let (mut replica, asked) = follower(5);
        appends(&replica.handle(1, batches(asked.number, sent, 0)))
    };
    assert_eq!(takes(vec![batch(5, 1), batch(6, 2)]), [5, 6]);
    assert_eq!(takes(vec![batch(5, 2), batch(7, 2)]), [5], "behind a gap");
    assert_eq!(takes(vec![batch(4, 2), batch(5, 2)]), [0; 0], "in front of the end");
    assert_eq!(takes(vec![batch(5, 2), batch(6, 1)]), [5], "of an epoch that is over");
    assert_eq!(takes(vec![batch(5, 3)]), [0; 0], "of an epoch in which somebody else may lead");
    assert_eq!(takes(vec![Batch { count: 0, ..batch(5, 2) }]), [0; 0], "without a record");
}

#[test]
fn a_question_without_an_answer_is_asked_again_with_another_number() {
    let (mut replica, first) = follower(5);
    assert_eq!(question(&replica.handle(399, Input::Tick)), None);
    let second = question(&replica.handle(400, Input::Tick)).expect("the first is lost");
    assert_eq!((second.offset, second.number), (first.offset, first.number + 1));
    // It was only late.
    let out = replica.handle(401, batches(first.number, vec![batch(5, 2)], 6));
    assert_eq!((appends(&out), replica.high_watermark()), (vec![], Offset(0)), "that question is not open any more");
    assert_eq!(cut(&replica.handle(402, diverging(first.number, 1, 2))), None);
    assert_eq!(appends(&replica.handle(403, batches(second.number, vec![batch(5, 2)], 6))), [5]);
    assert_eq!(cut(&replica.handle(404, diverging(second.number, 1, 2))), None, "an answer counts once");
}

#[test]
fn an_answer_of_another_epoch_changes_nothing() {
    let (mut replica, asked) = follower(5);
    let result = FetchResult::Batches { batches: vec![batch(5, 1)], high_watermark: Offset(6) };
    let late = FetchAnswer { number: asked.number, leader_epoch: LeaderEpoch(1), result };
    assert_eq!(appends(&replica.handle(1, Input::FetchAnswer(late))), [0; 0]);
}

#[test]
fn a_follower_waits_after_an_empty_answer_and_after_one_of_a_broker_that_does_not_lead() {
    for result in [FetchResult::NotLeader, FetchResult::Batches { batches: vec![], high_watermark: Offset(0) }] {
        let (mut replica, asked) = follower(5);
        assert_eq!(question(&replica.handle(1, answer(asked.number, result))), None);
        assert_eq!(question(&replica.handle(30, Input::Tick)), None);
        assert!(question(&replica.handle(31, Input::Tick)).is_some());
    }
}

#[test]
fn a_follower_cuts_its_log_where_the_leaders_parts_from_it_and_asks_nothing_meanwhile() {
    let (mut replica, asked) = follower(5);
    let out = replica.handle(1, diverging(asked.number, 1, 3));
    assert_eq!((cut(&out), question(&out)), (Some(3), None));
    assert_eq!(question(&replica.handle(1_000, Input::Tick)), None);
    let next = question(&replica.handle(1_001, Input::Truncated(Offset(3)))).expect("a question");
    assert_eq!(next.offset, Offset(3));
}

#[test]
fn a_follower_that_does_not_have_the_leaders_epoch_cuts_where_its_own_begins() {
    let mut epochs = Epochs::default();
    epochs.begin(LeaderEpoch(1), Offset(0));
    epochs.begin(LeaderEpoch(4), Offset(3));
    let identity = Identity { broker: BrokerId(1), life: LIFE, tablet: tablet() };
    let mut replica = Replica::new(identity, options(Flush::Sync), Offset(0), Offset(9), epochs);
    let asked = question(&replica.handle(0, Input::Tablet(state(2, 2, 2, &[2])))).expect("a question");
    assert_eq!(cut(&replica.handle(1, diverging(asked.number, 2, 6))), Some(3), "the leader has 6 up to epoch 2");
}

#[test]
fn a_follower_names_an_epoch_in_which_it_led_and_wrote_nothing() {
    let mut replica = leader(5, &[1, 2]);
    let out = replica.handle(1, Input::Tablet(state(2, 3, 3, &[1, 2])));
    assert_eq!(question(&out).expect("a question").last_epoch, Some(LeaderEpoch(2)));
}

#[test]
fn a_follower_whose_next_record_the_leader_has_deleted_begins_again() {
    let (mut replica, asked) = follower(5);
    let out = replica.handle(1, answer(asked.number, FetchResult::Deleted { start: Offset(50) }));
    assert!(out.iter().any(|output| matches!(output, Output::StartAgain(Offset(50)))), "{out:?}");
    assert_eq!(question(&out), None);
    let next = question(&replica.handle(2, Input::StartedAgain(Offset(50)))).expect("a question");
    assert_eq!((next.offset, next.last_epoch), (Offset(50), None));
    assert_eq!(replica.high_watermark(), Offset(50));
}
