use std::collections::BTreeSet;

use bytes::Bytes;
use lab::sim::SimDisk;
use stage05::SegmentOptions;

use super::*;
use crate::epochs::Epochs;
use crate::ids::{BrokerEpoch, PartitionEpoch};
use crate::replica::{Identity, ReplicaOptions};
use crate::tablet::{TabletId, TabletState};

/// The only replica of a tablet, and its log on a simulated disk.
fn worker(sim: &SimDisk) -> Worker {
    let log = TabletLog::open(&sim.disk(), Framed::default(), SegmentOptions::default()).unwrap();
    let tablet = TabletId { topic: "orders".into(), partition: 0 };
    let identity = Identity { broker: BrokerId(1), life: BrokerEpoch(1), tablet };
    let replica = Replica::new(identity, ReplicaOptions::default(), Offset(0), Offset(0), Epochs::default());
    let ways = Ways { fetches: watch::Sender::new(None), proposals: mpsc::unbounded_channel().0 };
    Worker::new(replica, log, Clock::start(), ways, Retention::default())
}

/// The controller's word that it leads, and a batch for it.
fn work(acks: Acks) -> (Vec<Work>, oneshot::Receiver<Outcome>) {
    let state = TabletState {
        id: 1,
        replicas: vec![BrokerId(1)],
        min_insync_replicas: 1,
        leader: Some(BrokerId(1)),
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(1),
        isr: BTreeSet::from([BrokerId(1)]),
        elr: BTreeSet::new(),
    };
    let (reply, outcome) = oneshot::channel();
    let body = Bytes::from_static(b"a batch");
    let batch = NewBatch { count: 1, base_timestamp_ms: 1, max_timestamp_ms: 1, sequence: None, body };
    (vec![Work::Input(Input::Tablet(state)), Work::Produce(batch, acks, reply)], outcome)
}

#[test]
fn who_is_told_of_an_offset_finds_it_in_the_view() {
    let mut worker = worker(&SimDisk::new());
    let view = worker.subscribe();
    let (work, mut outcome) = work(Acks::All);
    // The parts of a group up to its answers: what comes behind them may take its time.
    work.into_iter().for_each(|work| worker.take(work));
    worker.write();
    worker.end_group();
    assert_eq!(outcome.try_recv(), Ok(Outcome::Acknowledged(Offset(0))));
    let view = view.borrow();
    assert_eq!((view.high_watermark, view.latest, view.end), (Offset(1), Some(Offset(1)), Offset(1)));
}

#[test]
fn what_is_acknowledged_is_on_the_disk() {
    let sim = SimDisk::new();
    let mut worker = worker(&sim);
    let (mut work, mut outcome) = work(Acks::Leader);
    worker.take_group(&mut work);
    assert_eq!(outcome.try_recv(), Ok(Outcome::Acknowledged(Offset(0))));
    let durable: Vec<u8> = sim.names().iter().filter_map(|name| sim.durable(name)).flatten().collect();
    assert!(durable.windows(7).any(|bytes| bytes == b"a batch"), "it is not");
}
