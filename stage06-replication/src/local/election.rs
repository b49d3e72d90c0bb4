//! Who leads, and who is in sync: the controller's commands, and two of three directories that remember them.

use std::sync::Arc;

use stage05::{Error, Result};

use super::{COPIES_MIN, LocalTablet};
use crate::controller::{Command, Reply};
use crate::ids::BrokerId;
use crate::replica::{Identity, Input, Replica, ReplicaOptions};
use crate::replica_log::ReplicaLog;
use crate::tablet::TabletId;

/// The name of the tablet.
pub(super) fn tablet() -> TabletId {
    TabletId { topic: "local".to_string(), partition: 0 }
}

impl LocalTablet {
    pub(super) fn elect_if_nobody_leads(&mut self) -> Result<usize> {
        match self.leader {
            Some(leader) => Ok(leader),
            None => self.elect(),
        }
    }

    /// Has the controller choose a leader, begins its epoch, and brings all copies to where it is.
    pub(super) fn elect(&mut self) -> Result<usize> {
        self.replace_damaged()?;
        self.promise_a_term()?;
        let leader = self.register()?;
        self.begin_epoch(leader)?;
        self.settle()?;
        // Nothing was appended in the new epoch yet. Of what the others were given, the leader had all before, and what
        // was cut was acknowledged by nobody: so it is soon enough to write this down now, when all that are here are in
        // sync.
        self.is_settling = false;
        self.remember()?;
        self.show();
        // It may be another one, if this one's disk has failed; opened again, the tablet goes on with that.
        self.chosen()
    }

    /// Reads where the epochs of all copies begin. A copy that cannot say it is damaged in what opening does not read, and
    /// begins anew, if there are enough others.
    fn replace_damaged(&mut self) -> Result<()> {
        let mut damaged = Vec::new();
        for (at, copy) in self.copies.iter().enumerate() {
            if let Some(Err(error)) = copy.log.as_ref().map(ReplicaLog::epochs) {
                damaged.push((at, error));
            }
        }
        let sound = self.copies.iter().filter(|copy| copy.may_vote()).count().saturating_sub(damaged.len());
        for (at, error) in damaged {
            match error {
                error if sound < COPIES_MIN => return Err(error),
                Error::Io { .. } => self.copies[at].leave_out(Arc::new(error)),
                _ => self.copies[at].begin_anew(),
            }
        }
        Ok(())
    }

    /// Makes a new term durable in two directories before anything is written under it (Q2). A copy that has lost
    /// something has no vote, and hears nothing until it has everything again: the controller's word beside an empty log
    /// would look like a whole copy.
    fn promise_a_term(&mut self) -> Result<()> {
        self.state.term += 1;
        for copy in self.copies.iter_mut().filter(|copy| copy.may_vote()) {
            if let Err(error) = copy.note(&self.state) {
                copy.leave_out(Arc::new(error));
            }
        }
        self.state.written_in = self.state.term;
        self.is_settling = true;
        match self.copies.iter().filter(|copy| copy.may_vote()).count() {
            COPIES_MIN.. => Ok(()),
            _ => Err(self.nobody()),
        }
    }

    /// The brokers start: each gets a new life, as the controller knows it from a restart, and then somebody may lead.
    ///
    /// The copies with the most come last. A broker that is registered leaves the in-sync replicas, and as long as enough
    /// others are left in them, it is not eligible any more; so those that come last are, and of them the one with the
    /// most leads.
    fn register(&mut self) -> Result<usize> {
        let mut order: Vec<usize> = (0..self.copies.len()).collect();
        order.sort_by_key(|&at| (self.copies[at].is_intact, self.copies[at].last()));
        for &at in &order {
            let broker = self.copies[at].broker;
            let known = self.state.controller.brokers().get(&broker).cloned();
            if self.copies[at].log.is_some() {
                let incarnation = known.map_or(1, |known| known.incarnation + 1);
                // What is durable is not lost by a restart; a directory that is gone is another matter.
                let intact_since = if self.copies[at].is_intact { 0 } else { incarnation };
                let address = self.copies[at].name.to_string();
                self.order(Command::Register { broker, incarnation, intact_since, address });
            } else {
                self.fence(at);
            }
        }
        for &at in order.iter().rev() {
            if self.copies[at].log.is_none() {
                continue;
            }
            let broker = self.copies[at].broker;
            if let Some(life) = self.state.controller.brokers().get(&broker).map(|known| known.life) {
                self.order(Command::Unfence { broker, life });
            }
        }
        if self.state.controller.tablet(&tablet()).is_none() {
            let replicas: Vec<BrokerId> = self.copies.iter().map(|copy| copy.broker).collect();
            self.order(Command::CreateTablet { tablet: tablet(), replicas, min_insync_replicas: COPIES_MIN });
        }
        self.chosen()
    }

    /// The copy that the controller has chosen.
    fn chosen(&self) -> Result<usize> {
        let leader = self.state.controller.tablet(&tablet()).and_then(|state| state.leader);
        match self.copies.iter().position(|copy| Some(copy.broker) == leader && copy.log.is_some()) {
            Some(leader) => Ok(leader),
            None => Err(self.nobody()),
        }
    }

    /// Nobody may lead: those who have everything are not there.
    fn nobody(&self) -> Error {
        match self.copies.iter().find_map(|copy| copy.left_out.clone()) {
            Some(cause) => Error::Poisoned { cause },
            None => self.refusal("choose a leader", "no copy is known to have every record"),
        }
    }

    /// Writes down what the controller says, in every directory. It counts once it is in two of them (Q1).
    pub(super) fn remember(&mut self) -> Result<()> {
        if self.is_settling {
            return Ok(());
        }
        let mut is_news = false;
        while let Some((at, error)) = self.note_everywhere() {
            self.copies[at].leave_out(Arc::new(error));
            self.check_copies()?;
            self.fence(at);
            is_news = true;
        }
        if is_news { self.tell_all() } else { Ok(()) }
    }

    /// Stops at the first copy that cannot write it down.
    fn note_everywhere(&self) -> Option<(usize, Error)> {
        let mut open = self.copies.iter().enumerate().filter(|(_, copy)| copy.log.is_some());
        open.find_map(|(at, copy)| Some((at, copy.note(&self.state).err()?)))
    }

    /// A copy is not in sync any more.
    fn fence(&mut self, at: usize) {
        let broker = self.copies[at].broker;
        if let Some(life) = self.state.controller.brokers().get(&broker).map(|known| known.life) {
            self.order(Command::Fence { broker, life });
        }
    }

    /// The replicas start, and the leader first: it is to know that it leads when the others ask it.
    fn begin_epoch(&mut self, leader: usize) -> Result<()> {
        (self.leader, self.unanswered) = (Some(leader), 0);
        self.messages.clear();
        let options = ReplicaOptions::default();
        for copy in &mut self.copies {
            (copy.replica, copy.waiting_fetch, copy.wants_sync) = (None, None, false);
            let (Some(log), Some(known)) = (&copy.log, self.state.controller.brokers().get(&copy.broker)) else {
                continue;
            };
            let identity = Identity { broker: copy.broker, life: known.life, tablet: tablet() };
            copy.replica = Some(Replica::new(identity, options, log.start(), log.end(), log.epochs()?));
        }
        self.tell_all()
    }

    /// Every replica hears what the controller says, the leader first.
    pub(super) fn tell_all(&mut self) -> Result<()> {
        let Some(state) = self.state.controller.tablet(&tablet()).cloned() else { return Ok(()) };
        let (first, count) = (self.leader.unwrap_or_default(), self.copies.len());
        for at in (0..count).map(|at| (first + at) % count) {
            self.tell(at, Input::Tablet(state.clone()))?;
        }
        Ok(())
    }

    /// Goes on without a follower. Without its leader a tablet does not go on: opened again, it has another one.
    pub(super) fn lose(&mut self, at: usize, error: Error) -> Result<()> {
        if self.leader == Some(at) || self.copies[at].log.is_none() {
            return Err(error);
        }
        self.copies[at].leave_out(Arc::new(error));
        self.check_copies()?;
        if self.leader.is_some() {
            self.fence(at);
            // Before anything is acknowledged without it.
            self.remember()?;
            self.tell_all()?;
        }
        self.show();
        Ok(())
    }

    pub(super) fn order(&mut self, command: Command) -> Reply {
        self.state.controller.apply(&command)
    }

    /// The replica that leads.
    pub(super) fn leading(&self) -> Option<&Replica> {
        self.copies[self.leader?].replica.as_ref()
    }

    /// Tells a replica that its log begins later now.
    pub(super) fn tell_deleted(&mut self, at: usize, start: stage05::Offset) -> Result<()> {
        self.tell(at, Input::Deleted(start))?;
        self.settle()
    }
}
