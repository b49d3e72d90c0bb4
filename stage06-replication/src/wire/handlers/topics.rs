//! CreateTopics and DeleteTopics. The controllers carry them out; here it is decided what to ask them for.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse};
use kafka_protocol::protocol::StrBytes;

use super::metadata::topic_tablets;
use super::tablets::is_internal;
use crate::broker::{Broker, OrderError, is_topic_name};
use crate::controller::{Command, Reply};
use crate::ids::BrokerId;
use crate::tablet::Refusal;

/// The most partitions of a topic: each is a log of its own, with its own files, on each of its brokers.
const PARTITIONS_MAX: usize = 100;
/// How long to wait until this broker has heard of what the controllers have decided.
const NEWS_PATIENCE: Duration = Duration::from_secs(2);
/// The one setting of a topic that there is.
const MIN_INSYNC: &str = "min.insync.replicas";

/// A topic that is to be made.
#[derive(Debug)]
pub(super) struct NewTopic {
    name: String,
    /// As the broker has it by default, if there is no number.
    partitions: Option<usize>,
    replication_factor: Option<usize>,
    min_insync_replicas: Option<usize>,
    /// The brokers of each partition, if the client has chosen them.
    assignments: BTreeMap<i32, Vec<BrokerId>>,
}

/// Why a topic is not made, or not deleted.
#[derive(Debug)]
pub(super) struct TopicRefusal {
    error: ResponseError,
    /// The same in words.
    pub(super) message: String,
}

fn refusal(error: ResponseError, message: impl Into<String>) -> TopicRefusal {
    TopicRefusal { error, message: message.into() }
}

impl NewTopic {
    /// A topic of which nothing is said but its name.
    pub(super) fn by_default(name: &str) -> NewTopic {
        let (partitions, replication_factor, min_insync_replicas) = (None, None, None);
        let assignments = BTreeMap::new();
        NewTopic { name: name.to_string(), partitions, replication_factor, min_insync_replicas, assignments }
    }

    fn of(asked: &CreatableTopic) -> Result<NewTopic, TopicRefusal> {
        let mut topic = NewTopic::by_default(asked.name.as_str());
        let number = |number: i64| if number == -1 { Ok(None) } else { usize::try_from(number).map(Some) };
        topic.partitions = number(asked.num_partitions.into())
            .map_err(|_| refusal(ResponseError::InvalidPartitions, "fewer than no partitions"))?;
        topic.replication_factor = number(asked.replication_factor.into())
            .map_err(|_| refusal(ResponseError::InvalidReplicationFactor, "fewer than no replicas"))?;
        for assignment in &asked.assignments {
            let brokers: Result<Vec<BrokerId>, _> =
                assignment.broker_ids.iter().map(|broker| u32::try_from(broker.0).map(BrokerId)).collect();
            let brokers =
                brokers.map_err(|_| refusal(ResponseError::InvalidReplicaAssignment, "a broker below zero"))?;
            topic.assignments.insert(assignment.partition_index, brokers);
        }
        for config in &asked.configs {
            let name = config.name.as_str();
            let value = config.value.as_deref().unwrap_or_default();
            let failed = |why: &str| refusal(ResponseError::InvalidConfig, format!("{name}={value}: {why}"));
            if name != MIN_INSYNC {
                return Err(failed("a topic has no such setting here"));
            }
            let minimum = value.parse().ok().filter(|&minimum| minimum > 0).ok_or_else(|| failed("no such number"))?;
            topic.min_insync_replicas = Some(minimum);
        }
        Ok(topic)
    }

    /// The command that makes it.
    fn command(&self, broker: &Broker) -> Result<Command, TopicRefusal> {
        if !is_topic_name(&self.name) || is_internal(&self.name) {
            let message = format!("{:?} cannot be a topic's name", self.name);
            return Err(refusal(ResponseError::InvalidTopicException, message));
        }
        let cluster = broker.cluster();
        let controller = &cluster.controller;
        if topic_tablets(controller, &self.name).next().is_some() {
            let message = format!("there is a topic {} already", self.name);
            return Err(refusal(ResponseError::TopicAlreadyExists, message));
        }
        let active: Vec<BrokerId> =
            controller.brokers().keys().copied().filter(|&broker| controller.is_active(broker)).collect();
        let replicas = match self.assignments.is_empty() {
            // Topics begin with different brokers, so that not all of them are led by the first.
            true => self.spread(broker, &active, controller.tablets().len())?,
            false => self.assigned(&active)?,
        };
        let fewest = replicas.iter().map(Vec::len).min().unwrap_or(0);
        let minimum = match self.min_insync_replicas {
            Some(minimum) if minimum > fewest => {
                let message = format!("{MIN_INSYNC}={minimum}: there are {fewest} replicas");
                return Err(refusal(ResponseError::InvalidConfig, message));
            }
            Some(minimum) => minimum,
            None => broker.options().min_insync_replicas.clamp(1, fewest),
        };
        Ok(Command::CreateTopic { topic: self.name.clone(), replicas, min_insync_replicas: minimum })
    }

    /// The brokers in turn, one further for each partition.
    fn spread(&self, broker: &Broker, active: &[BrokerId], first: usize) -> Result<Vec<Vec<BrokerId>>, TopicRefusal> {
        let partitions = self.partitions.unwrap_or(broker.options().partitions as usize);
        if !(1..=PARTITIONS_MAX).contains(&partitions) {
            let message = format!("{partitions} partitions; from 1 to {PARTITIONS_MAX} there may be");
            return Err(refusal(ResponseError::InvalidPartitions, message));
        }
        // Of the brokers that there are, and not of those that are up: a topic that is made while the others start would
        // have one copy for ever.
        let by_default = broker.options().replication_factor.min(broker.options().controllers.len());
        let replicas = self.replication_factor.unwrap_or(by_default);
        if replicas == 0 || replicas > active.len() {
            let message = format!("{replicas} replicas, and {} brokers that are there", active.len());
            return Err(refusal(ResponseError::InvalidReplicationFactor, message));
        }
        let of = |partition: usize| (0..replicas).map(|nth| active[(first + partition + nth) % active.len()]).collect();
        Ok((0..partitions).map(of).collect())
    }

    /// The brokers that the client has chosen.
    fn assigned(&self, active: &[BrokerId]) -> Result<Vec<Vec<BrokerId>>, TopicRefusal> {
        let failed = |message: &str| Err(refusal(ResponseError::InvalidReplicaAssignment, message));
        if self.partitions.is_some() || self.replication_factor.is_some() {
            return Err(refusal(ResponseError::InvalidRequest, "brokers were chosen, and numbers of them as well"));
        }
        if self.assignments.len() > PARTITIONS_MAX {
            return failed("too many partitions");
        }
        let mut all = Vec::new();
        for (expected, (&partition, brokers)) in (0..).zip(&self.assignments) {
            let mut once = brokers.clone();
            once.sort_unstable();
            once.dedup();
            let are_there = brokers.iter().all(|broker| active.contains(broker));
            if partition != expected || brokers.is_empty() || once.len() < brokers.len() || !are_there {
                return failed(
                    "partitions have to be numbered from 0 on, and each to have brokers that are there, once",
                );
            }
            all.push(brokers.clone());
        }
        Ok(all)
    }
}

/// Makes a topic, or only looks whether it could be made. When this returns, this broker knows of it.
pub(super) async fn make(broker: &Broker, topic: &NewTopic, is_trial: bool) -> Result<(), TopicRefusal> {
    let command = topic.command(broker)?;
    if is_trial {
        return Ok(());
    }
    carry_out(broker, command).await?;
    let mut cluster = broker.watch_cluster();
    let is_known = cluster.wait_for(|known| topic_tablets(&known.controller, &topic.name).next().is_some());
    // If it takes longer, the client is told so when it asks for the topic.
    let _ = tokio::time::timeout(NEWS_PATIENCE, is_known).await;
    Ok(())
}

async fn carry_out(broker: &Broker, command: Command) -> Result<(), TopicRefusal> {
    match broker.order(command).await {
        Ok(Reply::Refused(why)) => {
            let error = match why {
                Refusal::TabletExists(_) => ResponseError::TopicAlreadyExists,
                Refusal::UnknownTablet(_) => ResponseError::UnknownTopicOrPartition,
                // A broker has gone since it was chosen.
                Refusal::Ineligible { .. } => ResponseError::InvalidReplicationFactor,
                _ => ResponseError::UnknownServerError,
            };
            Err(refusal(error, why.to_string()))
        }
        Ok(_) => Ok(()),
        Err(OrderError::NoAnswer) => Err(refusal(ResponseError::RequestTimedOut, OrderError::NoAnswer.to_string())),
    }
}

/// Makes topics.
pub(super) async fn create(broker: &Broker, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut topics = Vec::new();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    request.topics.iter().for_each(|asked| *times.entry(asked.name.as_str()).or_default() += 1);
    for asked in &request.topics {
        let made = match NewTopic::of(asked) {
            _ if times[asked.name.as_str()] > 1 => Err(refusal(ResponseError::InvalidRequest, "the same topic twice")),
            Ok(topic) => make(broker, &topic, request.validate_only).await,
            Err(refusal) => Err(refusal),
        };
        let result = CreatableTopicResult::default().with_name(asked.name.clone());
        topics.push(match made {
            Ok(()) => result,
            Err(TopicRefusal { error, message }) => {
                result.with_error_code(error.code()).with_error_message(Some(StrBytes::from_string(message)))
            }
        });
    }
    CreateTopicsResponse::default().with_topics(topics)
}

/// Deletes topics, and all their records. Those that the brokers keep for themselves stay.
pub(super) async fn delete(broker: &Broker, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let mut responses = Vec::new();
    for name in request.topic_names {
        let topic = name.as_str().to_string();
        let deleted = match is_internal(&topic) {
            true => Err(refusal(ResponseError::TopicAuthorizationFailed, "the brokers need it")),
            false => carry_out(broker, Command::DeleteTopic { topic }).await,
        };
        let code = deleted.map_or_else(|refusal| refusal.error.code(), |()| 0);
        responses.push(DeletableTopicResult::default().with_name(Some(name)).with_error_code(code));
    }
    DeleteTopicsResponse::default().with_responses(responses)
}
