//! A replica that is told by hand what happens: short words for what goes in and what comes out.

use std::collections::BTreeSet;

use bytes::Bytes;
use stage06::Offset;
use stage06::batch::Batch;
use stage06::epochs::{EpochEnd, Epochs};
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::log_ends::Flush;
use stage06::message::{FetchAnswer, FetchRequest, FetchResult};
use stage06::replica::{Acks, Identity, Input, Outcome, Output, Produce, Replica, ReplicaOptions, RequestId};
use stage06::sim::{Config, Timeline, Verdict, run, run_seeds};
use stage06::tablet::{TabletId, TabletState};

/// Which life of broker 1 it is.
pub(crate) const LIFE: BrokerEpoch = BrokerEpoch(7);

pub(crate) fn tablet() -> TabletId {
    TabletId { topic: "t".into(), partition: 0 }
}

pub(crate) fn options(flush: Flush) -> ReplicaOptions {
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

/// A tablet on the brokers 1, 2 and 3, as the controller says it.
pub(crate) fn state(leader: u32, epoch: u32, version: u32, isr: &[u32]) -> TabletState {
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

/// A broker's replica with a log that was just opened.
pub(crate) fn opened(broker: u32, life: BrokerEpoch, flush: Flush, start: u64, end: u64, epochs: Epochs) -> Replica {
    let identity = Identity { broker: BrokerId(broker), life, tablet: tablet() };
    Replica::new(identity, options(flush), Offset(start), Offset(end), epochs)
}

/// Broker 1's replica, with a log that has the records from 0 to `end`, all of epoch 1.
pub(crate) fn replica(end: u64, flush: Flush) -> Replica {
    let mut epochs = Epochs::default();
    if end > 0 {
        epochs.begin(LeaderEpoch(1), Offset(0));
    }
    opened(1, LIFE, flush, 0, end, epochs)
}

/// It leads in epoch 2, with these in sync.
pub(crate) fn leader(end: u64, isr: &[u32]) -> Replica {
    let mut replica = replica(end, Flush::Sync);
    replica.handle(0, Input::Tablet(state(1, 2, 2, isr)));
    replica
}

/// It follows broker 2 in epoch 2, and has asked its first question.
pub(crate) fn follower(end: u64) -> (Replica, FetchRequest) {
    let mut replica = replica(end, Flush::Sync);
    let out = replica.handle(0, Input::Tablet(state(2, 2, 2, &[1, 2, 3])));
    let question = question(&out).expect("a follower asks as soon as it has a leader");
    (replica, question)
}

/// A client's batch of one record; its body says which it is.
pub(crate) fn produce(request: u64, acks: Acks) -> Input {
    Input::Produce(Produce {
        request: RequestId(request),
        acks,
        count: 1,
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        sequence: None,
        body: Bytes::copy_from_slice(&request.to_le_bytes()),
    })
}

/// Broker `from` has everything in front of `offset`, and knows of the epochs up to `last`; of none if that is 0.
pub(crate) fn fetch(from: u32, offset: u64, last: u32) -> FetchRequest {
    FetchRequest {
        from: BrokerId(from),
        life: BrokerEpoch(u64::from(from) + 10),
        number: 1,
        leader_epoch: LeaderEpoch(2),
        offset: Offset(offset),
        last_epoch: (last > 0).then_some(LeaderEpoch(last)),
    }
}

/// The same in epoch 2, as an input.
pub(crate) fn has(from: u32, offset: u64) -> Input {
    Input::FetchRequest(fetch(from, offset, 2))
}

pub(crate) fn batch(base: u64, epoch: u32) -> Batch {
    Batch {
        base_offset: Offset(base),
        epoch: LeaderEpoch(epoch),
        count: 1,
        base_timestamp_ms: 0,
        max_timestamp_ms: 0,
        sequence: None,
        body: Bytes::copy_from_slice(&base.to_le_bytes()),
    }
}

/// The leader's answer to question `number`.
pub(crate) fn answer(number: u64, result: FetchResult) -> Input {
    Input::FetchAnswer(FetchAnswer { number, leader_epoch: LeaderEpoch(2), result })
}

pub(crate) fn batches(number: u64, batches: Vec<Batch>, high_watermark: u64) -> Input {
    answer(number, FetchResult::Batches { batches, high_watermark: Offset(high_watermark) })
}

pub(crate) fn diverging(number: u64, epoch: u32, end: u64) -> Input {
    answer(number, FetchResult::Diverging(EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(end) }))
}

/// What clients are told.
pub(crate) fn answers(out: &[Output]) -> Vec<(u64, Outcome)> {
    let answer = |output: &Output| match output {
        Output::Answer { request, outcome } => Some((request.0, outcome.clone())),
        _ => None,
    };
    out.iter().filter_map(answer).collect()
}

/// What a follower asks.
pub(crate) fn question(out: &[Output]) -> Option<FetchRequest> {
    out.iter().find_map(|output| match output {
        Output::Fetch { request, .. } => Some(*request),
        _ => None,
    })
}

pub(crate) fn is_sync(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::Sync))
}

/// Where the batches start that are to be appended.
pub(crate) fn appends(out: &[Output]) -> Vec<u64> {
    let bases = |output: &Output| match output {
        Output::Append(batches) => batches.iter().map(|batch| batch.base_offset.0).collect(),
        _ => Vec::new(),
    };
    out.iter().flat_map(bases).collect()
}

/// Where the log is to be cut.
pub(crate) fn cut(out: &[Output]) -> Option<u64> {
    out.iter().find_map(|output| match output {
        Output::Truncate(end) => Some(end.0),
        _ => None,
    })
}

/// What a follower is told in place of records.
pub(crate) fn told(out: &[Output]) -> Option<FetchResult> {
    out.iter().find_map(|output| match output {
        Output::AnswerFetch { answer, .. } => Some(answer.result.clone()),
        _ => None,
    })
}

/// From where on a follower is sent records, and with which high watermark.
pub(crate) fn served(out: &[Output]) -> Option<(u64, u64)> {
    out.iter().find_map(|output| match output {
        Output::ServeFetch { from, high_watermark, .. } => Some((from.0, high_watermark.0)),
        _ => None,
    })
}

/// Runs so many seeds of the simulator. If a rule is broken, the run that breaks one soonest is told.
pub(crate) fn simulate(config: Config, seeds: u64) {
    let report = run_seeds(config, 0, seeds, false);
    let when = |verdict: &&Verdict| verdict.violation.as_ref().map(|violation| violation.at);
    let Some(soonest) = report.broken.iter().min_by_key(when) else {
        return assert!(report.acknowledged > seeds, "{} acknowledgements in {seeds} runs", report.acknowledged);
    };
    let (verdict, timeline) = run(config, soonest.seed, Timeline::kept());
    let (lines, number) = (timeline.to_string(), 1 + Config::ALL.iter().position(|of| *of == config).unwrap_or(0));
    let all: Vec<&str> = lines.lines().collect();
    panic!(
        "{} of {seeds} simulated clusters of {} break a rule. The story that is told soonest, from its last {LINES} lines \
         on:\n{}\n{}\nAll of it: cargo run --release --example simulate -- {number} --seed {}",
        report.broken.len(),
        config.name,
        all[all.len().saturating_sub(LINES)..].join("\n"),
        verdict.violation.map(|violation| violation.to_string()).unwrap_or_default(),
        soonest.seed,
    );
}

/// How much of a story is shown.
const LINES: usize = 60;
