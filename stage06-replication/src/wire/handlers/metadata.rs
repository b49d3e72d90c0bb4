//! Metadata: which brokers and topics there are, and who leads what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{self, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::time::timeout;

use super::tablets::is_internal;
use super::topics::{self, NewTopic};
use crate::broker::{Broker, is_topic_name};
use crate::controller::Controller;
use crate::ids::BrokerId;
use crate::tablet::{TabletId, TabletState};

/// How long a broker that was just started may take to find the others.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// The first version that has leader epochs in its answer.
const LEADER_EPOCH_FROM: i16 = 7;
/// The cluster's name: the same on every broker, so that a client sees whether it talks to one cluster.
const CLUSTER: &str = "a-log-in-six-stages";
/// The most topics that one request may have made: asking is cheap, and a topic is not.
const NEW_TOPICS_MAX: usize = 16;

/// What a client asks for before anything else, and again when somebody turns out not to lead.
pub(super) async fn metadata(broker: &Broker, version: i16, request: MetadataRequest) -> MetadataResponse {
    // Who was just started knows only what it knew when it was stopped, or nothing.
    let _ = timeout(START_PATIENCE, broker.ready()).await;
    let asked: Option<Vec<TopicName>> =
        request.topics.map(|topics| topics.into_iter().filter_map(|topic| topic.name).collect());
    if let Some(asked) = &asked
        && request.allow_auto_topic_creation
        && broker.options().creates_topics
    {
        make_missing(broker, asked).await;
    }
    let cluster = broker.cluster();
    let controller = &cluster.controller;
    let topics = match asked {
        Some(names) => names.into_iter().map(|name| topic_of(controller, version, name)).collect(),
        None => {
            let names: BTreeSet<&str> = controller.tablets().keys().map(|id| id.topic.as_str()).collect();
            let names = names.into_iter().map(|name| TopicName(StrBytes::from_string(name.to_string())));
            names.map(|name| topic_of(controller, version, name)).collect()
        }
    };
    MetadataResponse::default()
        .with_brokers(brokers_of(controller))
        .with_cluster_id(Some(StrBytes::from_static_str(CLUSTER)))
        // Whoever is asked has the controllers do it.
        .with_controller_id(number(broker.id()))
        .with_topics(topics)
}

/// Makes the topics that are not there. What does not come about is not there afterwards, and the client asks again.
async fn make_missing(broker: &Broker, asked: &[TopicName]) {
    let missing: Vec<&TopicName> = {
        let cluster = broker.cluster();
        let is_missing = |name: &&TopicName| topic_tablets(&cluster.controller, name).next().is_none();
        let may_be_made = |name: &&TopicName| is_topic_name(name) && !is_internal(name);
        asked.iter().filter(is_missing).filter(may_be_made).take(NEW_TOPICS_MAX).collect()
    };
    for name in missing {
        let topic = NewTopic::by_default(name.as_str());
        if let Err(refusal) = topics::make(broker, &topic, false).await {
            tracing::warn!(topic = name.as_str(), "cannot be made: {}", refusal.message);
        }
    }
}

/// The brokers that are there; if none is, all of them: a client that is told of none forgets those that it knows, and
/// librdkafka does not get over that.
fn brokers_of(controller: &Controller) -> Vec<MetadataResponseBroker> {
    let is_any_active = controller.brokers().values().any(|registration| !registration.is_fenced);
    let told = controller.brokers().iter().filter(|(_, registration)| !is_any_active || !registration.is_fenced);
    told.filter_map(|(&id, registration)| {
        let (host, port) = host_and_port(&registration.address)?;
        let host = StrBytes::from_string(host.to_string());
        Some(MetadataResponseBroker::default().with_node_id(number(id)).with_host(host).with_port(port.into()))
    })
    .collect()
}

/// The parts of an address: `[::1]:9092`, `127.0.0.1:9092` or `broker.example:9092`.
pub(super) fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((host, port.parse().ok()?))
}

fn topic_of(controller: &Controller, version: i16, name: TopicName) -> MetadataResponseTopic {
    let partitions: BTreeMap<u32, &TabletState> =
        topic_tablets(controller, &name).map(|(id, state)| (id.partition, state)).collect();
    let error = match partitions.is_empty() {
        true if !is_topic_name(&name) => ResponseError::InvalidTopicException.code(),
        true => ResponseError::UnknownTopicOrPartition.code(),
        false => 0,
    };
    let partitions = partitions.into_iter().map(|(index, state)| partition_of(controller, version, index, state));
    MetadataResponseTopic::default()
        .with_error_code(error)
        .with_is_internal(is_internal(&name))
        .with_partitions(partitions.collect())
        .with_name(Some(name))
}

/// The tablets of a topic, the first partition first.
pub(super) fn topic_tablets<'a>(
    controller: &'a Controller,
    topic: &str,
) -> impl Iterator<Item = (&'a TabletId, &'a TabletState)> {
    let topic = topic.to_string();
    let first = TabletId { topic: topic.clone(), partition: 0 };
    controller.tablets().range(first..).take_while(move |(id, _)| id.topic == topic)
}

fn partition_of(controller: &Controller, version: i16, index: u32, state: &TabletState) -> MetadataResponsePartition {
    let error = if state.leader.is_some() { 0 } else { ResponseError::LeaderNotAvailable.code() };
    let numbers = |brokers: &mut dyn Iterator<Item = &BrokerId>| brokers.copied().map(number).collect::<Vec<_>>();
    let is_away = |broker: &&BrokerId| !controller.is_active(**broker);
    let partition = MetadataResponsePartition::default()
        .with_error_code(error)
        .with_partition_index(index as i32)
        .with_leader_id(state.leader.map_or((-1).into(), number))
        .with_replica_nodes(numbers(&mut state.replicas.iter()))
        .with_isr_nodes(numbers(&mut state.isr.iter()));
    let partition = match version >= 5 {
        true => partition.with_offline_replicas(numbers(&mut state.replicas.iter().filter(is_away))),
        false => partition,
    };
    match version >= LEADER_EPOCH_FROM {
        true => partition.with_leader_epoch(state.leader_epoch.0 as i32),
        false => partition,
    }
}

fn number(broker: BrokerId) -> messages::BrokerId {
    messages::BrokerId(broker.0 as i32)
}
