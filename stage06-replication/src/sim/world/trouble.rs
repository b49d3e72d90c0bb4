//! What goes wrong: brokers die, stop and lose power, links break. And how all of it ends.

use std::collections::BTreeSet;

use super::{Event, SESSION_TIMEOUT_MS, World};
use crate::controller::Command;
use crate::desk::Desk;
use crate::log_ends::Flush;
use crate::replica::Millis;
use crate::replica_log::ReplicaLog;
use crate::sim::broker::tablet;
use crate::sim::checker::Check;
use crate::sim::nemesis::Stroke;
use crate::sim::network::{Address, Link};
use crate::sim::words;

impl World {
    pub(super) fn strike(&mut self) -> Check {
        if self.is_healing {
            return Ok(());
        }
        let pause = self.random.u64(1..=self.swarm.stroke_ms * 2);
        self.at(self.now + pause, Event::Stroke);
        let Some(stroke) = Stroke::draw(&mut self.random, &self.swarm) else { return Ok(()) };
        let broker = self.random.usize(0..self.brokers.len());
        let lasts = self.random.u64(100..4_000);
        match stroke {
            Stroke::Kill => self.kill(broker, lasts, false),
            Stroke::PowerCut => self.kill(broker, lasts, true),
            Stroke::PowerCutOfAll => (0..self.brokers.len()).for_each(|broker| {
                let lasts = self.random.u64(100..4_000);
                self.kill(broker, lasts, true);
            }),
            Stroke::Restart => self.restart(broker, lasts),
            Stroke::Pause => {
                let id = self.brokers[broker].id;
                self.timeline.note(self.now, || format!("{id} is stopped for {lasts} ms"));
                self.brokers[broker].paused_until = self.now + lasts;
            }
            Stroke::MoveLeader => self.move_leader(broker),
            Stroke::IsolateLeader | Stroke::Partition | Stroke::OneWay | Stroke::Hold => {
                self.part(stroke, broker);
                self.at(self.now + lasts, Event::Mend);
            }
        }
        self.look_at_controller()
    }

    /// Whether the broker may stop without having synced. In a cluster that acknowledges before it syncs, only so many
    /// may at a time.
    fn may_lose(&mut self, broker: usize) -> bool {
        if self.config.flush == Flush::Sync {
            return true;
        }
        let others = self.brokers.iter().enumerate().filter(|(at, other)| *at != broker && other.is_lossy).count();
        let may = (others as u32) < self.config.lossy_max;
        self.brokers[broker].is_lossy |= may;
        may
    }

    fn kill(&mut self, broker: usize, lasts: Millis, loses_power: bool) {
        if !self.may_lose(broker) {
            return;
        }
        self.stop(broker);
        let id = self.brokers[broker].id;
        let before = self.brokers[broker].log.end();
        if loses_power {
            self.power_cuts += 1;
            self.brokers[broker].log.lose_power(&mut self.random);
        }
        let end = self.brokers[broker].log.end();
        let how = if loses_power { "loses power" } else { "is killed" };
        self.timeline.note(self.now, || format!("{id} {how}: its log went up to {before}, and goes up to {end}"));
        self.at(self.now + lasts, Event::Start { broker });
    }

    fn restart(&mut self, broker: usize, lasts: Millis) {
        if self.brokers[broker].process.is_some() {
            self.brokers[broker].was_shut_down = true;
            self.brokers[broker].log.sync().expect("a log in memory");
            self.stop(broker);
            let id = self.brokers[broker].id;
            self.timeline.note(self.now, || format!("{id} is shut down"));
            self.at(self.now + lasts, Event::Start { broker });
        }
    }

    fn move_leader(&mut self, broker: usize) {
        // A controller that was just elected has heard of nobody.
        if self.random.u32(0..4) == 0 {
            self.desk = Desk::new(SESSION_TIMEOUT_MS);
        }
        let command = Command::MoveLeader { tablet: tablet(), to: self.brokers[broker].id };
        self.command(&command);
    }

    /// Breaks links.
    fn part(&mut self, stroke: Stroke, broker: usize) {
        let all: Vec<Address> = self.brokers.iter().map(|broker| Address::Broker(broker.id)).collect();
        let leader = self.controller.tablet(&tablet()).and_then(|state| state.leader);
        let one = match stroke {
            Stroke::IsolateLeader | Stroke::Hold => leader.map_or(all[broker], Address::Broker),
            _ => all[broker],
        };
        let link = if stroke == Stroke::Hold || self.random.u32(0..4) == 0 { Link::Held } else { Link::Cut };
        let mut here: BTreeSet<Address> = BTreeSet::from([one]);
        if stroke == Stroke::Partition {
            here.extend(all.iter().copied().filter(|_| self.random.bool()));
        }
        let sides = self.random.u32(1..4);
        let (out, back) =
            if matches!(stroke, Stroke::OneWay | Stroke::Hold) { (sides & 1 > 0, sides & 2 > 0) } else { (true, true) };
        let mut there: Vec<Address> = all.into_iter().filter(|address| !here.contains(address)).collect();
        if self.random.bool() {
            there.push(Address::Controller);
        }
        if stroke == Stroke::IsolateLeader && self.random.u32(0..3) == 0 {
            there = vec![Address::Controller];
        }
        self.timeline.note(self.now, || words::of_break(stroke, link, &here, &there));
        for &from in &here {
            for &to in &there {
                if out {
                    self.network.break_link(from, to, link);
                }
                if back {
                    self.network.break_link(to, from, link);
                }
            }
        }
    }

    pub(super) fn mend(&mut self) {
        for held in self.network.mend() {
            let delay = self.random.u64(1..10);
            let (from, to, message) = (held.from, held.to, held.message);
            self.at(self.now + delay, Event::Deliver { from, to, message });
        }
    }

    /// When the event happens instead, if it is one of a broker that is stopped.
    pub(super) fn pause(&self, event: &Event) -> Option<Millis> {
        let broker = match event {
            Event::Deliver { to: Address::Broker(id), .. } => self.index_of(*id),
            Event::Tick { broker, .. } | Event::Synced { broker, .. } => *broker,
            _ => return None,
        };
        let until = self.brokers[broker].paused_until;
        (until > self.now).then_some(until)
    }

    /// Ends all faults: from now on, everything works.
    pub fn heal(&mut self) {
        self.is_healing = true;
        (self.swarm.lost, self.swarm.doubled, self.swarm.late, self.swarm.sync_ms) = (0, 0, 0, 5);
        self.timeline.note(self.now, || "all faults cease".into());
        self.mend();
        for broker in 0..self.brokers.len() {
            self.brokers[broker].paused_until = 0;
            if self.brokers[broker].process.is_none() {
                self.at(self.now, Event::Start { broker });
            }
        }
    }
}
