//! What consumers are shown of a tablet whose followers have stopped.

use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use stage06::Offset;
use stage06::client::connection::topic_name;
use stage06::client::{Connection, read_all};
use stage06::ids::BrokerId;
use stage06::replica::{Acks, Outcome};

use crate::cluster::{Cluster, runtime};
use crate::failover::{append, batch, create, leader, orders};

/// What a client is told that the newest offset is.
async fn latest(connection: &mut Connection) -> i64 {
    let partition = ListOffsetsPartition::default().with_current_leader_epoch(-1).with_timestamp(-1);
    let topic = ListOffsetsTopic::default().with_name(topic_name("orders")).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
    let response = connection.call(5, &request).await.unwrap();
    let partition = &response.topics[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    partition.offset
}

#[test]
fn what_only_the_leader_has_is_shown_to_no_consumer() {
    runtime().block_on(async {
        let mut cluster = Cluster::start(3).await;
        create(cluster.nodes[&BrokerId(1)].running.broker(), &[1, 2, 3], 2).await;
        assert_eq!(append(&cluster, 0).await, Offset(0));
        let (leads, tablet) = leader(&cluster).await;
        // The controllers go with the followers. So nobody takes these out of the in-sync replicas.
        for id in (1..=3).filter(|id| *id != leads.0) {
            cluster.vanish(id).await;
        }
        let outcome = tablet.produce(batch(1), Acks::Leader).await.await;
        assert_eq!(outcome, Outcome::Acknowledged(Offset(1)), "the leader alone has it");
        tablet.view().wait_for(|view| view.end == Offset(2)).await.unwrap();
        assert_eq!(tablet.view().borrow().high_watermark, Offset(1));
        let mut connection = Connection::open(&cluster.clients[&leads]).await.unwrap();
        let read = read_all(&mut connection, &orders(), 0).await.unwrap();
        let offsets: Vec<i64> = read.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, [0], "what a consumer has read");
        assert_eq!(latest(&mut connection).await, 1, "the newest offset, as a client is told");
    });
}
