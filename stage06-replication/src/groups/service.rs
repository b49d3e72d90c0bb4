//! The groups of a broker: finds who coordinates a group, and asks if it is this broker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::coordinator::coordinate;
use super::message::GroupError;
use super::options::GroupOptions;
use super::question::{Call, Question, Reply};
use crate::broker::Broker;
use crate::controller::{Command, Controller};
use crate::ids::BrokerId;
use crate::tablet::TabletId;

/// The topic in which committed offsets are kept.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// How many calls wait for a coordinator. Who comes then waits in front of the queue.
const CALLS_WAITING_MAX: usize = 256;

/// The consumer groups, as one broker sees them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Groups {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    broker: Broker,
    options: GroupOptions,
    /// The coordinators that were ever asked anything, by partition.
    coordinators: Mutex<BTreeMap<u32, mpsc::Sender<Call>>>,
    /// Only one client at a time has the topic made.
    making: tokio::sync::Mutex<()>,
}

impl Groups {
    /// The groups of a broker.
    pub fn new(broker: Broker, options: GroupOptions) -> Groups {
        let (coordinators, making) = (Mutex::default(), tokio::sync::Mutex::default());
        Groups { inner: Arc::new(Inner { broker, options, coordinators, making }) }
    }

    /// How its coordinators behave.
    pub fn options(&self) -> &GroupOptions {
        &self.inner.options
    }

    /// Who coordinates a group: the leader of the tablet that its offsets are in. The first one who asks has the tablets
    /// made.
    ///
    /// # Errors
    ///
    /// [`GroupError::InvalidGroup`]; [`GroupError::NotAvailable`] if nobody leads, or the tablets cannot be made yet.
    pub async fn coordinator(&self, group: &str) -> Result<BrokerId, GroupError> {
        if group.is_empty() || group.len() > self.inner.options.name_bytes_max {
            return Err(GroupError::InvalidGroup);
        }
        if self.tablet_of(group).is_none() {
            self.make_topic().await?;
        }
        let tablet = self.tablet_of(group).ok_or(GroupError::NotAvailable)?;
        let cluster = self.inner.broker.cluster();
        let leader = cluster.controller.tablet(&tablet).and_then(|state| state.leader);
        leader.ok_or(GroupError::NotAvailable)
    }

    /// Asks the coordinator of a group, if that is this broker.
    ///
    /// # Errors
    ///
    /// What the coordinator says; [`GroupError::NotCoordinator`] if it is not here.
    pub async fn ask(&self, group: &str, question: Question) -> Result<Reply, GroupError> {
        self.queue(group, question).await.await
    }

    /// The same in two steps. When this returns, the question has its place behind those that were asked before; what is
    /// returned waits for the reply.
    pub async fn queue(
        &self,
        group: &str,
        question: Question,
    ) -> impl Future<Output = Result<Reply, GroupError>> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let call = Call { group: group.to_string(), question, reply };
        // Without a coordinator, or with one that has ended, the call is dropped, and that answers it.
        if let Some(tablet) = self.tablet_of(group) {
            let _ = self.coordinator_of(tablet.partition).send(call).await;
        }
        async { answer.await.unwrap_or(Err(GroupError::NotCoordinator)) }
    }

    /// Where clients find a broker: a host and a port.
    pub fn address_of(&self, broker: BrokerId) -> Option<(String, u16)> {
        let cluster = self.inner.broker.cluster();
        let (host, port) = cluster.controller.brokers().get(&broker)?.address.rsplit_once(':')?;
        Some((host.to_string(), port.parse().ok()?))
    }

    /// Whether there is such a partition.
    pub fn has_partition(&self, topic: &str, partition: u32) -> bool {
        let tablet = TabletId { topic: topic.to_string(), partition };
        self.inner.broker.cluster().controller.tablet(&tablet).is_some()
    }

    /// The groups that this broker coordinates, and what they are for.
    pub async fn list(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let partitions = partitions(&self.inner.broker.cluster().controller);
        for partition in 0..partitions {
            let (reply, answer) = oneshot::channel();
            let call = Call { group: String::new(), question: Question::List, reply };
            let _ = self.coordinator_of(partition).send(call).await;
            if let Ok(Ok(Reply::Groups(groups))) = answer.await {
                all.extend(groups);
            }
        }
        all
    }

    fn coordinator_of(&self, partition: u32) -> mpsc::Sender<Call> {
        let mut coordinators = self.inner.coordinators.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let (calls, waiting) = mpsc::channel(CALLS_WAITING_MAX);
            let (broker, tablet) = (self.inner.broker.clone(), offsets_tablet(partition));
            tokio::spawn(coordinate(move || broker.tablet(&tablet), self.inner.options, waiting));
            calls
        };
        coordinators.entry(partition).or_insert_with(start).clone()
    }

    /// The tablet that a group's offsets are in. `None` if the topic is not there yet.
    fn tablet_of(&self, group: &str) -> Option<TabletId> {
        partition_of(group, partitions(&self.inner.broker.cluster().controller)).map(offsets_tablet)
    }

    async fn make_topic(&self) -> Result<(), GroupError> {
        let _only_one = self.inner.making.lock().await;
        let broker = &self.inner.broker;
        let options = broker.options();
        let replicas = {
            let cluster = broker.cluster();
            if partitions(&cluster.controller) > 0 {
                return Ok(());
            }
            // Not with fewer copies than there can be: nobody would ever add the others.
            let copies = options.replication_factor.min(options.controllers.len());
            place(&cluster.controller, options.partitions, copies).ok_or(GroupError::NotAvailable)?
        };
        let min_insync_replicas = options.min_insync_replicas.min(replicas.first().map_or(1, Vec::len));
        let topic = OFFSETS_TOPIC.to_string();
        let made = broker.order(Command::CreateTopic { topic, replicas, min_insync_replicas }).await;
        made.map_err(|_| GroupError::NotAvailable)?;
        // The order is carried out by the controllers; this broker may hear of it a moment later, and so may the client.
        Ok(())
    }
}

fn offsets_tablet(partition: u32) -> TabletId {
    TabletId { topic: OFFSETS_TOPIC.to_string(), partition }
}

/// How many partitions the topic of the committed offsets has; 0 if it is not there.
fn partitions(controller: &Controller) -> u32 {
    let of_topic = controller.tablets().range(offsets_tablet(0)..).take_while(|(id, _)| id.topic == OFFSETS_TOPIC);
    u32::try_from(of_topic.count()).unwrap_or(u32::MAX)
}

/// The partition that a group's offsets are in, of so many. Every broker has to come to the same, today and in a year.
pub fn partition_of(group: &str, partitions: u32) -> Option<u32> {
    crc32c::crc32c(group.as_bytes()).checked_rem(partitions)
}

/// Brokers for each partition, in turn. `None` if there are fewer than `copies`.
fn place(controller: &Controller, partitions: u32, copies: usize) -> Option<Vec<Vec<BrokerId>>> {
    let brokers: Vec<BrokerId> =
        controller.brokers().keys().copied().filter(|broker| controller.is_active(*broker)).collect();
    if copies == 0 || brokers.len() < copies {
        return None;
    }
    let of_partition = |first: u32| brokers.iter().cycle().skip(first as usize % brokers.len()).take(copies).copied();
    Some((0..partitions.max(1)).map(|first| of_partition(first).collect()).collect())
}
