//! A member of a group, as its coordinator sees it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::message::Protocol;
use crate::replica::{Millis, RequestId};

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// The client, as it calls itself.
    pub(super) client: String,
    pub(super) session_timeout_ms: Millis,
    pub(super) rebalance_timeout_ms: Millis,
    /// The ways to share the work that it knows, the best first.
    pub(super) protocols: Vec<Protocol>,
    /// When it was last heard of.
    pub(super) heard: Millis,
    /// It has joined the next generation, and waits for it.
    pub(super) joining: Option<RequestId>,
    /// It waits for what it is to do in this generation.
    pub(super) syncing: Option<RequestId>,
    /// What it is to do, as the leader has said.
    pub(super) assignment: Bytes,
}

impl Member {
    /// Whether it was silent for too long. Who waits for an answer cannot be heard of.
    pub(super) fn is_overdue(&self, now: Millis) -> bool {
        self.joining.is_none() && self.syncing.is_none() && now > self.heard.saturating_add(self.session_timeout_ms)
    }

    /// What it says of itself for one of its protocols.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let protocol = self.protocols.iter().find(|known| known.name == protocol);
        protocol.map_or_else(Bytes::new, |protocol| protocol.metadata.clone())
    }

    /// How many bytes the coordinator keeps of it.
    pub(super) fn bytes(&self) -> usize {
        bytes_of(&self.protocols) + self.assignment.len() + self.client.len()
    }
}

/// How many bytes the protocols are.
pub(super) fn bytes_of(protocols: &[Protocol]) -> usize {
    protocols.iter().map(|protocol| protocol.name.len() + protocol.metadata.len()).sum()
}

/// Whether there is a protocol that all of them know.
pub(super) fn agree<'a>(mut members: impl Iterator<Item = &'a [Protocol]>) -> bool {
    let Some(first) = members.next() else { return true };
    let others: Vec<&[Protocol]> = members.collect();
    first.iter().any(|protocol| others.iter().all(|other| knows(other, &protocol.name)))
}

/// The protocol that most members like best, of those that all of them know. Each member has one vote. Of two with as
/// many votes, the one whose name comes first: any rule will do, if it is one.
pub(super) fn choose<'a>(members: impl Iterator<Item = &'a [Protocol]>) -> Option<String> {
    let members: Vec<&[Protocol]> = members.collect();
    let all_know = |name: &str| members.iter().all(|member| knows(member, name));
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for member in &members {
        let vote = member.iter().find(|protocol| all_know(&protocol.name))?;
        *votes.entry(&vote.name).or_default() += 1;
    }
    let most = votes.values().max()?;
    votes.iter().find(|(_, votes)| *votes == most).map(|(name, _)| (*name).to_string())
}

fn knows(protocols: &[Protocol], name: &str) -> bool {
    protocols.iter().any(|protocol| protocol.name == name)
}
