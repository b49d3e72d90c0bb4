//! A replica, told by hand what happens: what it answers, when it syncs, what it asks, and whom it counts.

mod acknowledged;
mod disk;
mod follower;
mod in_sync;
mod leader;

use std::collections::BTreeSet;

use bytes::Bytes;
use stage06::Offset;
use stage06::batch::Batch;
use stage06::epochs::{EpochEnd, Epochs};
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::log_ends::Flush;
use stage06::message::{FetchAnswer, FetchRequest, FetchResult};
use stage06::replica::{Acks, Identity, Input, Outcome, Output, Produce, Replica, ReplicaOptions, RequestId};
use stage06::tablet::{IsrChange, TabletId, TabletState};

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
