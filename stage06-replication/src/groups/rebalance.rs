//! How a client becomes a member, and how a generation gets its work.

use bytes::Bytes;

use super::group::{Group, Phase};
use super::member::{Member, agree, bytes_of};
use super::message::{Answer, Caller, GroupError, Join};
use crate::replica::{Millis, RequestId};

impl Group {
    /// Somebody joins. The answer comes with the next generation, unless nothing about this one changes by it.
    pub(super) fn join(&mut self, now: Millis, request: RequestId, join: Join) {
        if let Err(error) = self.check(&join) {
            return self.answer(request, Err(error));
        }
        if join.member.is_empty() && join.asks_for_id_first {
            // A client whose first answer is lost joins again. If it were a member already, the group would wait for a
            // member that nobody is.
            let until = now.saturating_add(join.session_timeout_ms);
            self.promised.insert(join.fresh_id.clone(), until);
            return self.answer(request, Ok(Answer::NewId(join.fresh_id)));
        }
        match self.members.contains_key(&join.member) {
            true => self.join_again(now, request, join),
            false => self.join_first(now, request, join),
        }
    }

    fn check(&self, join: &Join) -> Result<(), GroupError> {
        let options = &self.options;
        let is_new = !self.members.contains_key(&join.member);
        if self.phase == Phase::Dead {
            return Err(GroupError::NotCoordinator);
        }
        let session = options.session_timeout_min_ms..=options.session_timeout_max_ms;
        if !session.contains(&join.session_timeout_ms) {
            return Err(GroupError::InvalidSessionTimeout);
        }
        if bytes_of(&join.protocols) > options.member_bytes_max {
            return Err(GroupError::TooLarge);
        }
        if is_new && !join.member.is_empty() && !self.promised.contains_key(&join.member) {
            return Err(GroupError::UnknownMember);
        }
        let is_of_another_kind = !self.members.is_empty() && join.protocol_type != self.protocol_type;
        if join.protocols.is_empty() || join.protocols.len() > options.protocols_max || is_of_another_kind {
            return Err(GroupError::InconsistentProtocol);
        }
        let others = self.members.iter().filter(|(id, _)| **id != join.member);
        let others = others.map(|(_, member)| member.protocols.as_slice());
        if !agree(others.chain([join.protocols.as_slice()])) {
            return Err(GroupError::InconsistentProtocol);
        }
        if join.member.is_empty() && self.members.len() + self.promised.len() >= options.members_max {
            return Err(GroupError::GroupFull);
        }
        Ok(())
    }

    fn join_first(&mut self, now: Millis, request: RequestId, join: Join) {
        let id = if join.member.is_empty() { join.fresh_id } else { join.member };
        self.promised.remove(&id);
        let member = Member {
            client: join.client,
            session_timeout_ms: join.session_timeout_ms,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            protocols: join.protocols,
            heard: now,
            joining: Some(request),
            syncing: None,
            assignment: Bytes::new(),
        };
        if self.members.is_empty() {
            self.protocol_type = join.protocol_type;
            self.leader = Some(id.clone());
        }
        self.members.insert(id, member);
        match &mut self.phase {
            // Where one comes, others come.
            Phase::Preparing { until, not_before } if *not_before > now => {
                *not_before = now.saturating_add(self.options.initial_delay_ms).min(*until);
            }
            Phase::Preparing { .. } => {}
            _ => self.prepare(now),
        }
    }

    /// A member joins that is one already. If it says nothing new and the generation has begun, then either it has not got
    /// the answer, or it is a follower that only wants to be sure: nobody else needs to be bothered.
    fn join_again(&mut self, now: Millis, request: RequestId, join: Join) {
        let is_leader = self.leader.as_ref() == Some(&join.member);
        let Some(member) = self.members.get_mut(&join.member) else { return };
        let is_news = member.protocols != join.protocols;
        member.heard = now;
        let is_sure = match self.phase {
            Phase::Completing { .. } => !is_news,
            // A leader that joins again wants the work to be shared out anew.
            Phase::Stable => !is_news && !is_leader,
            _ => false,
        };
        if is_sure {
            let joined = self.joined(&join.member);
            return self.answer(request, Ok(Answer::Joined(joined)));
        }
        member.session_timeout_ms = join.session_timeout_ms;
        member.rebalance_timeout_ms = join.rebalance_timeout_ms;
        member.protocols = join.protocols;
        // The same member on another connection: the request before has nobody who waits for it.
        if let Some(before) = member.joining.replace(request) {
            self.answer(before, Err(GroupError::RebalanceInProgress));
        }
        if !matches!(self.phase, Phase::Preparing { .. }) {
            self.prepare(now);
        }
    }

    /// A member asks for its work. The leader brings everybody's.
    pub(super) fn take_assignments(
        &mut self,
        now: Millis,
        request: RequestId,
        caller: &Caller,
        assignments: Vec<(String, Bytes)>,
    ) {
        let phase = self.phase;
        let member = match self.known(now, caller) {
            Ok(member) => member,
            Err(error) => return self.answer(request, Err(error)),
        };
        match phase {
            Phase::Stable => {
                let assignment = member.assignment.clone();
                self.answer(request, Ok(Answer::Assignment(assignment)));
            }
            Phase::Completing { .. } => {
                if let Some(before) = member.syncing.replace(request) {
                    self.answer(before, Err(GroupError::RebalanceInProgress));
                }
                if self.leader.as_ref() == Some(&caller.member) {
                    self.share_out(now, assignments);
                }
            }
            _ => self.answer(request, Err(GroupError::RebalanceInProgress)),
        }
    }

    /// The leader has said who does what. Whom it does not mention does nothing.
    fn share_out(&mut self, now: Millis, assignments: Vec<(String, Bytes)>) {
        if assignments.iter().any(|(_, assignment)| assignment.len() > self.options.member_bytes_max) {
            let leader = self.leader.as_ref().and_then(|leader| self.members.get_mut(leader));
            if let Some(request) = leader.and_then(|leader| leader.syncing.take()) {
                self.answer(request, Err(GroupError::TooLarge));
            }
            return;
        }
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                // A copy: it is kept for long, and is a small part of the leader's request, all of which it would keep.
                member.assignment = Bytes::copy_from_slice(&assignment);
            }
        }
        self.phase = Phase::Stable;
        for member in self.members.values_mut() {
            if let Some(request) = member.syncing.take() {
                member.heard = now;
                let answer = Ok(Answer::Assignment(member.assignment.clone()));
                self.out.push(super::message::Output { request, answer });
            }
        }
    }
}
