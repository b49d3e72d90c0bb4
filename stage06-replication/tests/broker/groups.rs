//! Consumer groups on real brokers: their offsets on real disks, their coordinators lost.

use std::time::Duration;

use stage06::groups::message::{Answer, Caller, GroupError, Join, Protocol};
use stage06::groups::options::GroupOptions;
use stage06::groups::question::{Question, Reply};
use stage06::groups::record::Committed;
use stage06::groups::service::Groups;
use stage06::ids::BrokerId;

use crate::cluster::{Cluster, PATIENCE, runtime};

/// A client that asks whoever answers.
struct Client {
    options: GroupOptions,
    groups: Vec<(BrokerId, Groups)>,
}

impl Client {
    fn of(cluster: &Cluster, options: GroupOptions) -> Client {
        let groups = cluster.nodes.iter();
        let groups = groups.map(|(id, node)| (*id, Groups::new(node.running.broker().clone(), options)));
        Client { options, groups: groups.collect() }
    }

    /// The brokers are others now.
    fn reconnect(&mut self, cluster: &Cluster) {
        *self = Client::of(cluster, self.options);
    }

    /// Asks until the coordinator is found, has read its offsets, and is sure.
    async fn ask(&self, group: &str, question: Question) -> Result<Reply, GroupError> {
        let asked = async {
            loop {
                let reply = self.try_ask(group, question.clone()).await;
                let is_final = !matches!(
                    reply,
                    Err(GroupError::NotCoordinator | GroupError::LoadInProgress | GroupError::NotAvailable)
                );
                if is_final {
                    return reply;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("an answer")
    }

    async fn try_ask(&self, group: &str, question: Question) -> Result<Reply, GroupError> {
        let coordinator = self.coordinator(group).await?;
        let (_, groups) = self.groups.iter().find(|(id, _)| *id == coordinator).ok_or(GroupError::NotCoordinator)?;
        groups.ask(group, question).await
    }

    /// Whom the first broker takes for the coordinator.
    async fn coordinator(&self, group: &str) -> Result<BrokerId, GroupError> {
        self.groups[0].1.coordinator(group).await
    }

    async fn commit(&self, group: &str, offset: u64) {
        let committed = Committed { offset, leader_epoch: -1, note: String::new(), at_ms: u64::MAX };
        let caller = Caller { member: String::new(), generation: -1 };
        let question = Question::Commit(caller, vec![(("t".into(), 0), committed)]);
        assert_eq!(self.ask(group, question).await, Ok(Reply::Answer(Answer::Done)));
    }

    async fn offset(&self, group: &str) -> Option<u64> {
        match self.ask(group, Question::Fetch(Some(vec![("t".into(), 0)]))).await {
            Ok(Reply::Offsets(offsets)) => offsets[0].1.as_ref().map(|committed| committed.offset),
            other => panic!("no offsets, but {other:?}"),
        }
    }
}

#[test]
fn a_committed_offset_survives_its_coordinators_one_after_the_other() {
    runtime().block_on(async {
        let mut cluster = Cluster::start(3).await;
        // Checkpoints are written all the time.
        let mut client = Client::of(&cluster, GroupOptions { checkpoint_records: 15, ..GroupOptions::default() });
        client.commit("old", 7).await;
        let mut last = 0;
        for round in 0..3 {
            for _ in 0..40 {
                last += 1;
                client.commit("g", last).await;
            }
            let coordinator = client.coordinator("g").await.expect("a coordinator");
            match round {
                1 => cluster.stop(coordinator.0).await,
                _ => cluster.vanish(coordinator.0).await,
            }
            client.reconnect(&cluster);
            assert_eq!(client.offset("g").await, Some(last), "round {round}");
            assert_eq!(client.offset("old").await, Some(7), "round {round}");
            cluster.restart(coordinator.0).await;
            client.reconnect(&cluster);
        }
    });
}

#[test]
fn a_member_whose_coordinator_is_lost_is_unknown_and_cannot_commit() {
    runtime().block_on(async {
        let mut cluster = Cluster::start(3).await;
        let mut client = Client::of(&cluster, GroupOptions { initial_delay_ms: 0, ..GroupOptions::default() });
        client.commit("g", 5).await;
        let join = Join {
            member: String::new(),
            fresh_id: "a".into(),
            asks_for_id_first: false,
            client: "client".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            protocol_type: "consumer".into(),
            protocols: vec![Protocol { name: "range".into(), metadata: "t".into() }],
        };
        let joined = client.ask("g", Question::Join(join)).await;
        let Ok(Reply::Answer(Answer::Joined(joined))) = joined else { panic!("no generation, but {joined:?}") };
        let caller = Caller { member: joined.member, generation: joined.generation };
        let work = Question::Sync(caller.clone(), vec![("a".into(), "all".into())]);
        assert_eq!(client.ask("g", work).await, Ok(Reply::Answer(Answer::Assignment("all".into()))));

        let coordinator = client.coordinator("g").await.expect("a coordinator");
        cluster.vanish(coordinator.0).await;
        client.reconnect(&cluster);
        let committed = Committed { offset: 6, leader_epoch: -1, note: String::new(), at_ms: 0 };
        let commit = Question::Commit(caller.clone(), vec![(("t".into(), 0), committed)]);
        assert_eq!(client.ask("g", commit).await, Err(GroupError::UnknownMember));
        assert_eq!(client.ask("g", Question::Heartbeat(caller)).await, Err(GroupError::UnknownMember));
        assert_eq!(client.offset("g").await, Some(5));
    });
}

#[test]
fn the_offsets_are_not_kept_on_fewer_brokers_than_there_are_to_be() {
    runtime().block_on(async {
        let mut cluster = Cluster::start(3).await;
        cluster.vanish(3).await;
        let mut client = Client::of(&cluster, GroupOptions::default());
        let knows = |cluster: &Cluster, is_active| {
            let mut applied = cluster.nodes[&BrokerId(1)].running.broker().watch_cluster();
            async move {
                let known = applied.wait_for(|applied| applied.controller.is_active(BrokerId(3)) == is_active);
                drop(tokio::time::timeout(PATIENCE, known).await.expect("news of broker 3").expect("a broker"));
            }
        };
        knows(&cluster, false).await;
        assert_eq!(client.coordinator("g").await, Err(GroupError::NotAvailable));
        cluster.restart(3).await;
        knows(&cluster, true).await;
        client.reconnect(&cluster);
        client.commit("g", 1).await;
        let broker = cluster.nodes[&BrokerId(1)].running.broker();
        let tablets = broker.cluster().controller.tablets().clone();
        assert!(
            tablets.values().all(|state| state.replicas.len() == 3 && state.min_insync_replicas == 2),
            "{tablets:?}"
        );
    });
}
