//! Producers that count their batches: what a log knows of them, and what a replica does with that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use fastrand::Rng;
use stage06::Offset;
use stage06::batch::{Batch, Sequence};
use stage06::epochs::{EpochEnd, Epochs};
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::message::{FetchAnswer, FetchRequest, FetchResult};
use stage06::producers::{BATCHES_MAX, Check, PRODUCERS_MAX, Producers};
use stage06::replica::{Acks, Identity, Input, Outcome, Output, Produce, Replica, ReplicaOptions, RequestId, Why};
use stage06::replica_log::ReplicaLog;
use stage06::sim::MemoryLog;
use stage06::tablet::{TabletId, TabletState};

fn sequence(producer: u64, epoch: u16, first: u32) -> Sequence {
    Sequence { producer, epoch, first }
}

fn batch(base: u64, count: u32, sequence: Sequence) -> Batch {
    Batch {
        base_offset: Offset(base),
        epoch: LeaderEpoch(1),
        count,
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        sequence: Some(sequence),
        body: Bytes::from_static(b"8 bytes."),
    }
}

fn duplicate(base: u64, end: u64) -> Check {
    Check::Duplicate { base: Offset(base), end: Offset(end) }
}

/// The producers of a log with these batches.
fn of(start: u64, batches: &[Batch]) -> Producers {
    let mut producers = Producers::new(Offset(start));
    batches.iter().for_each(|batch| producers.append(batch));
    producers
}

/// Producer 7 has written 7 batches of 2 records, from offset 0 and sequence 0 on.
fn seven() -> Producers {
    let batches: Vec<Batch> =
        (0..7).map(|number| batch(u64::from(number) * 2, 2, sequence(7, 0, number * 2))).collect();
    of(0, &batches)
}

#[test]
fn the_next_batch_goes_on_where_the_last_one_ends() {
    let producers = seven();
    assert_eq!(producers.check(&sequence(7, 0, 14), 3), Check::New);
    assert_eq!(producers.check(&sequence(7, 0, 15), 3), Check::OutOfSequence, "number 14 is missing");
}

#[test]
fn each_of_the_last_five_batches_is_known_with_its_place() {
    let producers = seven();
    for number in 2..7_u32 {
        let base = u64::from(number) * 2;
        assert_eq!(producers.check(&sequence(7, 0, number * 2), 2), duplicate(base, base + 2), "batch {number}");
    }
}

#[test]
fn a_batch_that_is_older_than_five_is_not_taken_for_a_success() {
    assert_eq!(BATCHES_MAX, 5);
    assert_eq!(seven().check(&sequence(7, 0, 2), 2), Check::OutOfSequence);
}

#[test]
fn a_batch_that_begins_like_one_that_is_there_and_is_longer_is_another_one() {
    assert_eq!(seven().check(&sequence(7, 0, 12), 3), Check::OutOfSequence);
}

#[test]
fn behind_the_largest_number_comes_0() {
    let last = i32::MAX as u32;
    let producers = of(9, &[batch(10, 1, sequence(7, 0, last))]);
    assert_eq!(producers.check(&sequence(7, 0, 0), 1), Check::New);
    let producers = of(9, &[batch(10, 4, sequence(7, 0, last - 1))]);
    assert_eq!(producers.check(&sequence(7, 0, 2), 1), Check::New, "the batch itself went over the end");
    assert_eq!(producers.check(&sequence(7, 0, last - 1), 4), duplicate(10, 14));
}

#[test]
fn another_epoch_begins_at_0_and_ends_the_one_before() {
    let mut producers = seven();
    assert_eq!(producers.check(&sequence(7, 1, 14), 1), Check::OutOfSequence, "it does not go on with the old numbers");
    assert_eq!(producers.check(&sequence(7, 1, 0), 1), Check::New);
    producers.append(&batch(14, 1, sequence(7, 1, 0)));
    assert_eq!(producers.check(&sequence(7, 0, 14), 1), Check::Fenced);
    assert_eq!(producers.check(&sequence(7, 0, 12), 2), Check::Fenced, "not even what is there");
    assert_eq!(producers.check(&sequence(7, 1, 1), 1), Check::New);
}

#[test]
fn a_producer_that_nobody_knows_begins_at_0_where_the_whole_log_is_there() {
    let producers = seven();
    assert_eq!(producers.check(&sequence(8, 0, 0), 1), Check::New);
    assert_eq!(producers.check(&sequence(8, 0, 3), 1), Check::OutOfSequence, "its first batch is still to come");
}

#[test]
fn a_producer_that_may_have_been_forgotten_goes_on_where_it_says() {
    let mut producers = seven();
    producers.delete_before(Offset(2));
    assert_eq!(producers.check(&sequence(8, 3, 1_000), 1), Check::New);
    assert_eq!(Producers::new(Offset(40)).check(&sequence(8, 3, 1_000), 1), Check::New);
}

#[test]
fn what_retention_has_given_up_is_forgotten() {
    let mut producers = seven();
    producers.delete_before(Offset(12));
    assert_eq!(producers.check(&sequence(7, 0, 10), 2), Check::OutOfSequence);
    assert_eq!(producers.check(&sequence(7, 0, 12), 2), duplicate(12, 14));
    producers.delete_before(Offset(14));
    assert!(producers.is_empty());
}

#[test]
fn when_there_are_too_many_the_one_that_has_been_silent_for_longest_is_forgotten() {
    let mut producers = Producers::new(Offset(0));
    for number in 0..PRODUCERS_MAX as u64 {
        producers.append(&batch(number, 1, sequence(number, 0, 0)));
    }
    let end = PRODUCERS_MAX as u64;
    // Producer 0 is the oldest, and has written last.
    producers.append(&batch(end, 1, sequence(0, 0, 1)));
    producers.append(&batch(end + 1, 1, sequence(end, 0, 0)));
    assert_eq!(producers.len(), PRODUCERS_MAX);
    assert_eq!(producers.check(&sequence(0, 0, 1), 1), duplicate(end, end + 1));
    assert_eq!(
        producers.check(&sequence(1, 0, 5), 1),
        Check::New,
        "producer 1 is unknown, and may have been forgotten"
    );
    assert_eq!(producers.check(&sequence(2, 0, 5), 1), Check::OutOfSequence, "producer 2 is not");
}

#[test]
fn batches_that_are_not_counted_change_nothing() {
    let mut producers = seven();
    producers.append(&Batch { sequence: None, ..batch(14, 3, sequence(7, 0, 0)) });
    assert_eq!(producers, seven());
}

/// What is checked against a list of all batches, whatever is appended, cut and deleted.
#[test]
fn what_is_known_is_what_a_look_at_the_whole_log_says() {
    for seed in 0..200 {
        let mut random = Rng::with_seed(seed);
        let (mut log, mut producers) = (MemoryLog::default(), Producers::new(Offset(0)));
        let mut next: BTreeMap<u64, (u16, u32)> = BTreeMap::new();
        for _ in 0..100 {
            match random.u32(0..10) {
                0 => {
                    let (start, end) = (log.start().0, log.end().0);
                    log.truncate(Offset(random.u64(start..=end))).unwrap();
                    producers = log.producers().unwrap();
                }
                1 => {
                    let start = log.delete_before(Offset(random.u64(log.start().0..=log.end().0) / 2));
                    producers.delete_before(start);
                }
                _ => {
                    let (number, count) = (random.u64(0..4), random.u32(1..4));
                    let (epoch, first) = next.entry(number).or_default();
                    if random.u32(0..8) == 0 {
                        (*epoch, *first) = (*epoch + 1, 0);
                    }
                    let new = batch(log.end().0, count, sequence(number, *epoch, *first));
                    *first += count;
                    log.append(std::slice::from_ref(&new)).unwrap();
                    producers.append(&new);
                }
            }
            assert_eq!(producers, log.producers().unwrap(), "seed {seed}");
            check_against(&log.read(log.start(), usize::MAX).unwrap(), &producers);
        }
    }
}

/// The last five batches of each producer's last epoch are duplicates where they are, and nothing else is.
fn check_against(batches: &[Batch], producers: &Producers) {
    let counted = |number: u64| {
        let of: Vec<(&Batch, Sequence)> = batches
            .iter()
            .filter_map(|batch| Some((batch, batch.sequence?)))
            .filter(|(_, sequence)| sequence.producer == number)
            .collect();
        let epoch = of.last().map(|(_, sequence)| sequence.epoch);
        let tail = of.iter().rposition(|(_, sequence)| Some(sequence.epoch) != epoch).map_or(0, |at| at + 1);
        of[tail..].to_vec()
    };
    let numbers: BTreeSet<u64> = batches.iter().filter_map(|batch| Some(batch.sequence?.producer)).collect();
    assert_eq!(producers.len(), numbers.len());
    for number in numbers {
        let last = counted(number);
        let remembered = last.len().saturating_sub(BATCHES_MAX);
        for (at, (batch, sequence)) in last.iter().enumerate() {
            let expected = match at < remembered {
                true => Check::OutOfSequence,
                false => duplicate(batch.base_offset.0, batch.end_offset().0),
            };
            assert_eq!(producers.check(sequence, batch.count), expected);
        }
    }
}

const LIFE: BrokerEpoch = BrokerEpoch(7);

fn state(leader: u32, epoch: u32, version: u32) -> TabletState {
    TabletState {
        id: 1,
        replicas: [1, 2].map(BrokerId).to_vec(),
        min_insync_replicas: 2,
        leader: Some(BrokerId(leader)),
        leader_epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(version),
        isr: [1, 2].map(BrokerId).into(),
        elr: BTreeSet::new(),
    }
}

/// Broker 1's replica, with a log that has these batches, all of epoch 1.
fn opened(batches: &[Batch]) -> Replica {
    let (mut epochs, end) = (Epochs::default(), batches.last().map_or(Offset(0), Batch::end_offset));
    batches.iter().for_each(|batch| epochs.begin(batch.epoch, batch.base_offset));
    let tablet = TabletId { topic: "t".into(), partition: 0 };
    let identity = Identity { broker: BrokerId(1), life: LIFE, tablet };
    let mut replica = Replica::new(identity, ReplicaOptions::default(), Offset(0), end, epochs);
    replica.handle(0, Input::Producers(of(0, batches)));
    replica
}

/// It leads in epoch 2, and broker 2 is in sync.
fn leader(batches: &[Batch]) -> Replica {
    let mut replica = opened(batches);
    replica.handle(0, Input::Tablet(state(1, 2, 2)));
    replica
}

fn produce(request: u64, acks: Acks, count: u32, sequence: Sequence) -> Input {
    Input::Produce(Produce {
        request: RequestId(request),
        acks,
        count,
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        sequence: Some(sequence),
        body: Bytes::from_static(b"8 bytes."),
    })
}

/// Broker 2 has everything in front of `offset`.
fn has(offset: u64, last: u32) -> Input {
    Input::FetchRequest(FetchRequest {
        from: BrokerId(2),
        life: BrokerEpoch(12),
        number: 1,
        leader_epoch: LeaderEpoch(2),
        offset: Offset(offset),
        last_epoch: Some(LeaderEpoch(last)),
    })
}

fn answers(out: &[Output]) -> Vec<(u64, Outcome)> {
    let answer = |output: &Output| match output {
        Output::Answer { request, outcome } => Some((request.0, outcome.clone())),
        _ => None,
    };
    out.iter().filter_map(answer).collect()
}

fn appends(out: &[Output]) -> usize {
    let count = |output: &Output| if let Output::Append(batches) = output { batches.len() } else { 0 };
    out.iter().map(count).sum()
}

#[test]
fn a_batch_that_comes_again_is_not_appended_and_gets_the_offset_of_the_first_time() {
    let mut replica = leader(&[]);
    assert_eq!(appends(&replica.handle(1, produce(1, Acks::All, 2, sequence(7, 0, 0)))), 1);
    let again = replica.handle(2, produce(2, Acks::All, 2, sequence(7, 0, 0)));
    assert_eq!((appends(&again), answers(&again)), (0, vec![]), "broker 2 lacks it, and broker 1 has not synced it");
    assert_eq!(answers(&replica.handle(3, Input::Synced)), []);
    let both = [(1, Outcome::Acknowledged(Offset(0))), (2, Outcome::Acknowledged(Offset(0)))];
    assert_eq!(answers(&replica.handle(4, has(2, 2))), both);
}

#[test]
fn a_new_leader_knows_what_it_has_got_as_a_follower_and_acknowledges_it_when_all_have_it() {
    let mut replica = opened(&[]);
    let out = replica.handle(0, Input::Tablet(state(2, 1, 1)));
    let Some(Output::Fetch { request, .. }) = out.into_iter().find(|output| matches!(output, Output::Fetch { .. }))
    else {
        panic!("it asks its leader at once")
    };
    let batches = vec![batch(0, 2, sequence(7, 0, 0)), batch(2, 1, sequence(7, 0, 2))];
    let result = FetchResult::Batches { batches, high_watermark: Offset(0) };
    let answer = FetchAnswer { number: request.number, leader_epoch: LeaderEpoch(1), result };
    assert_eq!(appends(&replica.handle(1, Input::FetchAnswer(answer))), 2);
    replica.handle(2, Input::Synced);
    replica.handle(3, Input::Tablet(state(1, 2, 2)));
    let again = replica.handle(4, produce(1, Acks::All, 1, sequence(7, 0, 2)));
    assert_eq!((appends(&again), answers(&again)), (0, vec![]));
    assert_eq!(answers(&replica.handle(5, has(2, 1))), [], "broker 2 has only the batch in front of it");
    assert_eq!(answers(&replica.handle(6, has(3, 2))), [(1, Outcome::Acknowledged(Offset(2)))]);
    assert_eq!(appends(&replica.handle(7, produce(2, Acks::All, 1, sequence(7, 0, 3)))), 1);
}

#[test]
fn a_batch_in_front_of_which_one_is_missing_is_refused_and_comes_in_behind_it_later() {
    let mut replica = leader(&[]);
    let early = replica.handle(1, produce(1, Acks::All, 1, sequence(7, 0, 1)));
    assert_eq!((appends(&early), answers(&early)), (0, vec![(1, Outcome::Refused(Why::OutOfSequence))]));
    assert_eq!(appends(&replica.handle(2, produce(2, Acks::All, 1, sequence(7, 0, 0)))), 1);
    assert_eq!(appends(&replica.handle(3, produce(3, Acks::All, 1, sequence(7, 0, 1)))), 1);
}

#[test]
fn a_batch_of_an_epoch_that_is_over_is_refused() {
    let mut replica = leader(&[batch(0, 1, sequence(7, 3, 0))]);
    let late = replica.handle(1, produce(1, Acks::All, 1, sequence(7, 2, 9)));
    assert_eq!((appends(&late), answers(&late)), (0, vec![(1, Outcome::Refused(Why::ProducerFenced))]));
}

#[test]
fn a_replica_that_was_opened_knows_the_batches_of_its_log() {
    let mut replica = leader(&[batch(0, 2, sequence(7, 0, 0))]);
    assert_eq!(appends(&replica.handle(1, produce(1, Acks::Leader, 2, sequence(7, 0, 0)))), 0);
    assert_eq!(appends(&replica.handle(2, produce(2, Acks::Leader, 2, sequence(7, 0, 2)))), 1);
}

#[test]
fn a_leader_that_has_not_looked_at_its_log_takes_no_counted_batch_and_any_other() {
    let tablet = TabletId { topic: "t".into(), partition: 0 };
    let identity = Identity { broker: BrokerId(1), life: LIFE, tablet };
    let mut replica = Replica::new(identity, ReplicaOptions::default(), Offset(0), Offset(0), Epochs::default());
    replica.handle(0, Input::Tablet(state(1, 2, 2)));
    let counted = replica.handle(1, produce(1, Acks::Leader, 1, sequence(7, 0, 0)));
    assert_eq!((appends(&counted), answers(&counted)), (0, vec![(1, Outcome::Refused(Why::NotLeader))]));
    let Input::Produce(counted) = produce(2, Acks::Leader, 1, sequence(7, 0, 0)) else { unreachable!() };
    assert_eq!(appends(&replica.handle(2, Input::Produce(Produce { sequence: None, ..counted }))), 1);
}

#[test]
fn after_a_cut_a_batch_that_was_cut_is_new_and_what_lies_in_front_of_it_is_known_again() {
    // Six batches: the first is forgotten by now. Then the last two are cut.
    let batches: Vec<Batch> = (0..6).map(|number| batch(number.into(), 1, sequence(7, 0, number))).collect();
    let mut replica = opened(&batches);
    let out = replica.handle(0, Input::Tablet(state(2, 2, 2)));
    let number = out.iter().find_map(|output| match output {
        Output::Fetch { request, .. } => Some(request.number),
        _ => None,
    });
    let result = FetchResult::Diverging(EpochEnd { epoch: LeaderEpoch(1), end: Offset(4) });
    let answer = FetchAnswer { number: number.expect("it asks"), leader_epoch: LeaderEpoch(2), result };
    let out = replica.handle(1, Input::FetchAnswer(answer));
    assert!(matches!(out[..], [Output::Truncate(Offset(4))]), "{out:?}");
    replica.handle(1, Input::Truncated(Offset(4)));
    replica.handle(1, Input::Producers(of(0, &batches[..4])));
    replica.handle(2, Input::Tablet(state(1, 3, 3)));
    let mut requests: VecDeque<usize> = VecDeque::new();
    for first in [0, 3, 4, 5] {
        requests.push_back(appends(&replica.handle(3, produce(1, Acks::Leader, 1, sequence(7, 0, first)))));
    }
    assert_eq!(requests, [0, 0, 1, 1]);
}

#[test]
fn a_replica_that_starts_again_behind_what_was_deleted_takes_a_producer_where_it_is() {
    let mut replica = opened(&[batch(0, 1, sequence(7, 0, 0))]);
    replica.handle(0, Input::Tablet(state(2, 1, 1)));
    replica.handle(1, Input::StartedAgain(Offset(50)));
    replica.handle(2, Input::Tablet(state(1, 2, 2)));
    assert_eq!(appends(&replica.handle(3, produce(1, Acks::Leader, 1, sequence(7, 0, 40)))), 1);
    assert_eq!(appends(&replica.handle(4, produce(2, Acks::Leader, 1, sequence(7, 0, 40)))), 0);
}
