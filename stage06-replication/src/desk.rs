//! The controller's side of its bond with the brokers: which command a question asks for, and whom it has not heard of.
//!
//! Heartbeats are many and say little, so they do not go through the consensus: they are remembered by the controller
//! that leads, and a new one gives every broker the time of one session to be heard of.

use std::collections::BTreeMap;

use crate::controller::{Command, Controller, Reply};
use crate::ids::{BrokerEpoch, BrokerId};
use crate::replica::Millis;
use crate::session::{Ask, Tell};
use crate::tablet::{IsrChange, Refusal, TabletId, TabletState};

/// What a controller remembers of the brokers as long as it leads.
#[derive(Debug)]
pub struct Desk {
    session_timeout_ms: Millis,
    heard: BTreeMap<BrokerId, (BrokerEpoch, Millis)>,
}

impl Desk {
    /// A controller that was just elected. A broker that it does not hear of for `session_timeout_ms` is fenced
    /// (`broker.session.timeout.ms`).
    pub fn new(session_timeout_ms: Millis) -> Desk {
        Desk { session_timeout_ms, heard: BTreeMap::new() }
    }

    /// The command that a question asks for. `None` if it can be answered as it is.
    pub fn command(&mut self, now: Millis, controller: &Controller, ask: &Ask) -> Option<Command> {
        match ask {
            Ask::Register { broker, incarnation, intact_since, address } => Some(Command::Register {
                broker: *broker,
                incarnation: *incarnation,
                intact_since: *intact_since,
                address: address.clone(),
            }),
            &Ask::Heartbeat { broker, life, seen } => {
                let known = controller.brokers().get(&broker).filter(|known| known.life == life)?;
                self.heard.insert(broker, (life, now));
                // It knows of itself, so it knows what became of its tablets when it was registered.
                (known.is_fenced && seen >= known.version).then_some(Command::Unfence { broker, life })
            }
            Ask::ChangeIsr(change) => Some(Command::ChangeIsr(change.clone())),
            &Ask::Leave { broker, life } => Some(Command::Fence { broker, life }),
        }
    }

    /// The answer to a question, once its command, if there was one, has come to this reply.
    pub fn answer(&self, controller: &Controller, ask: &Ask, reply: Option<Reply>) -> Option<Tell> {
        match (ask, reply) {
            (&Ask::Register { incarnation, .. }, Some(Reply::Registered(life))) => {
                Some(Tell::Registered { incarnation, life })
            }
            (Ask::ChangeIsr(change), Some(Reply::Tablet(state))) => Some(isr_changed(change, Ok(state))),
            (Ask::ChangeIsr(change), Some(Reply::Refused(refusal))) => Some(isr_changed(change, Err(refusal))),
            (&(Ask::Heartbeat { broker, life, .. } | Ask::Leave { broker, life }), _) => {
                Some(news(controller, broker, life))
            }
            // No other command comes of these.
            (Ask::Register { .. } | Ask::ChangeIsr(_), _) => None,
        }
    }

    /// The brokers that were not heard of for too long, as commands that fence them.
    pub fn overdue(&mut self, now: Millis, controller: &Controller) -> Vec<Command> {
        let mut commands = Vec::new();
        for (&broker, registration) in controller.brokers().iter().filter(|(_, known)| !known.is_fenced) {
            let life = registration.life;
            let heard = self.heard.entry(broker).or_insert((life, now));
            if heard.0 != life {
                *heard = (life, now);
            } else if now > heard.1 + self.session_timeout_ms {
                commands.push(Command::Fence { broker, life });
            }
        }
        commands
    }
}

/// The tablets that are not led by the first of their replicas, although that one could: after a broker has been away, the
/// others lead everything, and would go on to (Kafka's preferred leader election).
pub fn misplaced(controller: &Controller) -> Vec<Command> {
    let moves = controller.tablets().iter().filter_map(|(tablet, state)| {
        let &to = state.replicas.first()?;
        let may_lead = state.isr.contains(&to) && controller.is_active(to);
        (may_lead && state.leader != Some(to)).then(|| Command::MoveLeader { tablet: tablet.clone(), to })
    });
    moves.collect()
}

fn isr_changed(change: &IsrChange, result: Result<TabletState, Refusal>) -> Tell {
    let &IsrChange { leader_life: life, partition_epoch, .. } = change;
    Tell::IsrChanged { life, tablet: change.tablet.clone(), partition_epoch, result }
}

/// What a broker has to know, if it is still the one that it says.
fn news(controller: &Controller, broker: BrokerId, life: BrokerEpoch) -> Tell {
    let Some(known) = controller.brokers().get(&broker).filter(|known| known.life == life) else {
        return Tell::Over { life };
    };
    let keeps = |(_, state): &(&TabletId, &TabletState)| state.replicas.contains(&broker);
    let tablets = controller.tablets().iter().filter(keeps).map(|(tablet, state)| (tablet.clone(), state.clone()));
    Tell::News { life, version: controller.version(), is_fenced: known.is_fenced, tablets: tablets.collect() }
}
