//! The durability spectrum, under the names of systems that stand on it.
//!
//! All of them append to a log and then answer. They differ in what has happened to the record by then:
//!
//! | preset | an answer means | a kill takes | a power cut takes |
//! |---|---|---|---|
//! | [`PostgresLike`](Preset::PostgresLike) | synced, in a sync that is shared | nothing | nothing |
//! | [`RocksDbLike`](Preset::RocksDbLike), `sync: true` | synced, in a sync that is shared | nothing | nothing |
//! | [`RocksDbLike`](Preset::RocksDbLike), `sync: false` | written | nothing | what was answered since anybody's last sync |
//! | [`Interval`](Preset::Interval) | written | nothing | what was answered in the last interval |
//! | [`KafkaLike`](Preset::KafkaLike) | written | nothing | what the operating system had not yet written out |
//!
//! A *kill* ends the process: the page cache stays, and so does whatever was handed to it. A *power cut* ends the
//! machine, and with it the page cache. What is lost is always the end: the log never loses a record from its middle.
//!
//! The presets say when the disk is asked, and nothing else. `Like` is meant: Kafka answers for several machines, and
//! this log for one.

use std::time::Duration;

use stage04::{Durability, Options};

use crate::kv::WriteOptions;

/// A place on the spectrum. From top to bottom each is faster, and loses more when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// PostgreSQL with `synchronous_commit = on` and `fsync = on`, its defaults: a commit is answered when the log is
    /// synced up to it, and all commits that wait share the sync. So are etcd, SQLite with `synchronous = FULL`, and
    /// MySQL with `innodb_flush_log_at_trx_commit = 1`.
    PostgresLike,
    /// RocksDB: each write says whether it waits for a sync, by `WriteOptions::sync`, which is `false` by default. One
    /// that waits makes all writes in front of it durable, too.
    RocksDbLike,
    /// A sync after so much time, and answers do not wait for it: Redis with `appendfsync everysec`. PostgreSQL with
    /// `synchronous_commit = off` is near: its log writer syncs every [`WAL_WRITER_DELAY`]. But it answers before the
    /// record has left the server's own memory, so that a crash of the server takes it as a power cut does, and its
    /// documentation puts the loss at up to three times the delay.
    Interval(Duration),
    /// Kafka with `flush.messages` and `flush.ms` as they are by default: the log is written, and when it reaches the
    /// disk is left to the operating system. Linux looks every five seconds (`vm.dirty_writeback_centisecs`) and writes
    /// what has waited for thirty (`vm.dirty_expire_centisecs`). What Kafka relies on are its replicas (`acks = all`,
    /// `min.insync.replicas`), which have the record in *their* page caches.
    KafkaLike,
}

/// PostgreSQL's `wal_writer_delay`, as it is by default.
pub const WAL_WRITER_DELAY: Duration = Duration::from_millis(200);

impl Preset {
    /// All of them, with an interval that people use.
    pub const ALL: [Preset; 4] =
        [Preset::PostgresLike, Preset::RocksDbLike, Preset::Interval(WAL_WRITER_DELAY), Preset::KafkaLike];

    /// How group commit is to be set for a log of this kind.
    ///
    /// A `RocksDbLike` log answers when it is written, and whoever wants more calls `sync` behind it. A store does that
    /// for each write that asks: see [`Preset::write_options`].
    pub fn options(self) -> Options {
        Options::with_durability(match self {
            Preset::PostgresLike => Durability::PerGroup,
            Preset::Interval(interval) => Durability::Interval(interval),
            Preset::RocksDbLike | Preset::KafkaLike => Durability::OperatingSystem,
        })
    }

    /// How a write to a [`KvStore`](crate::kv::KvStore) of this kind is to be answered, where `is_precious` is what the
    /// program knows of it: a payment is, a click is not. Only `RocksDbLike` asks.
    ///
    /// With `Interval`, the program has to call [`KvStore::sync`](crate::kv::KvStore::sync) so often: the store has no
    /// thread for it.
    pub fn write_options(self, is_precious: bool) -> WriteOptions {
        WriteOptions {
            sync: match self {
                Preset::PostgresLike => true,
                Preset::RocksDbLike => is_precious,
                Preset::Interval(_) | Preset::KafkaLike => false,
            },
        }
    }
}
