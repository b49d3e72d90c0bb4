//! What a coordinator does with a question.

use super::group::{Group, Phase};
use super::log::OffsetsLog;
use super::message::{Answer, Caller, GroupError, Input, Output};
use super::offsets::bytes_of;
use super::question::{Call, Description, MemberDescription, Partition, Question, Reply};
use super::record::{Committed, OffsetRecord, Slot};
use super::reign::{Appended, Reign, ReplyTo};
use crate::broker::unix_time_ms;
use crate::replica::RequestId;

/// How many expired offsets are given up at once.
const EXPIRED_MAX: usize = 500;

impl<L: OffsetsLog> Reign<L> {
    /// Answers a call, or sees to it that it is answered.
    pub(super) async fn take(&mut self, call: Call) {
        if let Err(error) = self.check(&call) {
            return call.answer(Err(error));
        }
        let Call { group, question, reply } = call;
        let request = self.next_request();
        let input = match question {
            Question::Join(join) => Input::Join { request, join },
            Question::Sync(caller, assignments) => Input::Sync { request, caller, assignments },
            Question::Heartbeat(caller) => Input::Heartbeat { request, caller },
            Question::Leave(member) => Input::Leave { request, member },
            Question::Commit(caller, offsets) => return self.commit(group, caller, offsets, reply).await,
            Question::Fetch(partitions) => return drop(reply.send(Ok(self.fetch(group, partitions)))),
            Question::Describe => return drop(reply.send(Ok(self.describe(&group)))),
            Question::List => return drop(reply.send(Ok(self.list()))),
        };
        self.asked.insert(request, reply);
        self.tell(&group, input);
    }

    fn check(&self, call: &Call) -> Result<(), GroupError> {
        let is_list = matches!(call.question, Question::List);
        if !is_list && (call.group.is_empty() || call.group.len() > self.options.name_bytes_max) {
            return Err(GroupError::InvalidGroup);
        }
        self.check_loaded()?;
        match &call.question {
            Question::Join(join) => {
                let is_too_long = |name: &String| name.len() > self.options.name_bytes_max;
                if [&join.client, &join.protocol_type].into_iter().any(is_too_long) {
                    return Err(GroupError::TooLarge);
                }
                self.check_room(join.protocols.iter().map(|protocol| protocol.metadata.len()).sum())?;
                match self.groups.contains_key(&call.group) || self.groups.len() < self.options.groups_max {
                    true => Ok(()),
                    false => Err(GroupError::NotAvailable),
                }
            }
            Question::Sync(_, assignments) => {
                self.check_room(assignments.iter().map(|(_, assignment)| assignment.len()).sum())
            }
            _ => Ok(()),
        }
    }

    fn check_room(&self, bytes: usize) -> Result<(), GroupError> {
        let kept: usize = self.groups.values().map(Group::bytes).sum();
        match kept.saturating_add(bytes) <= self.options.groups_bytes_max {
            true => Ok(()),
            false => Err(GroupError::NotAvailable),
        }
    }

    fn next_request(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }

    /// Tells a group something and answers whom it answers. What is not an answer to a call is returned.
    pub(super) fn tell(&mut self, name: &str, input: Input) -> Vec<Output> {
        let now = self.now();
        let options = self.options;
        // A group that is not there is one without members: only by one who joins it becomes worth keeping.
        let mut group = self.groups.remove(name).unwrap_or_else(|| Group::new(options));
        let had_members = group.phase() != Phase::Empty;
        let outputs = group.handle(now, input);
        if !group.is_forgettable() {
            self.groups.insert(name.to_string(), group);
        } else if had_members {
            self.emptied_at_ms.insert(name.to_string(), unix_time_ms());
        }
        let mut others = Vec::new();
        for output in outputs {
            match self.asked.remove(&output.request) {
                Some(reply) => drop(reply.send(output.answer.map(Reply::Answer))),
                None => others.push(output),
            }
        }
        others
    }

    async fn commit(&mut self, group: String, caller: Caller, offsets: Vec<(Partition, Committed)>, reply: ReplyTo) {
        let request = self.next_request();
        let verdict = self.tell(&group, Input::Commit { request, caller }).pop().map(|output| output.answer);
        let slot = |(topic, partition)| Slot { group: group.clone(), topic, partition };
        let offsets: Vec<_> = offsets.into_iter().map(|(partition, committed)| (slot(partition), committed)).collect();
        match verdict.unwrap_or(Err(GroupError::NotAvailable)).and_then(|_| self.fits(&offsets)) {
            Ok(growth) if !offsets.is_empty() => {
                self.growth += growth;
                self.commits_waiting += 1;
                let records: Vec<OffsetRecord> =
                    offsets.into_iter().map(|(slot, committed)| OffsetRecord::Committed(slot, committed)).collect();
                self.append(&records, Appended::Commit(reply, growth)).await;
            }
            verdict => drop(reply.send(verdict.map(|_| Reply::Answer(Answer::Done)))),
        }
    }

    /// How many bytes the offsets grow by, if there is room for them.
    fn fits(&self, offsets: &[(Slot, Committed)]) -> Result<usize, GroupError> {
        let options = &self.options;
        let is_too_large = |(slot, committed): &(Slot, Committed)| {
            slot.topic.len() > options.name_bytes_max || committed.note.len() > options.note_bytes_max
        };
        let bytes: usize = offsets.iter().map(|(slot, committed)| bytes_of(slot, committed)).sum();
        if bytes > options.commit_bytes_max || offsets.iter().any(is_too_large) {
            return Err(GroupError::TooLarge);
        }
        let growth: usize = offsets.iter().map(|(slot, committed)| self.offsets.growth(slot, committed)).sum();
        let has_room = self.offsets.bytes() + self.growth + growth <= options.offsets_bytes_max;
        match has_room && self.commits_waiting < options.commits_waiting_max {
            true => Ok(growth),
            false => Err(GroupError::NotAvailable),
        }
    }

    fn fetch(&self, group: String, partitions: Option<Vec<Partition>>) -> Reply {
        let Some(partitions) = partitions else {
            let all = self.offsets.of_group(&group);
            return Reply::Offsets(all.map(|(at, committed)| (at.clone(), Some(committed.clone()))).collect());
        };
        let of = |(topic, partition): Partition| {
            let slot = Slot { group: group.clone(), topic, partition };
            let committed = self.offsets.get(&slot).cloned();
            ((slot.topic, partition), committed)
        };
        Reply::Offsets(partitions.into_iter().map(of).collect())
    }

    fn list(&self) -> Reply {
        let with_members = self.groups.iter().map(|(name, group)| (name.clone(), group.protocol_type().to_string()));
        let quiet = self.offsets.groups().filter(|name| !self.groups.contains_key(*name));
        Reply::Groups(with_members.chain(quiet.map(|name| (name.clone(), String::new()))).collect())
    }

    fn describe(&self, name: &str) -> Reply {
        let has_offsets = self.offsets.of_group(name).next().is_some();
        let unknown = Description { state: if has_offsets { "Empty" } else { "Dead" }, ..Description::default() };
        Reply::Description(self.groups.get(name).map_or(unknown, Group::describe))
    }

    /// Gives up what is over: members that were silent, and offsets that nobody has used for long.
    pub(super) async fn tick(&mut self) {
        let names: Vec<String> = self.groups.keys().cloned().collect();
        names.iter().for_each(|name| drop(self.tell(name, Input::Tick)));
        let limit_ms = unix_time_ms().saturating_sub(self.options.retention_ms);
        self.emptied_at_ms.retain(|_, emptied_at_ms| *emptied_at_ms > limit_ms);
        // The coordinator before may have seen members a moment ago. So nothing expires that this one has not watched for
        // as long.
        if self.is_loaded && !self.is_expiring && self.began_at_ms <= limit_ms {
            let is_used = |group: &str| self.groups.contains_key(group) || self.emptied_at_ms.contains_key(group);
            let expired = self.offsets.expired(limit_ms, EXPIRED_MAX, is_used);
            if !expired.is_empty() {
                self.is_expiring = true;
                self.append(&expired, Appended::Expiry).await;
            }
        }
    }
}

impl Group {
    /// The group as it is.
    fn describe(&self) -> Description {
        let member = |(id, client, metadata, assignment)| MemberDescription { id, client, metadata, assignment };
        Description {
            state: match self.phase() {
                Phase::Empty => "Empty",
                Phase::Preparing { .. } => "PreparingRebalance",
                Phase::Completing { .. } => "CompletingRebalance",
                Phase::Stable => "Stable",
                Phase::Dead => "Dead",
            },
            protocol_type: self.protocol_type().to_string(),
            protocol: self.protocol().to_string(),
            members: self.members().map(member).collect(),
        }
    }
}
