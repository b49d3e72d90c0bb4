//! A broker of the simulator: a disk, and now and then a process.

use fastrand::Rng;
use stage05::Offset;

use super::memory_log::MemoryLog;
use crate::ids::{BrokerEpoch, BrokerId};
use crate::log_ends::Flush;
use crate::replica::{Identity, Millis, Replica, ReplicaOptions};
use crate::replica_log::ReplicaLog;
use crate::session::Session;
use crate::tablet::TabletId;

/// How often a broker looks whether anything is due.
pub(crate) const TICK_MS: Millis = 50;

const HEARTBEAT_MS: Millis = 300;

pub(crate) struct Broker {
    pub(crate) id: BrokerId,
    pub(crate) log: MemoryLog,
    pub(crate) process: Option<Process>,
    /// How many processes there were.
    pub(crate) starts: u64,
    /// The last process was ended in order, with everything synced.
    pub(crate) was_shut_down: bool,
    /// Since which of its starts nothing was lost.
    intact_since: u64,
    /// It may have lost what it had promised, and has not been in sync since.
    pub(crate) is_lossy: bool,
    /// It does nothing until then.
    pub(crate) paused_until: Millis,
    clock: Clock,
}

/// A clock that is wrong.
struct Clock {
    per_mille: u64,
    ahead_ms: Millis,
}

/// A broker that runs.
pub(crate) struct Process {
    pub(crate) session: Session,
    pub(crate) replica: Option<Replica>,
}

impl Broker {
    pub(crate) fn new(id: BrokerId, random: &mut Rng) -> Broker {
        let clock = Clock { per_mille: random.u64(800..=1250), ahead_ms: random.u64(0..100_000) };
        Broker {
            id,
            log: MemoryLog::default(),
            process: None,
            starts: 0,
            was_shut_down: false,
            intact_since: 1,
            is_lossy: false,
            paused_until: 0,
            clock,
        }
    }

    /// What its clock says.
    pub(crate) fn clock(&self, now: Millis) -> Millis {
        self.clock.ahead_ms + now * self.clock.per_mille / 1000
    }

    /// Starts a process.
    pub(crate) fn start(&mut self, flush: Flush) {
        self.starts += 1;
        if !std::mem::take(&mut self.was_shut_down) {
            self.intact_since = self.starts;
        }
        let intact_since = if flush == Flush::Sync { 0 } else { self.intact_since };
        // What the page cache has kept over a kill is synced by whoever opens the log, before anything is served (L4).
        self.log.sync().expect("a log in memory");
        let session = Session::new(self.id, self.starts, intact_since, HEARTBEAT_MS, self.id.to_string());
        self.process = Some(Process { session, replica: None });
    }

    /// The broker is registered, and opens its tablet.
    pub(crate) fn open(&mut self, life: BrokerEpoch, flush: Flush) {
        let identity = Identity { broker: self.id, life, tablet: tablet() };
        let epochs = self.log.epochs().expect("a log in memory");
        let replica = Replica::new(identity, options(flush), self.log.start(), self.log.end(), epochs);
        if let Some(process) = &mut self.process {
            process.replica = Some(replica);
        }
    }

    pub(crate) fn replica(&self) -> Option<&Replica> {
        self.process.as_ref()?.replica.as_ref()
    }

    /// The life that its process has, if it has one.
    pub(crate) fn life(&self) -> Option<BrokerEpoch> {
        self.process.as_ref()?.session.life()
    }

    /// Its log, in words.
    pub(crate) fn log_ends(&self) -> String {
        let watermark = self.replica().map_or("unknown".into(), |replica| replica.high_watermark().to_string());
        format!("{}: {} to {}, watermark {watermark}", self.id, self.log.start(), self.log.end())
    }

    /// Everything in front of this one would survive a power cut.
    pub(crate) fn durable_end(&self) -> Offset {
        self.log.durable_end()
    }
}

/// The tablet that is simulated.
pub(crate) fn tablet() -> TabletId {
    TabletId { topic: "simulated".into(), partition: 0 }
}

fn options(flush: Flush) -> ReplicaOptions {
    ReplicaOptions {
        flush,
        replica_lag_max_ms: 1_000,
        ack_timeout_ms: 2_000,
        resend_ms: 400,
        backoff_ms: 30,
        refused_ms: 1_000,
        flush_interval_ms: 200,
    }
}
