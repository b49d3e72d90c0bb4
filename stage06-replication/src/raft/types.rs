//! The types that the consensus engine is told to work with.

use std::io::Cursor;

use openraft::BasicNode;

use super::runtime::Runtime;
use crate::controller::{Command, Reply};

openraft::declare_raft_types!(
    /// What openraft replicates here: the controller's commands. A node has a broker's number, and is found at an
    /// address. A snapshot is one piece of bytes: the controller's state is small.
    pub TypeConfig:
        D = Command,
        R = Reply,
        NodeId = u64,
        Node = BasicNode,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = Runtime,
);

/// A controller's number: its broker's.
pub type NodeId = u64;
/// A place in the replicated log, and the leader that put the entry there.
pub type LogId = openraft::LogId<NodeId>;
/// A term, and for whom this node votes in it. Raft stands on it that no vote is ever taken back.
pub type Vote = openraft::Vote<NodeId>;
/// An entry of the replicated log.
pub type Entry = openraft::Entry<TypeConfig>;
/// Who takes part, and the entry that says so.
pub type StoredMembership = openraft::StoredMembership<NodeId, BasicNode>;
/// What a snapshot holds.
pub type SnapshotMeta = openraft::SnapshotMeta<NodeId, BasicNode>;
/// A snapshot, as openraft sends it.
pub type Snapshot = openraft::Snapshot<TypeConfig>;
/// What openraft is told when the disk fails. It stops the node then, and that is right.
pub type StorageError = openraft::StorageError<NodeId>;
/// A node of the consensus, running.
pub type Raft = openraft::Raft<TypeConfig>;
