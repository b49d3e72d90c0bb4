//! The controller, the desk in front of it, and the operator.

use super::{Event, World};
use crate::controller::{Command, Controller, Reply};
use crate::ids::BrokerId;
use crate::session::Ask;
use crate::sim::broker::{TICK_MS, tablet};
use crate::sim::checker::Check;
use crate::sim::network::{Address, Message};
use crate::sim::words;

impl World {
    pub(super) fn ask(&mut self, from: Address, ask: &Ask) -> Check {
        let command = self.desk.command(self.now, &self.controller, ask);
        let reply = command.map(|command| self.command(&command));
        if let Some(tell) = self.desk.answer(&self.controller, ask, reply) {
            self.send(Address::Controller, from, Message::Tell(tell));
        }
        self.look_at_controller()
    }

    /// The controller carries a command out.
    pub(super) fn command(&mut self, command: &Command) -> Reply {
        let epoch = |controller: &Controller| controller.tablet(&tablet()).map(|state| state.leader_epoch);
        let before = epoch(&self.controller);
        let reply = self.controller.apply(command);
        self.timeline.note(self.now, || words::of_command(command, &reply));
        if let Some(state) = self.controller.tablet(&tablet())
            && before != epoch(&self.controller)
            && !matches!(reply, Reply::Tablet(_))
        {
            self.timeline.note(self.now, || format!("the controller: {}", words::of_state(state)));
        }
        reply
    }

    pub(super) fn controller_tick(&mut self) -> Check {
        self.at(self.now + TICK_MS, Event::ControllerTick);
        for command in self.desk.overdue(self.now, &self.controller) {
            self.command(&command);
        }
        let all: Vec<BrokerId> = self.brokers.iter().map(|broker| broker.id).collect();
        if self.controller.tablets().is_empty() && all.iter().all(|&id| self.controller.is_active(id)) {
            let min_insync_replicas = self.config.min_insync_replicas;
            self.command(&Command::CreateTablet { tablet: tablet(), replicas: all, min_insync_replicas });
        }
        self.look_at_controller()
    }

    /// What there is to check after the controller has changed something.
    pub(super) fn look_at_controller(&mut self) -> Check {
        if let Some(state) = self.controller.tablet(&tablet()) {
            for broker in &mut self.brokers {
                let known = self.controller.brokers().get(&broker.id);
                let is_current = known.is_some_and(|known| {
                    Some(known.life) == broker.process.as_ref().and_then(|process| process.session.life())
                });
                broker.is_lossy &= !(is_current && state.isr.contains(&broker.id));
            }
        }
        self.checker.candidates(&self.brokers, &self.controller, self.config.flush)
    }

    /// An operator who would rather have a leader than all records, if there is no other way.
    pub(crate) fn elect_unclean(&mut self) {
        let is_headless = self.controller.tablet(&tablet()).is_some_and(|state| state.leader.is_none());
        if self.config.elects_unclean && is_headless {
            let leader = self.brokers[self.random.usize(0..self.brokers.len())].id;
            let command = Command::ElectUnclean { tablet: tablet(), leader };
            self.command(&command);
            let check = self.look_at_controller();
            self.judge(check);
        }
    }
}
