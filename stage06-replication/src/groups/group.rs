//! A group: who is a member, and in which generation.
//!
//! Like a replica, it has no clock and no socket. It is told what happened and what time it is, and says who is to be
//! answered what.
//!
//! ```text
//!              a first member                all have joined              the leader has shared out
//!     Empty ------------------> Preparing ------------------> Completing ------------------> Stable
//!       ^                       |   ^  ^                           |                            |
//!       |        nobody is left |   |  |     somebody comes, goes  |                            |
//!       +-----------------------+   |  +-------- or is silent -----+                            |
//!                                   +-----------------------------------------------------------+
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;

use super::member::{Member, choose};
use super::message::{Answer, Caller, GroupError, Input, Joined, Output};
use super::options::GroupOptions;
use crate::replica::{Millis, RequestId};

/// A group of clients that share the partitions of some topics.
///
/// - A generation's number is larger than that of every generation before it.
/// - A member is in the generation that it was told last, or is told that this is over.
/// - Whoever waits for an answer gets one: when the generation begins or its work is shared out, when the member is gone,
///   or when the group is closed.
#[derive(Debug)]
pub struct Group {
    pub(super) options: GroupOptions,
    pub(super) phase: Phase,
    pub(super) generation: i32,
    /// What the group is for, as its first member has said.
    pub(super) protocol_type: String,
    /// How this generation shares the work.
    pub(super) protocol: String,
    /// Who shares it out.
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Ids that were given out and that nobody has joined with yet, and how long they are good.
    pub(super) promised: BTreeMap<String, Millis>,
    pub(super) out: Vec<Output>,
}

/// What a group is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has no members.
    Empty,
    /// The next generation is collected (Kafka's PreparingRebalance).
    Preparing {
        /// Who has not joined by then is out.
        until: Millis,
        /// For the first generation of all: it does not begin before this, so that it need not end at once.
        not_before: Millis,
    },
    /// The generation has begun, and its leader has not shared the work out (Kafka's CompletingRebalance).
    Completing {
        /// Who has not asked for its work by then is out.
        until: Millis,
    },
    /// Every member knows its work.
    Stable,
    /// Another broker has taken over.
    Dead,
}

impl Group {
    /// A group without members.
    pub fn new(options: GroupOptions) -> Group {
        Group {
            options,
            phase: Phase::Empty,
            generation: 0,
            protocol_type: String::new(),
            protocol: String::new(),
            leader: None,
            members: BTreeMap::new(),
            promised: BTreeMap::new(),
            out: Vec::new(),
        }
    }

    /// Something has happened. Returns whom to answer.
    pub fn handle(&mut self, now: Millis, input: Input) -> Vec<Output> {
        match input {
            Input::Join { request, join } => self.join(now, request, join),
            Input::Sync { request, caller, assignments } => self.take_assignments(now, request, &caller, assignments),
            Input::Heartbeat { request, caller } => {
                let answer = self.heartbeat(now, &caller);
                self.answer(request, answer);
            }
            Input::Leave { request, member } => {
                let answer = self.leave(now, &member);
                self.answer(request, answer);
            }
            Input::Commit { request, caller } => {
                let answer = self.may_commit(now, &caller);
                self.answer(request, answer);
            }
            Input::Tick => self.expire(now),
            Input::Close => self.close(),
        }
        self.go_on(now);
        std::mem::take(&mut self.out)
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The generation that began last; 0 if none has.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// What it is for.
    pub fn protocol_type(&self) -> &str {
        &self.protocol_type
    }

    /// How this generation shares the work.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Its members: id, client, what each says of itself, what each is to do.
    pub fn members(&self) -> impl Iterator<Item = (String, String, Bytes, Bytes)> {
        self.members.iter().map(|(id, member)| {
            (id.clone(), member.client.clone(), member.metadata(&self.protocol), member.assignment.clone())
        })
    }

    /// Whether nothing would be lost with it: nobody is a member, or about to be one.
    pub fn is_forgettable(&self) -> bool {
        self.members.is_empty() && self.promised.is_empty()
    }

    /// How many bytes the coordinator keeps of its members.
    pub fn bytes(&self) -> usize {
        self.members.values().map(Member::bytes).sum()
    }

    pub(super) fn answer(&mut self, request: RequestId, answer: Result<Answer, GroupError>) {
        self.out.push(Output { request, answer });
    }

    /// Begins the next generation if everything for it is there.
    fn go_on(&mut self, now: Millis) {
        let Phase::Preparing { until, not_before } = self.phase else { return };
        if now >= until {
            self.members.retain(|_, member| member.joining.is_some());
            return self.begin_generation(now);
        }
        // Who has got an id is about to join with it.
        let is_complete = self.promised.is_empty() && self.members.values().all(|member| member.joining.is_some());
        if is_complete && (now >= not_before || self.members.is_empty()) {
            self.begin_generation(now);
        }
    }

    /// The generation is over: whoever wants to be in the next one has to join again.
    pub(super) fn prepare(&mut self, now: Millis) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if let Some(request) = member.syncing.take() {
                self.out.push(Output { request, answer: Err(GroupError::RebalanceInProgress) });
            }
        }
        let until = now.saturating_add(self.rebalance_timeout_ms());
        let is_first = self.phase == Phase::Empty;
        let not_before = if is_first { now.saturating_add(self.options.initial_delay_ms) } else { now };
        self.phase = Phase::Preparing { until, not_before };
    }

    /// The slowest member's time.
    fn rebalance_timeout_ms(&self) -> Millis {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    fn begin_generation(&mut self, now: Millis) {
        self.generation = self.generation.saturating_add(1);
        let protocol = choose(self.members.values().map(|member| member.protocols.as_slice()));
        let Some(protocol) = protocol else {
            // Nobody is left. Members always have a protocol in common: who has none with the others does not become one.
            (self.phase, self.leader, self.protocol) = (Phase::Empty, None, String::new());
            return;
        };
        self.protocol = protocol;
        if self.leader.as_ref().is_none_or(|leader| !self.members.contains_key(leader)) {
            self.leader = self.members.keys().next().cloned();
        }
        self.phase = Phase::Completing { until: now.saturating_add(self.rebalance_timeout_ms()) };
        let mut waiting = Vec::new();
        for (id, member) in &mut self.members {
            member.heard = now;
            waiting.extend(member.joining.take().map(|request| (id.clone(), request)));
        }
        for (id, request) in waiting {
            let joined = self.joined(&id);
            self.answer(request, Ok(Answer::Joined(joined)));
        }
    }

    /// This generation, as it is told to a member.
    pub(super) fn joined(&self, id: &str) -> Joined {
        let leader = self.leader.clone().unwrap_or_default();
        let all = || self.members.iter().map(|(id, member)| (id.clone(), member.metadata(&self.protocol)));
        Joined {
            generation: self.generation,
            protocol: self.protocol.clone(),
            members: if leader == id { all().collect() } else { Vec::new() },
            leader,
            member: id.to_string(),
        }
    }

    /// A member of this generation, which was heard of just now.
    pub(super) fn known(&mut self, now: Millis, caller: &Caller) -> Result<&mut Member, GroupError> {
        if self.phase == Phase::Dead {
            return Err(GroupError::NotCoordinator);
        }
        let member = self.members.get_mut(&caller.member).ok_or(GroupError::UnknownMember)?;
        if caller.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        member.heard = now;
        Ok(member)
    }

    fn heartbeat(&mut self, now: Millis, caller: &Caller) -> Result<Answer, GroupError> {
        self.known(now, caller)?;
        match self.phase {
            Phase::Preparing { .. } => Err(GroupError::RebalanceInProgress),
            _ => Ok(Answer::Done),
        }
    }

    /// Whether these offsets may be committed. While the next generation is collected, they may: this is when members
    /// finish what they have begun.
    fn may_commit(&mut self, now: Millis, caller: &Caller) -> Result<Answer, GroupError> {
        if caller.generation < 0 && self.members.is_empty() && self.phase != Phase::Dead {
            // Whoever shares out the partitions by other means and only keeps offsets here.
            return Ok(Answer::Done);
        }
        self.known(now, caller)?;
        match self.phase {
            Phase::Completing { .. } => Err(GroupError::RebalanceInProgress),
            _ => Ok(Answer::Done),
        }
    }

    fn leave(&mut self, now: Millis, member: &str) -> Result<Answer, GroupError> {
        match self.phase {
            Phase::Dead => Err(GroupError::NotCoordinator),
            _ if self.promised.remove(member).is_some() => Ok(Answer::Done),
            _ if self.members.contains_key(member) => {
                self.remove(now, member);
                Ok(Answer::Done)
            }
            _ => Err(GroupError::UnknownMember),
        }
    }

    /// A member is gone, and so is the generation that it was in.
    fn remove(&mut self, now: Millis, id: &str) {
        let Some(member) = self.members.remove(id) else { return };
        for request in [member.joining, member.syncing].into_iter().flatten() {
            self.answer(request, Err(GroupError::UnknownMember));
        }
        if matches!(self.phase, Phase::Completing { .. } | Phase::Stable) {
            self.prepare(now);
        }
    }

    /// Removes who was silent for too long, and who does not ask for its work although it could have long ago.
    fn expire(&mut self, now: Millis) {
        self.promised.retain(|_, until| now <= *until);
        let is_late = matches!(self.phase, Phase::Completing { until } if now >= until);
        let is_gone = |member: &Member| member.is_overdue(now) || (is_late && member.syncing.is_none());
        let gone: Vec<String> =
            self.members.iter().filter(|(_, member)| is_gone(member)).map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| self.remove(now, id));
    }

    /// Whoever waits is told to look for the other coordinator.
    fn close(&mut self) {
        for (_, member) in std::mem::take(&mut self.members) {
            for request in [member.joining, member.syncing].into_iter().flatten() {
                self.answer(request, Err(GroupError::NotCoordinator));
            }
        }
        self.promised.clear();
        self.phase = Phase::Dead;
    }
}
