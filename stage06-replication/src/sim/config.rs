//! What is simulated: the shape of the cluster, and how bad its days are.

use fastrand::Rng;

use crate::log_ends::Flush;
use crate::replica::Millis;

/// The shape of a cluster, and what may happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// What it is called.
    pub name: &'static str,
    /// How many brokers there are; all of them keep the tablet.
    pub replicas: u32,
    /// See [`TabletState::min_insync_replicas`](crate::tablet::TabletState::min_insync_replicas).
    pub min_insync_replicas: usize,
    /// When a replica says that it has a record.
    pub flush: Flush,
    /// How many brokers at a time may have lost what they had said that they have. One that acknowledges after its sync
    /// never does.
    pub lossy_max: u32,
    /// Whether somebody is made to lead when nobody can without a loss.
    pub elects_unclean: bool,
    /// Whether producers count their batches, send each again until it is acknowledged, and have several on the way.
    pub counts: bool,
    /// How many of the last records retention leaves there. A producer whose last batch it has given up is forgotten: of one
    /// that sends a batch again for longer than that, nothing can be said.
    pub retained: u64,
    /// How long things go wrong, in simulated milliseconds.
    pub faults_ms: Millis,
    /// How long the cluster may take to be whole again afterwards.
    pub healing_ms: Millis,
}

impl Config {
    /// The five that every change is tried on.
    pub const ALL: [Config; 5] = [
        Config::new("3 replicas, 2 in sync", 3, 2, Flush::Sync, 3, false),
        Config::new("5 replicas, 3 in sync", 5, 3, Flush::Sync, 5, false),
        Config::new("3 replicas, 2 in sync, synced later", 3, 2, Flush::Async, 1, false),
        Config::new("5 replicas, 3 in sync, synced later", 5, 3, Flush::Async, 2, false),
        Config::new("3 replicas, 1 in sync", 3, 1, Flush::Sync, 3, false),
    ];

    /// Two in which producers count their batches.
    pub const COUNTING: [Config; 2] = [
        Config::new("3 replicas, 2 in sync, producers count", 3, 2, Flush::Sync, 3, false).counting(),
        Config::new("3 replicas, 2 in sync, synced later, producers count", 3, 2, Flush::Async, 1, false).counting(),
    ];

    /// Two that promise more than they can keep: a simulator that finds no loss in them is blind.
    pub const CONTROLS: [Config; 2] = [
        Config::new("3 replicas, 2 in sync, synced later, and all lose power", 3, 2, Flush::Async, 3, true),
        Config::new("3 replicas, 1 in sync, synced later", 3, 1, Flush::Async, 1, true),
    ];

    const fn new(
        name: &'static str,
        replicas: u32,
        min_insync_replicas: usize,
        flush: Flush,
        lossy_max: u32,
        elects_unclean: bool,
    ) -> Config {
        Config {
            name,
            replicas,
            min_insync_replicas,
            flush,
            lossy_max,
            elects_unclean,
            counts: false,
            retained: 20,
            faults_ms: 15_000,
            healing_ms: 20_000,
        }
    }

    const fn counting(self) -> Config {
        Config { counts: true, retained: 200, ..self }
    }
}

/// How likely each kind of trouble is in one run. Some runs have much of one kind and nothing of another: bugs hide in
/// combinations that an average day never has (swarm testing, Groce and others, 2012).
#[derive(Clone, Copy, Debug)]
pub struct Swarm {
    /// Of a thousand messages, so many are lost.
    pub lost: u32,
    /// Of a thousand messages, so many come twice.
    pub doubled: u32,
    /// Of a thousand messages, so many come very late.
    pub late: u32,
    /// How late those may come.
    pub late_ms: Millis,
    /// How long a sync takes at most.
    pub sync_ms: Millis,
    /// The time between two strokes of fate, on average.
    pub stroke_ms: Millis,
    /// How often each kind of stroke falls, in proportion to the others.
    pub weights: [u32; 10],
    /// The time between two batches of a producer, on average.
    pub produce_ms: Millis,
}

impl Swarm {
    /// The swarm of a seed.
    pub fn of(random: &mut Rng) -> Swarm {
        let some = |random: &mut Rng, most: u32| if random.bool() { random.u32(0..=most) } else { 0 };
        let lost = some(random, 80);
        let doubled = some(random, 80);
        let late = some(random, 100);
        let weights = std::array::from_fn(|_| some(random, 10));
        Swarm {
            lost,
            doubled,
            late,
            late_ms: random.u64(50..2_000),
            sync_ms: if random.bool() { 5 } else { random.u64(5..300) },
            stroke_ms: random.u64(150..1_500),
            weights,
            produce_ms: random.u64(20..150),
        }
    }
}
