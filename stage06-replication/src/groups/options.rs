//! How a coordinator of groups behaves, and where it stops.

use crate::replica::Millis;

/// How a coordinator of groups behaves. The names in brackets are Kafka's. What has none there is a limit all the same:
/// whatever a client says, a coordinator keeps no more than this of it.
#[derive(Clone, Copy, Debug)]
pub struct GroupOptions {
    /// The shortest session that a member may ask for (`group.min.session.timeout.ms`).
    pub session_timeout_min_ms: Millis,
    /// The longest (`group.max.session.timeout.ms`).
    pub session_timeout_max_ms: Millis,
    /// How long an empty group waits for more members when the first one has come (`group.initial.rebalance.delay.ms`).
    pub initial_delay_ms: Millis,
    /// How many members a group has, at most (`group.max.size`).
    pub members_max: usize,
    /// How many protocols a member knows, at most.
    pub protocols_max: usize,
    /// How many bytes a member's metadata has, at most, for all of its protocols together; and so an assignment.
    pub member_bytes_max: usize,
    /// How many bytes the members of all groups of a tablet may make up together.
    pub groups_bytes_max: usize,
    /// How many groups of a tablet may have members, or wait for one.
    pub groups_max: usize,
    /// How many bytes the name of a group, a client, a member or a topic has, at most.
    pub name_bytes_max: usize,
    /// How many bytes a client may write beside an offset (`offset.metadata.max.bytes`).
    pub note_bytes_max: usize,
    /// How many bytes the committed offsets of all groups of a tablet may make up together, with the names that they are
    /// for and the notes beside them.
    pub offsets_bytes_max: usize,
    /// How many bytes one commit may make up, counted as those are.
    pub commit_bytes_max: usize,
    /// How many commits of a tablet's groups may wait for the in-sync replicas.
    pub commits_waiting_max: usize,
    /// How long the offsets of a group are kept that has no members (`offsets.retention.minutes`).
    pub retention_ms: Millis,
    /// After how many records a checkpoint is due, beside as many as there are offsets to write.
    pub checkpoint_records: u64,
}

impl Default for GroupOptions {
    fn default() -> GroupOptions {
        GroupOptions {
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 30 * 60_000,
            initial_delay_ms: 3_000,
            members_max: 1_000,
            protocols_max: 32,
            member_bytes_max: 256 << 10,
            groups_bytes_max: 64 << 20,
            groups_max: 10_000,
            name_bytes_max: 249,
            note_bytes_max: 4_096,
            offsets_bytes_max: 64 << 20,
            commit_bytes_max: 1 << 20,
            commits_waiting_max: 1_000,
            retention_ms: 7 * 24 * 60 * 60_000,
            checkpoint_records: 10_000,
        }
    }
}
