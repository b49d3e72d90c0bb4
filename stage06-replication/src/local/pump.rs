//! What the replicas want done, done at once: the part of a broker that is left when there is no network and no clock.

use std::thread;

use stage05::{Error, Offset, Record, Result};

use super::copy::Copy;
use super::election::tablet;
use super::records::batches_of;
use super::{Batch, LocalTablet, TICK_MS, TICKS_MAX};
use crate::controller::{Command, Reply};
use crate::ids::BrokerId;
use crate::message::{FetchAnswer, FetchResult};
use crate::replica::{Input, Outcome, Output, RequestId};
use crate::replica_log::ReplicaLog;

/// The most bytes of batches in one answer to a follower, unless one alone has more.
const FETCH_BYTES_MAX: usize = 1024 * 1024;

/// Something that a replica has said to somebody else.
#[derive(Debug)]
pub(super) struct Message {
    from: usize,
    what: Output,
}

impl LocalTablet {
    /// Hands records to the leader as batches, by one write, and what it says of them to the followers.
    pub(super) fn produce(&mut self, leader: usize, records: &[Record<'_>]) -> Result<()> {
        let requests = &mut self.requests;
        let batches = batches_of(records, || {
            *requests += 1;
            RequestId(*requests)
        });
        self.unanswered += batches.len() as u64;
        let mut outputs = Vec::new();
        let now = self.now;
        if let Some(replica) = &mut self.copies[leader].replica {
            for batch in batches {
                outputs.extend(replica.handle(now, Input::Produce(batch)));
            }
        }
        self.carry_out(leader, outputs)?;
        self.serve_who_waits();
        self.deliver()
    }

    /// Syncs and delivers until every copy has what the leader has, and everything is acknowledged.
    ///
    /// One round is enough for one append. After several, a follower has asked for the first of them only: it asks again
    /// when that is durable, and the next round is for the rest.
    pub(super) fn settle(&mut self) -> Result<()> {
        let mut ticks = 0;
        loop {
            self.deliver()?;
            if self.copies.iter().any(|copy| copy.wants_sync) {
                self.flush_and_tell()?;
                continue;
            }
            let Some(leader) = self.leading() else { return Ok(()) };
            let (watermark, written) = (leader.high_watermark(), leader.log().written);
            if watermark == written && self.unanswered == 0 {
                return Ok(());
            }
            // A leader that the controller has refused something waits before it asks again.
            if ticks == TICKS_MAX {
                let isr = leader.state().map(|state| state.isr.clone()).unwrap_or_default();
                let why = format!("the high watermark stays at {watermark} of {written}; in sync: {isr:?}");
                return Err(self.refusal("acknowledge all records", why));
            }
            (ticks, self.now) = (ticks + 1, self.now + TICK_MS);
            (0..self.copies.len()).try_for_each(|at| self.tell(at, Input::Tick))?;
        }
    }

    /// Syncs what is to be synced, and tells the replicas.
    fn flush_and_tell(&mut self) -> Result<()> {
        for (at, synced) in self.flush_all() {
            match synced {
                Ok(_) => self.tell(at, Input::Synced)?,
                Err(error) => self.lose(at, error)?,
            }
        }
        Ok(())
    }

    /// Syncs every log that has something to sync, side by side as three machines would.
    fn flush_all(&mut self) -> Vec<(usize, Result<Offset>)> {
        let side_by_side = self.syncs_side_by_side;
        let copies = self.copies.iter_mut().enumerate().filter(|(_, copy)| copy.wants_sync);
        if !side_by_side {
            return copies.map(|(at, copy)| (at, copy.flush())).collect();
        }
        let mut copies: Vec<_> = copies.collect();
        let last = copies.pop();
        thread::scope(|threads| {
            let syncs: Vec<_> = copies.into_iter().map(|(at, copy)| (at, threads.spawn(|| copy.flush()))).collect();
            // This thread has nothing better to do meanwhile.
            let own = last.map(|(at, copy)| (at, copy.flush()));
            let others = syncs.into_iter().map(|(at, sync)| (at, sync.join().unwrap_or(Err(Error::WriterPanicked))));
            others.chain(own).collect()
        })
    }

    /// Delivers what the replicas have said, and what they say to that, until nobody says anything.
    fn deliver(&mut self) -> Result<()> {
        while let Some(Message { from, what }) = self.messages.pop_front() {
            match what {
                Output::Fetch { leader, request } => self.tell(at(leader), Input::FetchRequest(request))?,
                Output::AnswerFetch { to, answer } => self.tell(at(to), Input::FetchAnswer(answer))?,
                Output::ServeFetch { .. } => self.serve(from, what)?,
                Output::Propose { change } => self.propose(from, &Command::ChangeIsr(change))?,
                // All others are about the replica's own log, or for whoever has asked for an append.
                _ => {}
            }
        }
        Ok(())
    }

    /// Answers a follower with batches. If there are none, it waits until there are.
    fn serve(&mut self, leader: usize, fetch: Output) -> Result<()> {
        let Output::ServeFetch { to, number, leader_epoch, from, high_watermark } = fetch else { return Ok(()) };
        let batches = self.read(leader, at(to), from)?;
        if batches.is_empty() {
            self.copies[at(to)].waiting_fetch = Some(fetch);
            return Ok(());
        }
        let result = FetchResult::Batches { batches, high_watermark };
        self.tell(at(to), Input::FetchAnswer(FetchAnswer { number, leader_epoch, result }))
    }

    /// Batches for a follower, out of the leader's log; where that is damaged, out of another one that is in sync with it.
    fn read(&self, leader: usize, follower: usize, from: Offset) -> Result<Vec<Batch>> {
        let log = |at: usize| self.copies[at].log.as_ref();
        let Some(own) = log(leader) else { return Ok(Vec::new()) };
        own.read(from, FETCH_BYTES_MAX).or_else(|error| {
            let isr = self.state.controller.tablet(&tablet()).map(|state| &state.isr);
            let is_in_sync = |at: &usize| isr.is_some_and(|isr| isr.contains(&self.copies[*at].broker));
            let mut others = (0..self.copies.len()).filter(|at| ![leader, follower].contains(at)).filter(is_in_sync);
            others.find_map(|at| log(at)?.read(from, FETCH_BYTES_MAX).ok()).ok_or(error)
        })
    }

    /// There is more: followers that wait for it are served.
    fn serve_who_waits(&mut self) {
        let Some(from) = self.leader else { return };
        let waiting = self.copies.iter_mut().filter_map(|copy| copy.waiting_fetch.take());
        self.messages.extend(waiting.map(|what| Message { from, what }));
    }

    /// Asks the controller, and tells everybody what comes of it once it is written down.
    fn propose(&mut self, leader: usize, command: &Command) -> Result<()> {
        let Command::ChangeIsr(change) = command else { return Ok(()) };
        let result = match self.order(command.clone()) {
            Reply::Tablet(state) => Ok(state),
            Reply::Refused(refusal) => Err(refusal),
            _ => return Ok(()),
        };
        self.remember()?;
        let (life, partition_epoch) = (change.leader_life, change.partition_epoch);
        self.tell(leader, Input::ProposalAnswer { life, partition_epoch, result })?;
        self.tell_all()
    }

    /// Tells a replica something, and does what it wants done.
    pub(super) fn tell(&mut self, at: usize, input: Input) -> Result<()> {
        let Some(replica) = &mut self.copies[at].replica else { return Ok(()) };
        let outputs = replica.handle(self.now, input);
        self.carry_out(at, outputs)
    }

    /// What is about the log is done at once, and batches that come together are written together. What is for others is
    /// delivered later.
    fn carry_out(&mut self, at: usize, outputs: Vec<Output>) -> Result<()> {
        let mut batches = Vec::new();
        let mut next = None;
        for output in outputs {
            match output {
                Output::Append(more) => batches.extend(more),
                Output::Sync => self.copies[at].wants_sync = true,
                Output::Truncate(_) | Output::StartAgain(_) => next = Some(output),
                Output::Answer { outcome, .. } => self.take_answer(&outcome)?,
                what => self.messages.push_back(Message { from: at, what }),
            }
        }
        let copy = &mut self.copies[at];
        match change_log(copy, &batches, next) {
            Ok(Some(input)) => self.tell(at, input),
            Ok(None) => Ok(()),
            Err(error) => self.lose(at, error),
        }
    }

    fn take_answer(&mut self, outcome: &Outcome) -> Result<()> {
        match outcome {
            Outcome::Acknowledged(_) => {
                self.unanswered -= 1;
                Ok(())
            }
            Outcome::Refused(why) | Outcome::Unknown(why) => Err(self.refusal("append", format!("{why:?}"))),
        }
    }
}

/// Changes a copy's log as its replica wants it. Returns what the replica is to be told.
fn change_log(copy: &mut Copy, batches: &[Batch], next: Option<Output>) -> Result<Option<Input>> {
    let Some(log) = &mut copy.log else { return Ok(None) };
    if !batches.is_empty() {
        log.append(batches)?;
    }
    Ok(match next {
        Some(Output::Truncate(end)) => Some(Input::Truncated(log.truncate(end)?)),
        Some(Output::StartAgain(start)) => {
            log.start_again(start)?;
            Some(Input::StartedAgain(start))
        }
        _ => None,
    })
}

/// The number of a broker's copy.
fn at(broker: BrokerId) -> usize {
    broker.0 as usize - 1
}
