//! Who may lead a tablet, and who is in sync.

use std::collections::{BTreeMap, BTreeSet};

use super::Registration;
use crate::ids::BrokerId;
use crate::tablet::TabletState;

/// Who may lead without a loss: one that is in sync, else one that is eligible (KIP-966).
pub(super) fn candidate(brokers: &BTreeMap<BrokerId, Registration>, tablet: &TabletState) -> Option<BrokerId> {
    let is_active = |broker: &&BrokerId| brokers.get(broker).is_some_and(|registration| !registration.is_fenced);
    let first_of =
        |of: &BTreeSet<BrokerId>| tablet.replicas.iter().filter(|broker| of.contains(broker)).find(is_active).copied();
    first_of(&tablet.isr).or_else(|| tablet.isr.is_empty().then(|| first_of(&tablet.elr)).flatten())
}

/// Another leader: another epoch, another version.
pub(super) fn lead(tablet: &mut TabletState, leader: Option<BrokerId>) {
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
pub(super) fn set_isr(tablet: &mut TabletState, isr: BTreeSet<BrokerId>) {
    if isr.len() >= tablet.min_insync_replicas {
        tablet.elr.clear();
    } else {
        tablet.elr.extend(tablet.isr.difference(&isr));
        tablet.elr.retain(|broker| !isr.contains(broker));
    }
    tablet.isr = isr;
    tablet.partition_epoch = tablet.partition_epoch.next();
}
