//! The controller: the one place that says who leads.
//!
//! A state and the commands that change it. No clock, no network, no disk: the same commands in the same order make the
//! same state on every machine, which is what a consensus algorithm asks of the state machine that it replicates.
//!
//! The commands are in `command`. Here are the brokers' lives, and who leads; `election` has the rule for that, and
//! `topics` makes tablets and gives them up.

mod as_pairs;
mod command;
mod election;
mod topics;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::election::{candidate, lead, set_isr};
use crate::ids::{BrokerEpoch, BrokerId};
use crate::tablet::{IsrChange, Refusal, TabletId, TabletState};

pub use self::command::{Command, Reply};

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
