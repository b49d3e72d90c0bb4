//! What a replica does with a batch that is counted.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use stage06::Offset;
use stage06::batch::{Batch, Sequence};
use stage06::epochs::{EpochEnd, Epochs};
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::message::{FetchAnswer, FetchRequest, FetchResult};
use stage06::replica::{Acks, Identity, Input, Outcome, Output, Produce, Replica, ReplicaOptions, RequestId, Why};
use stage06::tablet::{TabletId, TabletState};

use super::{batch, of, sequence};

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
