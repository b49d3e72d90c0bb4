//! What the controller does, in words for a timeline.

use std::collections::BTreeSet;

use super::nemesis::Stroke;
use super::network::{Address, Link};
use crate::controller::{Command, Reply};
use crate::ids::BrokerId;
use crate::tablet::{IsrChange, Member, TabletState};

/// A command, and what it came to.
pub(crate) fn of_command(command: &Command, reply: &Reply) -> String {
    let asked = match command {
        Command::Register { broker, incarnation, intact_since, .. } => {
            format!("{broker} registers as start {incarnation}, intact since start {intact_since}")
        }
        Command::Fence { broker, .. } => format!("the controller has not heard of {broker}, and fences it"),
        Command::Unfence { broker, .. } => format!("{broker} is ready"),
        Command::CreateTablet { .. } => "the tablet is made".into(),
        Command::DeleteTablet { .. } => "the tablet is given up".into(),
        Command::CreateTopic { topic, .. } => format!("the topic {topic} is made"),
        Command::DeleteTopic { topic } => format!("the topic {topic} is given up"),
        Command::NewProducer => "a producer wants a number".into(),
        Command::ChangeIsr(IsrChange { leader, partition_epoch, isr, .. }) => {
            let members: Vec<String> = isr.iter().map(of_member).collect();
            format!("{leader} wants {{{}}} in sync instead of {partition_epoch}", members.join(", "))
        }
        Command::MoveLeader { to, .. } => format!("an operator wants {to} to lead"),
        Command::ElectUnclean { leader, .. } => format!("an operator makes {leader} lead, whatever it has lost"),
    };
    match reply {
        Reply::Registered(life) => format!("{asked}: {life}"),
        Reply::Tablet(state) => format!("{asked}: {}", of_state(state)),
        Reply::Producer(number) => format!("{asked}: {number}"),
        Reply::Done => asked,
        Reply::Refused(refusal) => format!("{asked}: refused, {refusal}"),
    }
}

/// A tablet's state.
pub(crate) fn of_state(state: &TabletState) -> String {
    let TabletState { leader, leader_epoch, partition_epoch, isr, elr, .. } = state;
    let leader = leader.map_or("nobody leads".into(), |leader| format!("{leader} leads"));
    let eligible = if elr.is_empty() { String::new() } else { format!(", eligible {}", of_brokers(elr)) };
    format!("{partition_epoch}, {leader} in {leader_epoch}, in sync {}{eligible}", of_brokers(isr))
}

/// Links that break.
pub(crate) fn of_break(stroke: Stroke, link: Link, here: &BTreeSet<Address>, there: &[Address]) -> String {
    let here: Vec<String> = here.iter().map(of_address).collect();
    let there: Vec<String> = there.iter().map(of_address).collect();
    let verb = if link == Link::Held { "is held" } else { "is lost" };
    let between = format!("{} and {}", here.join(", "), there.join(", "));
    match stroke {
        Stroke::OneWay | Stroke::Hold => format!("what is sent one way or both between {between} {verb}"),
        _ => format!("what is sent between {between} {verb}"),
    }
}

fn of_address(address: &Address) -> String {
    match address {
        Address::Controller => "the controller".into(),
        Address::Broker(id) => id.to_string(),
        Address::Client(number) => format!("client {number}"),
    }
}

fn of_member(member: &Member) -> String {
    match member.life {
        Some(life) => format!("{} in its {life}", member.broker.0),
        None => member.broker.0.to_string(),
    }
}

fn of_brokers(brokers: &BTreeSet<BrokerId>) -> String {
    let numbers: Vec<String> = brokers.iter().map(|broker| broker.0.to_string()).collect();
    format!("{{{}}}", numbers.join(", "))
}
