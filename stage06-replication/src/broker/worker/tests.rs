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

#[test]
fn what_is_acknowledged_is_on_the_disk() {
    let sim = SimDisk::new();
    let mut worker = worker(&sim);
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
    let (reply, mut outcome) = oneshot::channel();
    let body = Bytes::from_static(b"a batch");
    let batch = NewBatch { count: 1, base_timestamp_ms: 1, max_timestamp_ms: 1, sequence: None, body };
    worker.take_group(&mut vec![Work::Input(Input::Tablet(state)), Work::Produce(batch, Acks::Leader, reply)]);
    assert_eq!(outcome.try_recv(), Ok(Outcome::Acknowledged(Offset(0))));
    let durable: Vec<u8> = sim.names().iter().filter_map(|name| sim.durable(name)).flatten().collect();
    assert!(durable.windows(7).any(|bytes| bytes == b"a batch"), "it is not");
}
