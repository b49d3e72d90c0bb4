//! The controller: the one place that says who leads.
//!
//! A state and the commands that change it. No clock, no network, no disk: the same commands in the same order make the
//! same state on every machine, which is what a consensus algorithm asks of the state machine that it replicates.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use crate::tablet::{IsrChange, Refusal, TabletId, TabletState};

/// A change of the controller's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A broker has started: it gets a new life, and whatever it was before is fenced first.
    Register {
        /// The broker.
        broker: BrokerId,
        /// How often the broker was started. A registration that is repeated, since its answer was lost, is the same, and
        /// one that arrives when there was another start is refused: it must not end what came after it.
        incarnation: u64,
        /// Since which of its starts the broker has lost nothing that it had said that it has. 0 for one that says so
        /// only of what is durable. Otherwise every start that does not follow an orderly shutdown begins anew. A broker
        /// that could say only whether its *last* life was ended in order would hide a power cut: it starts, is shut down
        /// before anybody has heard of it, and starts again (KIP-966).
        intact_since: u64,
        /// Where clients and other brokers find it: a host and a port.
        address: String,
    },
    /// A broker was not heard of for too long, or leaves.
    Fence {
        /// The broker.
        broker: BrokerId,
        /// The life that is over.
        life: BrokerEpoch,
    },
    /// A broker is ready to lead and to follow.
    Unfence {
        /// The broker.
        broker: BrokerId,
        /// In which life.
        life: BrokerEpoch,
    },
    /// A new tablet, on brokers that are there.
    CreateTablet {
        /// Its name.
        tablet: TabletId,
        /// Its replicas: the brokers that are to keep it.
        replicas: Vec<BrokerId>,
        /// See [`TabletState::min_insync_replicas`].
        min_insync_replicas: usize,
    },
    /// A new topic: all of its tablets at once, or none.
    CreateTopic {
        /// Its name.
        topic: String,
        /// For each of its partitions, the brokers that are to keep it.
        replicas: Vec<Vec<BrokerId>>,
        /// See [`TabletState::min_insync_replicas`].
        min_insync_replicas: usize,
    },
    /// All tablets of a topic are given up.
    DeleteTopic {
        /// Its name.
        topic: String,
    },
    /// A number for a producer that wants its batches told apart: nobody else has it, ever.
    NewProducer,
    /// A tablet is given up.
    DeleteTablet {
        /// Its name.
        tablet: TabletId,
    },
    /// A leader proposes other in-sync replicas.
    ChangeIsr(IsrChange),
    /// Another in-sync replica is to lead.
    MoveLeader {
        /// The tablet.
        tablet: TabletId,
        /// Who is to lead it.
        to: BrokerId,
    },
    /// Somebody is to lead although records may be lost by it: an operator's last resort.
    ElectUnclean {
        /// The tablet.
        tablet: TabletId,
        /// Who is to lead it.
        leader: BrokerId,
    },
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The broker is registered, and this is its life.
    Registered(BrokerEpoch),
    /// The tablet as it is now.
    Tablet(TabletState),
    /// The producer's number.
    Producer(u64),
    /// It is done.
    Done,
    /// Nothing was changed.
    Refused(Refusal),
}

/// What the controller knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    brokers: BTreeMap<BrokerId, Registration>,
    #[serde(with = "as_pairs")]
    tablets: BTreeMap<TabletId, TabletState>,
    last_life: BrokerEpoch,
    last_producer: u64,
    version: u64,
}

/// A broker as the controller knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Its present life.
    pub life: BrokerEpoch,
    /// The start of the broker that this life is.
    pub incarnation: u64,
    /// A fenced broker neither leads nor is in sync.
    pub is_fenced: bool,
    /// The version of the controller's state in which this life began.
    pub version: u64,
    /// Where it is found.
    pub address: String,
}

impl Controller {
    /// Carries a command out.
    pub fn apply(&mut self, command: &Command) -> Reply {
        self.version += 1;
        let done = match command {
            Command::Register { broker, incarnation, intact_since, address } => {
                return self.register(*broker, *incarnation, *intact_since, address);
            }
            Command::NewProducer => {
                self.last_producer += 1;
                return Reply::Producer(self.last_producer);
            }
            &Command::Fence { broker, life } => self.fence(broker, life),
            &Command::Unfence { broker, life } => self.unfence(broker, life),
            Command::CreateTablet { tablet, replicas, min_insync_replicas } => {
                self.create(tablet, replicas, *min_insync_replicas)
            }
            Command::CreateTopic { topic, replicas, min_insync_replicas } => {
                self.create_topic(topic, replicas, *min_insync_replicas)
            }
            Command::DeleteTopic { topic } => self.delete_topic(topic),
            Command::DeleteTablet { tablet } => self.delete(tablet),
            Command::ChangeIsr(change) => self.change_isr(change),
            Command::MoveLeader { tablet, to } => self.move_leader(tablet, *to),
            Command::ElectUnclean { tablet, leader } => self.elect_unclean(tablet, *leader),
        };
        match done {
            Ok(Some(tablet)) => Reply::Tablet(tablet),
            Ok(None) => Reply::Done,
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    /// How many commands were carried out.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A tablet.
    pub fn tablet(&self, tablet: &TabletId) -> Option<&TabletState> {
        self.tablets.get(tablet)
    }

    /// All tablets.
    pub fn tablets(&self) -> &BTreeMap<TabletId, TabletState> {
        &self.tablets
    }

    /// All brokers that were ever registered.
    pub fn brokers(&self) -> &BTreeMap<BrokerId, Registration> {
        &self.brokers
    }

    /// Whether the broker is registered as this life, and not fenced.
    pub fn is_active(&self, broker: BrokerId) -> bool {
        self.brokers.get(&broker).is_some_and(|registration| !registration.is_fenced)
    }

    fn register(&mut self, broker: BrokerId, incarnation: u64, intact_since: u64, address: &str) -> Reply {
        let known = self.brokers.get(&broker);
        if let Some(known) = known
            && known.incarnation >= incarnation
        {
            return match known.incarnation == incarnation {
                true => Reply::Registered(known.life),
                false => Reply::Refused(Refusal::EarlierStart { broker, asks: incarnation, known: known.incarnation }),
            };
        }
        let has_all = known.is_none_or(|known| known.incarnation >= intact_since);
        // The life before is over, whether anybody noticed or not: it must not lead or be in sync under the new one's
        // name.
        self.retire(broker);
        if !has_all {
            for tablet in self.tablets.values_mut() {
                tablet.elr.remove(&broker);
            }
        }
        self.last_life = self.last_life.next();
        let (life, version, address) = (self.last_life, self.version, address.to_string());
        self.brokers.insert(broker, Registration { life, incarnation, is_fenced: true, version, address });
        Reply::Registered(self.last_life)
    }

    fn fence(&mut self, broker: BrokerId, life: BrokerEpoch) -> Result<Option<TabletState>, Refusal> {
        self.check_life(broker, life)?;
        self.retire(broker);
        Ok(None)
    }

    fn unfence(&mut self, broker: BrokerId, life: BrokerEpoch) -> Result<Option<TabletState>, Refusal> {
        self.check_life(broker, life)?;
        if let Some(registration) = self.brokers.get_mut(&broker) {
            registration.is_fenced = false;
        }
        let (brokers, tablets) = (&self.brokers, &mut self.tablets);
        for tablet in tablets.values_mut().filter(|tablet| tablet.leader.is_none()) {
            if let Some(leader) = candidate(brokers, tablet) {
                lead(tablet, Some(leader));
            }
        }
        Ok(None)
    }

    fn create(
        &mut self,
        tablet: &TabletId,
        replicas: &[BrokerId],
        min_insync_replicas: usize,
    ) -> Result<Option<TabletState>, Refusal> {
        self.check_new(tablet, replicas)?;
        let state = TabletState {
            id: self.version,
            replicas: replicas.to_vec(),
            min_insync_replicas,
            leader: replicas.first().copied(),
            leader_epoch: LeaderEpoch(1),
            partition_epoch: PartitionEpoch(1),
            isr: replicas.iter().copied().collect(),
            elr: BTreeSet::new(),
        };
        self.tablets.insert(tablet.clone(), state.clone());
        Ok(Some(state))
    }

    fn delete(&mut self, tablet: &TabletId) -> Result<Option<TabletState>, Refusal> {
        self.tablets.remove(tablet).map(Some).ok_or_else(|| Refusal::UnknownTablet(tablet.clone()))
    }

    fn check_new(&self, tablet: &TabletId, replicas: &[BrokerId]) -> Result<(), Refusal> {
        if self.tablets.contains_key(tablet) {
            return Err(Refusal::TabletExists(tablet.clone()));
        }
        // Only brokers that are there: one that was never seen cannot be in sync.
        match replicas.iter().find(|&&broker| !self.is_active(broker)) {
            Some(&broker) => Err(Refusal::Ineligible { tablet: tablet.clone(), broker }),
            None => Ok(()),
        }
    }

    fn create_topic(
        &mut self,
        topic: &str,
        replicas: &[Vec<BrokerId>],
        min_insync_replicas: usize,
    ) -> Result<Option<TabletState>, Refusal> {
        let tablet = |partition: usize| TabletId { topic: topic.to_string(), partition: partition as u32 };
        // Another topic of this name has a partition 0, whatever else it has.
        self.check_new(&tablet(0), &[])?;
        for (partition, replicas) in replicas.iter().enumerate() {
            self.check_new(&tablet(partition), replicas)?;
        }
        for (partition, replicas) in replicas.iter().enumerate() {
            self.create(&tablet(partition), replicas, min_insync_replicas)?;
        }
        Ok(None)
    }

    fn delete_topic(&mut self, topic: &str) -> Result<Option<TabletState>, Refusal> {
        let before = self.tablets.len();
        self.tablets.retain(|tablet, _| tablet.topic != topic);
        match self.tablets.len() < before {
            true => Ok(None),
            false => Err(Refusal::UnknownTablet(TabletId { topic: topic.to_string(), partition: 0 })),
        }
    }

    fn change_isr(&mut self, change: &IsrChange) -> Result<Option<TabletState>, Refusal> {
        self.check_life(change.leader, change.leader_life)?;
        let state = self.known(&change.tablet)?;
        let tablet = change.tablet.clone();
        if state.leader != Some(change.leader) || state.leader_epoch != change.leader_epoch {
            return Err(Refusal::NotLeader { tablet, leader: state.leader, leader_epoch: state.leader_epoch });
        }
        let (expected, found) = (change.partition_epoch, state.partition_epoch);
        if expected != found {
            return Err(Refusal::StaleVersion { tablet, expected, found });
        }
        for member in &change.isr {
            let broker = member.broker;
            let is_current = |life| self.brokers.get(&broker).is_some_and(|known| known.life == life);
            // Who is in sync now has been since before its last restart was known, or would not be.
            let is_sure = state.isr.contains(&broker) || member.life.is_some_and(is_current);
            if !state.replicas.contains(&broker) || !self.is_active(broker) || !is_sure {
                return Err(Refusal::Ineligible { tablet, broker });
            }
        }
        let isr = change.isr.iter().map(|member| member.broker).collect();
        let state = self.known_mut(&change.tablet)?;
        set_isr(state, isr);
        Ok(Some(state.clone()))
    }

    fn move_leader(&mut self, tablet: &TabletId, to: BrokerId) -> Result<Option<TabletState>, Refusal> {
        let state = self.known(tablet)?;
        if !state.isr.contains(&to) || !self.is_active(to) {
            return Err(Refusal::Ineligible { tablet: tablet.clone(), broker: to });
        }
        let state = self.known_mut(tablet)?;
        if state.leader != Some(to) {
            lead(state, Some(to));
        }
        Ok(Some(state.clone()))
    }

    fn elect_unclean(&mut self, tablet: &TabletId, leader: BrokerId) -> Result<Option<TabletState>, Refusal> {
        let state = self.known(tablet)?;
        if !state.replicas.contains(&leader) || !self.is_active(leader) {
            return Err(Refusal::Ineligible { tablet: tablet.clone(), broker: leader });
        }
        let state = self.known_mut(tablet)?;
        state.isr = BTreeSet::from([leader]);
        state.elr.clear();
        lead(state, Some(leader));
        Ok(Some(state.clone()))
    }

    /// Takes a broker out of everything that it was part of.
    fn retire(&mut self, broker: BrokerId) {
        if let Some(registration) = self.brokers.get_mut(&broker) {
            registration.is_fenced = true;
        }
        let (brokers, tablets) = (&self.brokers, &mut self.tablets);
        for tablet in tablets.values_mut() {
            if tablet.isr.contains(&broker) {
                let isr = tablet.isr.iter().copied().filter(|&member| member != broker).collect();
                set_isr(tablet, isr);
            }
            if tablet.leader == Some(broker) {
                let leader = candidate(brokers, tablet);
                lead(tablet, leader);
            }
        }
    }

    fn check_life(&self, broker: BrokerId, asks: BrokerEpoch) -> Result<(), Refusal> {
        match self.brokers.get(&broker).map(|registration| registration.life) {
            Some(life) if life == asks => Ok(()),
            registered => Err(Refusal::StaleBroker { broker, asks, registered }),
        }
    }

    fn known(&self, tablet: &TabletId) -> Result<&TabletState, Refusal> {
        self.tablets.get(tablet).ok_or_else(|| Refusal::UnknownTablet(tablet.clone()))
    }

    fn known_mut(&mut self, tablet: &TabletId) -> Result<&mut TabletState, Refusal> {
        self.tablets.get_mut(tablet).ok_or_else(|| Refusal::UnknownTablet(tablet.clone()))
    }
}

/// Who may lead without a loss: one that is in sync, else one that is eligible (KIP-966).
fn candidate(brokers: &BTreeMap<BrokerId, Registration>, tablet: &TabletState) -> Option<BrokerId> {
    let is_active = |broker: &&BrokerId| brokers.get(broker).is_some_and(|registration| !registration.is_fenced);
    let first_of =
        |of: &BTreeSet<BrokerId>| tablet.replicas.iter().filter(|broker| of.contains(broker)).find(is_active).copied();
    first_of(&tablet.isr).or_else(|| tablet.isr.is_empty().then(|| first_of(&tablet.elr)).flatten())
}

/// Another leader: another epoch, another version.
fn lead(tablet: &mut TabletState, leader: Option<BrokerId>) {
    tablet.leader = leader;
    tablet.leader_epoch = tablet.leader_epoch.next();
    tablet.partition_epoch = tablet.partition_epoch.next();
    if let Some(leader) = leader {
        tablet.isr.insert(leader);
        tablet.elr.remove(&leader);
    }
}

/// Other in-sync replicas. Who leaves when there are fewer than the minimum stays eligible to lead: from then on nothing
/// is acknowledged by all, so it lacks nothing that was.
fn set_isr(tablet: &mut TabletState, isr: BTreeSet<BrokerId>) {
    if isr.len() >= tablet.min_insync_replicas {
        tablet.elr.clear();
    } else {
        tablet.elr.extend(tablet.isr.difference(&isr));
        tablet.elr.retain(|broker| !isr.contains(broker));
    }
    tablet.isr = isr;
    tablet.partition_epoch = tablet.partition_epoch.next();
}

/// JSON knows no keys but strings; a map of tablets is a list of pairs in it.
mod as_pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::tablet::{TabletId, TabletState};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<TabletId, TabletState>, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<TabletId, TabletState>, D::Error> {
        Vec::deserialize(from).map(|pairs: Vec<(TabletId, TabletState)>| pairs.into_iter().collect())
    }
}
