//! The part of a replica that leads: who is in sync, how far all of them are, and who may be told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stage05::Offset;

use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use crate::log_ends::LogEnds;
use crate::message::{FetchAnswer, FetchRequest, FetchResult};
use crate::replica::{Acks, Identity, Millis, Outcome, Output, ReplicaOptions, RequestId, Why};
use crate::tablet::{IsrChange, Member, Refusal, TabletState};

/// A replica that leads, in one epoch. Nothing of it outlives the epoch.
#[derive(Debug)]
pub struct Leader {
    /// Where the epoch starts: behind everything that earlier leaders have left here.
    pub start: Offset,
    peers: BTreeMap<BrokerId, Peer>,
    /// The in-sync replicas, and everyone who may become one: the controller's, and all that were proposed to it on this
    /// version. A proposal that has no answer may have been accepted, so a watermark that did not count its members could
    /// pass a record that one of them lacks (KIP-497).
    maximal_isr: BTreeSet<BrokerId>,
    proposal: Option<Proposal>,
    /// Not before then is the next proposal.
    not_before: Millis,
    /// The controller has refused a proposal that may yet arrive a second time: another version has to come, so that it
    /// fits no more.
    needs_new_version: bool,
    waiting: VecDeque<Waiting>,
}

/// What a leader knows of a follower.
#[derive(Clone, Copy, Debug)]
struct Peer {
    life: BrokerEpoch,
    /// Everything in front of it is safe there. `None` until it was heard of in this epoch: what it had in another one
    /// may be another leader's.
    end: Option<Offset>,
    /// When it had last all that the leader had.
    caught_up: Millis,
    /// When it asked last.
    asked: Millis,
    /// Where the leader's log ended at that time.
    end_when_asked: Offset,
    /// The life in which the controller did not want it to be in sync, and when that was.
    refused: Option<(BrokerEpoch, Millis)>,
}

/// A change that the controller was asked for. It is repeated as it is until there is an answer: the lives of those who
/// are to join are those in which they had caught up.
#[derive(Debug)]
struct Proposal {
    change: IsrChange,
    sent: Option<Millis>,
}

/// A batch that is not acknowledged yet.
#[derive(Debug)]
struct Waiting {
    request: RequestId,
    acks: Acks,
    base: Offset,
    end: Offset,
    deadline: Millis,
}

impl Leader {
    pub(crate) fn new(now: Millis, state: &TabletState, start: Offset) -> Leader {
        let peer =
            Peer { life: BrokerEpoch(0), end: None, caught_up: now, asked: now, end_when_asked: start, refused: None };
        Leader {
            start,
            peers: state.replicas.iter().map(|&broker| (broker, peer)).collect(),
            maximal_isr: state.isr.clone(),
            proposal: None,
            not_before: 0,
            needs_new_version: false,
            waiting: VecDeque::new(),
        }
    }

    /// The in-sync replicas, and everyone who may become one by a proposal that is under way.
    pub fn maximal_isr(&self) -> &BTreeSet<BrokerId> {
        &self.maximal_isr
    }

    /// The controller has another version: whatever was proposed on an earlier one is settled.
    pub(crate) fn committed(&mut self, state: &TabletState) {
        self.maximal_isr.clone_from(&state.isr);
        self.proposal = None;
        self.needs_new_version = false;
    }

    /// Answers a follower, and takes note of how far it is. A question that shows another log than this one changes
    /// nothing: how far a follower is with other records does not count.
    pub(crate) fn serve(
        &mut self,
        now: Millis,
        state: &TabletState,
        log: &LogEnds,
        high_watermark: Offset,
        request: &FetchRequest,
    ) -> Option<Output> {
        let &FetchRequest { from, life, number, leader_epoch, offset, last_epoch } = request;
        if leader_epoch != state.leader_epoch {
            return Some(Leader::not_leading(request));
        }
        let peer = self.peers.get_mut(&from)?;
        // A question of an earlier life, which took its time.
        if life < peer.life {
            return None;
        }
        if let Some(result) = compare(log, offset, last_epoch) {
            let answer = FetchAnswer { number, leader_epoch, result };
            return Some(Output::AnswerFetch { to: from, answer });
        }
        if offset >= log.written {
            peer.caught_up = now;
        } else if offset >= peer.end_when_asked {
            // It has all that there was when it asked the last time.
            peer.caught_up = peer.caught_up.max(peer.asked);
        }
        (peer.life, peer.end, peer.asked, peer.end_when_asked) = (life, Some(offset), now, log.written);
        Some(Output::ServeFetch { to: from, number, leader_epoch, from: offset, high_watermark })
    }

    /// The answer of one who does not lead in the epoch that is asked for.
    pub(crate) fn not_leading(request: &FetchRequest) -> Output {
        let &FetchRequest { from, number, leader_epoch, .. } = request;
        let answer = FetchAnswer { number, leader_epoch, result: FetchResult::NotLeader };
        Output::AnswerFetch { to: from, answer }
    }

    /// Looks whether the in-sync replicas are the right ones, and makes a proposal if they are not and none is under
    /// way.
    pub(crate) fn look_at_isr(
        &mut self,
        now: Millis,
        identity: &Identity,
        options: &ReplicaOptions,
        state: &TabletState,
        log: &LogEnds,
        high_watermark: Offset,
    ) {
        if self.proposal.is_some() || now < self.not_before {
            return;
        }
        let lags = |broker: BrokerId| {
            let peer = &self.peers[&broker];
            peer.end != Some(log.written) && now > peer.caught_up + options.replica_lag_max_ms
        };
        let me = identity.broker;
        let stays = |&broker: &BrokerId| broker == me || (self.peers.contains_key(&broker) && !lags(broker));
        let mut members: Vec<Member> =
            state.isr.iter().copied().filter(stays).map(|broker| Member { broker, life: None }).collect();
        let is_shorter = members.len() < state.isr.len();
        // Nobody joins while somebody has to leave: one thing at a time.
        if !is_shorter {
            let joins = |broker: &BrokerId, peer: &Peer| {
                let has_all = peer.end.is_some_and(|end| end >= high_watermark && end >= self.start);
                // With the watermark alone, a replica that lags would join, leave and join again.
                let is_there = now <= peer.asked + options.replica_lag_max_ms && !lags(*broker);
                let is_refused =
                    peer.refused.is_some_and(|(life, since)| life == peer.life && now <= since + options.refused_ms);
                *broker != me && has_all && is_there && !is_refused && !state.isr.contains(broker)
            };
            members.extend(
                self.peers
                    .iter()
                    .filter(|(broker, peer)| joins(broker, peer))
                    .map(|(&broker, peer)| Member { broker, life: Some(peer.life) }),
            );
        }
        if self.needs_new_version {
            members = state.isr.iter().map(|&broker| Member { broker, life: None }).collect();
        } else if members.len() == state.isr.len() {
            return;
        }
        self.maximal_isr.extend(members.iter().map(|member| member.broker));
        let change = IsrChange {
            tablet: identity.tablet.clone(),
            leader: me,
            leader_life: identity.life,
            leader_epoch: state.leader_epoch,
            partition_epoch: state.partition_epoch,
            isr: members,
        };
        self.proposal = Some(Proposal { change, sent: None });
    }

    /// Sends the proposal that is under way, for the first time or again.
    pub(crate) fn propose(&mut self, now: Millis, options: &ReplicaOptions, out: &mut Vec<Output>) {
        if let Some(proposal) = &mut self.proposal
            && proposal.sent.is_none_or(|sent| now >= sent + options.resend_ms)
        {
            proposal.sent = Some(now);
            out.push(Output::Propose { change: proposal.change.clone() });
        }
    }

    /// The controller has refused a proposal. Its members still count: an earlier copy of the same proposal may be on its
    /// way, and be accepted. What ends that is another version.
    pub(crate) fn refused(
        &mut self,
        now: Millis,
        partition_epoch: PartitionEpoch,
        refusal: &Refusal,
        options: &ReplicaOptions,
    ) {
        let is_ours = |proposal: &Proposal| proposal.change.partition_epoch == partition_epoch;
        if self.proposal.as_ref().is_some_and(is_ours) {
            self.proposal = None;
            self.not_before = now + options.backoff_ms;
            if let Refusal::Ineligible { broker, .. } = refusal {
                self.needs_new_version = true;
                if let Some(peer) = self.peers.get_mut(broker) {
                    peer.refused = Some((peer.life, now));
                }
            }
        }
    }

    /// The least end of all who are in sync or may be, as long as there are enough of them. It does not fall: what was
    /// below it once is on all of them.
    pub(crate) fn high_watermark(
        &self,
        identity: &Identity,
        state: &TabletState,
        log: &LogEnds,
        before: Offset,
    ) -> Offset {
        if state.isr.len() < state.min_insync_replicas {
            return before;
        }
        let end_of = |broker: &BrokerId| match *broker == identity.broker {
            true => Some(log.promised()),
            false => self.peers.get(broker)?.end,
        };
        // Who was not heard of in this epoch may have nothing.
        let least = self.maximal_isr.iter().map(|broker| end_of(broker).unwrap_or_default()).min();
        least.unwrap_or_default().max(before)
    }

    /// A client waits for its batch.
    pub(crate) fn wait(&mut self, request: RequestId, acks: Acks, base: Offset, end: Offset, deadline: Millis) {
        if acks != Acks::None {
            self.waiting.push_back(Waiting { request, acks, base, end, deadline });
        }
    }

    /// Tells those whose batch is as safe as they wanted it, and those who have waited for too long.
    pub(crate) fn acknowledge(&mut self, now: Millis, log: &LogEnds, high_watermark: Offset, out: &mut Vec<Output>) {
        let promised = log.promised();
        self.waiting.retain(|waiting| {
            let reached = if waiting.acks == Acks::All { high_watermark } else { promised };
            let outcome = if waiting.end <= reached {
                Outcome::Acknowledged(waiting.base)
            } else if now >= waiting.deadline {
                Outcome::Unknown(Why::TimedOut)
            } else {
                return true;
            };
            out.push(Output::Answer { request: waiting.request, outcome });
            false
        });
    }

    /// Tells all who wait that nobody knows.
    pub(crate) fn give_up(&mut self, why: Why, out: &mut Vec<Output>) {
        let unknown = |waiting: Waiting| Output::Answer { request: waiting.request, outcome: Outcome::Unknown(why) };
        out.extend(self.waiting.drain(..).map(unknown));
    }
}

/// Whether the follower's log parts from this one, and where: its last epoch ended earlier here, or was never here.
fn compare(log: &LogEnds, offset: Offset, last_epoch: Option<LeaderEpoch>) -> Option<FetchResult> {
    // Of what lies in front of its start, this log cannot say whether it was the same.
    let deleted = FetchResult::Deleted { start: log.start };
    match last_epoch {
        None if log.start <= offset && offset <= log.written => None,
        None => Some(deleted),
        Some(last) => match log.epochs.end_of(last, log.written) {
            Some(known) if known.epoch == last && known.end >= offset && offset >= log.start => None,
            Some(known) if offset >= log.start => Some(FetchResult::Diverging(known)),
            _ => Some(deleted),
        },
    }
}
