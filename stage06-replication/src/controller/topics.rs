//! Tablets and topics are made, and given up.

use std::collections::BTreeSet;

use super::Controller;
use crate::ids::{BrokerId, LeaderEpoch, PartitionEpoch};
use crate::tablet::{Refusal, TabletId, TabletState};

impl Controller {
    pub(super) fn create(
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

    pub(super) fn delete(&mut self, tablet: &TabletId) -> Result<Option<TabletState>, Refusal> {
        self.tablets.remove(tablet).map(Some).ok_or_else(|| Refusal::UnknownTablet(tablet.clone()))
    }

    pub(super) fn create_topic(
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

    pub(super) fn delete_topic(&mut self, topic: &str) -> Result<Option<TabletState>, Refusal> {
        let before = self.tablets.len();
        self.tablets.retain(|tablet, _| tablet.topic != topic);
        match self.tablets.len() < before {
            true => Ok(None),
            false => Err(Refusal::UnknownTablet(TabletId { topic: topic.to_string(), partition: 0 })),
        }
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
}
