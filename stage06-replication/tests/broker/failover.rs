//! Topics, produce, fail over, come back: through the broker's own interface.

use std::time::Duration;

use bytes::Bytes;
use stage06::Offset;
use stage06::broker::{Broker, NewBatch, Tablet};
use stage06::client::producer::encode_batch;
use stage06::controller::{Command, Reply};
use stage06::ids::BrokerId;
use stage06::replica::{Acks, Outcome, Why};
use stage06::tablet::TabletId;

use crate::cluster::{Cluster, PATIENCE, runtime};

pub(crate) fn orders() -> TabletId {
    TabletId { topic: "orders".into(), partition: 0 }
}

fn value(number: u64) -> Bytes {
    Bytes::from(format!("batch {number}"))
}

pub(crate) fn batch(number: u64) -> NewBatch {
    let body = encode_batch(&[value(number)], -1, -1, -1).unwrap();
    NewBatch { count: 1, base_timestamp_ms: number, max_timestamp_ms: number, sequence: None, body }
}

/// Whoever leads, once somebody does.
pub(crate) async fn leader(cluster: &Cluster) -> (BrokerId, Tablet) {
    let find = async {
        loop {
            for (&id, node) in &cluster.nodes {
                if let Some(tablet) = node.running.broker().tablet(&orders())
                    && tablet.view().borrow().is_leader
                {
                    return (id, tablet);
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, find).await.expect("somebody leads")
}

/// Appends, and tries again for as long as it is refused.
pub(crate) async fn append(cluster: &Cluster, number: u64) -> Offset {
    let appended = async {
        loop {
            let (_, tablet) = leader(cluster).await;
            match tablet.produce(batch(number), Acks::All).await.await {
                Outcome::Acknowledged(offset) => return offset,
                Outcome::Refused(Why::NotEnoughReplicas) => tokio::time::sleep(Duration::from_millis(50)).await,
                Outcome::Refused(_) | Outcome::Unknown(_) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, appended).await.expect("it is acknowledged")
}

pub(crate) async fn create(broker: &Broker, replicas: &[u32], min_insync_replicas: usize) {
    let replicas = vec![replicas.iter().copied().map(BrokerId).collect()];
    let command = Command::CreateTopic { topic: "orders".into(), replicas, min_insync_replicas };
    assert_eq!(broker.order(command).await.unwrap(), Reply::Done);
}

/// Every record that was acknowledged is where it was said to be.
fn assert_has(tablet: &Tablet, acknowledged: &[(u64, Offset)]) {
    for (number, offset) in acknowledged {
        let batches = tablet.reader().read(*offset, 1).unwrap();
        assert_eq!(batches[0].base_offset, *offset);
        let body = &batches[0].body;
        assert!(body.windows(value(*number).len()).any(|part| part == value(*number)), "{number} at offset {offset}");
    }
}

#[test]
fn one_broker_alone_takes_records_and_has_them_after_a_restart() {
    runtime().block_on(async {
        let mut cluster = Cluster::start(1).await;
        create(cluster.nodes[&BrokerId(1)].running.broker(), &[1], 1).await;
        let mut acknowledged = Vec::new();
        for number in 0..20 {
            acknowledged.push((number, append(&cluster, number).await));
        }
        cluster.stop(1).await;
        cluster.restart(1).await;
        acknowledged.push((20, append(&cluster, 20).await));
        assert_has(&leader(&cluster).await.1, &acknowledged);
    });
}

#[test]
fn what_was_acknowledged_is_there_whoever_leads_next() {
    runtime().block_on(async {
        let mut cluster = Cluster::start(3).await;
        create(cluster.nodes[&BrokerId(1)].running.broker(), &[1, 2, 3], 2).await;
        let mut acknowledged = Vec::new();
        for round in 0..3 {
            for number in round * 10..round * 10 + 10 {
                acknowledged.push((number, append(&cluster, number).await));
            }
            let (leads, tablet) = leader(&cluster).await;
            assert_has(&tablet, &acknowledged);
            // In order, and from one moment to the next.
            match round % 2 {
                0 => cluster.stop(leads.0).await,
                _ => cluster.vanish(leads.0).await,
            }
            acknowledged.push((1000 + round, append(&cluster, 1000 + round).await));
            let (next, tablet) = leader(&cluster).await;
            assert_ne!(next, leads);
            assert_has(&tablet, &acknowledged);
            cluster.restart(leads.0).await;
        }
    });
}
