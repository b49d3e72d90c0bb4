//! A replica, told by hand what happens: what it answers, when it syncs, what it asks, and whom it counts.

use std::collections::BTreeSet;

use bytes::Bytes;
use stage06::Offset;
use stage06::batch::Batch;
use stage06::epochs::{EpochEnd, Epochs};
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::log_ends::Flush;
use stage06::message::{FetchAnswer, FetchRequest, FetchResult};
use stage06::replica::{Acks, Identity, Input, Outcome, Output, Produce, Replica, ReplicaOptions, RequestId, Why};
use stage06::tablet::{IsrChange, Refusal, TabletId, TabletState};

const LIFE: BrokerEpoch = BrokerEpoch(7);

fn tablet() -> TabletId {
    TabletId { topic: "t".into(), partition: 0 }
}

fn options(flush: Flush) -> ReplicaOptions {
    ReplicaOptions {
        flush,
        replica_lag_max_ms: 1_000,
        ack_timeout_ms: 5_000,
        resend_ms: 400,
        backoff_ms: 30,
        refused_ms: 1_000,
        flush_interval_ms: 200,
    }
}

/// Two replicas of three, as the controller says it at first: broker 1 leads.
fn state(leader: u32, epoch: u32, version: u32, isr: &[u32]) -> TabletState {
    TabletState {
        id: 1,
        replicas: [1, 2, 3].map(BrokerId).to_vec(),
        min_insync_replicas: 2,
        leader: Some(BrokerId(leader)),
        leader_epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(version),
        isr: isr.iter().copied().map(BrokerId).collect(),
        elr: BTreeSet::new(),
    }
}

/// Broker 1's replica, with a log that has the records from 0 to `end`, all of epoch 1.
fn replica(end: u64, flush: Flush) -> Replica {
    let mut epochs = Epochs::default();
    if end > 0 {
        epochs.begin(LeaderEpoch(1), Offset(0));
    }
    let identity = Identity { broker: BrokerId(1), life: LIFE, tablet: tablet() };
    Replica::new(identity, options(flush), Offset(0), Offset(end), epochs)
}

/// It leads in epoch 2, with these in sync.
fn leader(end: u64, isr: &[u32]) -> Replica {
    let mut replica = replica(end, Flush::Sync);
    replica.handle(0, Input::Tablet(state(1, 2, 2, isr)));
    replica
}

/// It follows broker 2 in epoch 2, and has asked its first question.
fn follower(end: u64) -> (Replica, FetchRequest) {
    let mut replica = replica(end, Flush::Sync);
    let out = replica.handle(0, Input::Tablet(state(2, 2, 2, &[1, 2, 3])));
    let question = question(&out).expect("it asks at once");
    (replica, question)
}

fn produce(request: u64, acks: Acks) -> Input {
    Input::Produce(Produce {
        request: RequestId(request),
        acks,
        count: 1,
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        sequence: None,
        body: Bytes::from_static(b"body"),
    })
}

/// Broker `from` has everything up to `offset`, of epoch `last`.
fn fetch(from: u32, offset: u64, last: u32) -> FetchRequest {
    FetchRequest {
        from: BrokerId(from),
        life: BrokerEpoch(u64::from(from) + 10),
        number: 1,
        leader_epoch: LeaderEpoch(2),
        offset: Offset(offset),
        last_epoch: (last > 0).then_some(LeaderEpoch(last)),
    }
}

fn has(from: u32, offset: u64) -> Input {
    Input::FetchRequest(fetch(from, offset, 2))
}

fn batch(base: u64, epoch: u32) -> Batch {
    Batch {
        base_offset: Offset(base),
        epoch: LeaderEpoch(epoch),
        count: 1,
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        sequence: None,
        body: Bytes::from_static(b"body"),
    }
}

fn answer(number: u64, result: FetchResult) -> Input {
    Input::FetchAnswer(FetchAnswer { number, leader_epoch: LeaderEpoch(2), result })
}

fn batches(number: u64, batches: Vec<Batch>, high_watermark: u64) -> Input {
    answer(number, FetchResult::Batches { batches, high_watermark: Offset(high_watermark) })
}

fn diverging(number: u64, epoch: u32, end: u64) -> Input {
    answer(number, FetchResult::Diverging(EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(end) }))
}

fn answers(out: &[Output]) -> Vec<(u64, Outcome)> {
    let answer = |output: &Output| match output {
        Output::Answer { request, outcome } => Some((request.0, outcome.clone())),
        _ => None,
    };
    out.iter().filter_map(answer).collect()
}

fn question(out: &[Output]) -> Option<FetchRequest> {
    out.iter().find_map(|output| match output {
        Output::Fetch { request, .. } => Some(*request),
        _ => None,
    })
}

fn proposal(out: &[Output]) -> Option<IsrChange> {
    out.iter().find_map(|output| match output {
        Output::Propose { change } => Some(change.clone()),
        _ => None,
    })
}

fn members(change: &IsrChange) -> Vec<(u32, Option<u64>)> {
    change.isr.iter().map(|member| (member.broker.0, member.life.map(|life| life.0))).collect()
}

fn is_sync(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::Sync))
}

fn appends(out: &[Output]) -> Vec<u64> {
    let bases = |output: &Output| match output {
        Output::Append(batches) => batches.iter().map(|batch| batch.base_offset.0).collect(),
        _ => Vec::new(),
    };
    out.iter().flat_map(bases).collect()
}

fn cut(out: &[Output]) -> Option<u64> {
    out.iter().find_map(|output| match output {
        Output::Truncate(end) => Some(end.0),
        _ => None,
    })
}

fn told(out: &[Output]) -> Option<FetchResult> {
    out.iter().find_map(|output| match output {
        Output::AnswerFetch { answer, .. } => Some(answer.result.clone()),
        _ => None,
    })
}

fn is_served(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::ServeFetch { .. }))
}

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

#[test]
fn one_sync_runs_at_a_time_and_covers_what_was_written_before_it_began() {
    let mut replica = leader(0, &[1, 2]);
    assert!(is_sync(&replica.handle(1, produce(1, Acks::Leader))));
    assert!(!is_sync(&replica.handle(2, produce(2, Acks::Leader))), "one is running");
    assert!(!is_sync(&replica.handle(3, produce(3, Acks::Leader))));
    let out = replica.handle(4, Input::Synced);
    assert_eq!((answers(&out), is_sync(&out)), (vec![(1, Outcome::Acknowledged(Offset(0)))], true));
    let both = vec![(2, Outcome::Acknowledged(Offset(1))), (3, Outcome::Acknowledged(Offset(2)))];
    let out = replica.handle(5, Input::Synced);
    assert_eq!((answers(&out), is_sync(&out)), (both, false), "the others went together");
}

#[test]
fn a_sync_that_began_before_a_cut_covers_nothing_that_was_written_after_it() {
    let mut replica = replica(0, Flush::Async);
    let asked = question(&replica.handle(0, Input::Tablet(state(2, 2, 2, &[1, 2])))).expect("a question");
    let four = (0..4).map(|base| batch(base, 1)).collect();
    let out = replica.handle(200, batches(asked.number, four, 0));
    assert!(is_sync(&out), "all four are being synced");
    let asked = question(&out).expect("one that syncs later does not wait for it");
    assert_eq!(cut(&replica.handle(201, diverging(asked.number, 1, 1))), Some(1));
    let asked = question(&replica.handle(202, Input::Truncated(Offset(1)))).expect("a question");
    replica.handle(203, batches(asked.number, vec![batch(1, 2), batch(2, 2)], 0));
    replica.handle(204, Input::Synced);
    assert_eq!((replica.log().written, replica.log().durable), (Offset(3), Offset(1)));
    assert!(is_sync(&replica.handle(400, Input::Tick)), "what is there now has a sync of its own");
}

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

#[test]
fn a_follower_that_lags_for_too_long_leaves_and_the_proposal_is_repeated_as_it_is() {
    let mut replica = leader(0, &[1, 2, 3]);
    replica.handle(1, produce(1, Acks::All));
    replica.handle(2, Input::Synced);
    replica.handle(1_000, has(2, 1));
    assert_eq!(proposal(&replica.handle(1_000, Input::Tick)), None);
    let first = proposal(&replica.handle(1_001, Input::Tick)).expect("broker 3 was not heard of");
    assert_eq!(members(&first), [(1, None), (2, None)]);
    assert_eq!(
        (first.leader_life, first.leader_epoch, first.partition_epoch),
        (LIFE, LeaderEpoch(2), PartitionEpoch(2))
    );
    assert_eq!(replica.high_watermark(), Offset(0), "broker 3 counts until the controller has said otherwise");
    assert_eq!(proposal(&replica.handle(1_400, Input::Tick)), None, "one at a time");
    assert_eq!(proposal(&replica.handle(1_401, has(2, 1))), Some(first));
    let result = Ok(state(1, 2, 3, &[1, 2]));
    let out = replica.handle(1_402, Input::ProposalAnswer { life: LIFE, partition_epoch: PartitionEpoch(2), result });
    assert_eq!(answers(&out), [(1, Outcome::Acknowledged(Offset(0)))]);
}

#[test]
fn a_follower_that_is_always_a_little_behind_does_not_lag() {
    let mut replica = leader(0, &[1, 2]);
    for end in 0..300 {
        // A record is written, and then broker 2 asks for what there was the last time.
        let now = 10 * (end + 1);
        replica.handle(now, produce(end, Acks::None));
        assert_eq!(proposal(&replica.handle(now + 1, has(2, end))), None, "at {now}");
        replica.handle(now + 2, Input::Synced);
    }
}

#[test]
fn a_replica_joins_when_it_has_reached_the_watermark_and_the_start_of_the_epoch() {
    let mut replica = leader(5, &[1, 2]);
    assert_eq!(proposal(&replica.handle(1, Input::FetchRequest(fetch(3, 4, 1)))), None, "the epoch starts at 5");
    let change = proposal(&replica.handle(2, Input::FetchRequest(fetch(3, 5, 1)))).expect("it is there");
    assert_eq!(members(&change), [(1, None), (2, None), (3, Some(13))]);
    replica.handle(3, produce(1, Acks::All));
    replica.handle(4, Input::Synced);
    replica.handle(5, has(2, 6));
    assert_eq!(replica.high_watermark(), Offset(5), "who may be in sync counts, before anybody has said that it is");
}

#[test]
fn a_proposal_names_the_life_that_had_caught_up_even_when_it_is_repeated() {
    let mut replica = leader(5, &[1, 2]);
    let change = proposal(&replica.handle(1, Input::FetchRequest(fetch(3, 5, 1)))).expect("a proposal");
    let reborn = FetchRequest { life: BrokerEpoch(20), ..fetch(3, 0, 0) };
    replica.handle(2, Input::FetchRequest(reborn));
    assert_eq!(proposal(&replica.handle(401, Input::Tick)), Some(change));
}

#[test]
fn who_was_refused_counts_until_there_is_another_version_and_the_leader_asks_for_one() {
    let mut replica = leader(5, &[1, 2]);
    replica.handle(1, Input::FetchRequest(fetch(3, 5, 1)));
    let result = Err(Refusal::Ineligible { tablet: tablet(), broker: BrokerId(3) });
    replica.handle(2, Input::ProposalAnswer { life: LIFE, partition_epoch: PartitionEpoch(2), result });
    let counted = |replica: &Replica| replica.leading().expect("it leads").maximal_isr().contains(&BrokerId(3));
    assert!(counted(&replica), "an earlier copy of the proposal may arrive yet");
    assert_eq!(proposal(&replica.handle(31, Input::Tick)), None, "not at once");
    let change = proposal(&replica.handle(32, Input::Tick)).expect("a change that changes only the version");
    assert_eq!(members(&change), [(1, None), (2, None)]);
    let result = Ok(state(1, 2, 3, &[1, 2]));
    replica.handle(33, Input::ProposalAnswer { life: LIFE, partition_epoch: PartitionEpoch(2), result });
    assert!(!counted(&replica));
    assert_eq!(proposal(&replica.handle(100, Input::FetchRequest(fetch(3, 5, 1)))), None, "not again so soon");
    let reborn = FetchRequest { life: BrokerEpoch(20), ..fetch(3, 5, 1) };
    assert!(proposal(&replica.handle(101, Input::FetchRequest(reborn))).is_some(), "another life is another matter");
}

#[test]
fn an_answer_of_the_controller_to_an_earlier_life_changes_nothing() {
    let mut replica = replica(5, Flush::Sync);
    let (life, partition_epoch) = (BrokerEpoch(6), PartitionEpoch(1));
    replica.handle(1, Input::ProposalAnswer { life, partition_epoch, result: Ok(state(1, 2, 2, &[1, 2])) });
    assert!(replica.leading().is_none() && replica.state().is_none(), "that life has led, and it is over");
}

#[test]
fn a_replica_whose_disk_has_failed_says_nothing_more_but_to_clients() {
    let mut replica = leader(0, &[1, 2]);
    replica.handle(1, produce(1, Acks::All));
    assert_eq!(answers(&replica.handle(2, Input::DiskFailed)), [(1, Outcome::Unknown(Why::DiskFailed))]);
    assert!(replica.has_failed() && replica.leading().is_none());
    assert_eq!(answers(&replica.handle(3, produce(2, Acks::All))), [(2, Outcome::Refused(Why::DiskFailed))]);
    let silent = [has(2, 1), Input::Synced, Input::Tick, Input::Tablet(state(1, 3, 3, &[1, 2]))];
    for input in silent {
        assert!(replica.handle(10_000, input).is_empty());
    }
}
