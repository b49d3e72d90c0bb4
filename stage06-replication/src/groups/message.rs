//! What members say to the coordinator of their group, and what they are told.

use bytes::Bytes;

use crate::replica::RequestId;

/// What a group is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client wants to be a member, or a member says that it is ready for the next generation.
    Join {
        /// How the answer finds it.
        request: RequestId,
        /// What it says of itself.
        join: Join,
    },
    /// A member wants to know what it is to do in this generation.
    Sync {
        /// How the answer finds it.
        request: RequestId,
        /// Who asks.
        caller: Caller,
        /// From the leader of the group: who does what.
        assignments: Vec<(String, Bytes)>,
    },
    /// A member is still there.
    Heartbeat {
        /// How the answer finds it.
        request: RequestId,
        /// Who it is.
        caller: Caller,
    },
    /// A member goes.
    Leave {
        /// How the answer finds it.
        request: RequestId,
        /// Who it is.
        member: String,
    },
    /// Somebody wants to commit offsets. The group says whether they may; what becomes of the offsets is not its affair.
    Commit {
        /// How the answer finds it.
        request: RequestId,
        /// Who it is.
        caller: Caller,
    },
    /// Some time has passed: comes now and then.
    Tick,
    /// Another broker coordinates the group from now on.
    Close,
}

/// What a member says of itself when it joins.
#[derive(Clone, Debug)]
pub struct Join {
    /// The member's id; empty if it has none yet.
    pub member: String,
    /// An id that nobody has, in case it needs one.
    pub fresh_id: String,
    /// Whether an id must be asked for before one is a member (JoinGroup from version 4 on, KIP-394).
    pub asks_for_id_first: bool,
    /// The client, as it calls itself.
    pub client: String,
    /// How long it may be silent.
    pub session_timeout_ms: u64,
    /// How long it may take, when a generation ends, to finish what it does and to join again.
    pub rebalance_timeout_ms: u64,
    /// What the group is for: `consumer`, or anything that its members agree on.
    pub protocol_type: String,
    /// The ways to share the work that it knows, the best first.
    pub protocols: Vec<Protocol>,
}

/// A way to share the work that a member knows, and what the group's leader has to know of the member for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name.
    pub name: String,
    /// For a consumer: the topics that it wants. The coordinator does not look into it.
    pub metadata: Bytes,
}

/// Who says that they are in which generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The member's id.
    pub member: String,
    /// The generation. Below 0 for a client that commits offsets and is a member of nothing.
    pub generation: i32,
}

/// An answer, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The request.
    pub request: RequestId,
    /// What came of it.
    pub answer: Result<Answer, GroupError>,
}

/// What a group answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// You are a member of this generation.
    Joined(Joined),
    /// This is your id: join with it.
    NewId(String),
    /// This is what you do, in the words of the leader.
    Assignment(Bytes),
    /// All is well.
    Done,
}

/// A generation, as it is told to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its number.
    pub generation: i32,
    /// The way to share the work.
    pub protocol: String,
    /// Who shares it out.
    pub leader: String,
    /// The member.
    pub member: String,
    /// For the leader: all members, and what each says of itself. For others: none.
    pub members: Vec<(String, Bytes)>,
}

/// Why a coordinator does not do what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// Another broker coordinates the group.
    #[error("this broker does not coordinate the group")]
    NotCoordinator,
    /// The broker has begun to coordinate the group, and reads its offsets.
    #[error("the offsets of the group are still being read")]
    LoadInProgress,
    /// Nobody coordinates the group, or nobody can: there are too few replicas, or a limit is reached.
    #[error("the group has no coordinator that can do this now")]
    NotAvailable,
    /// The group's name is empty or too long.
    #[error("a group cannot have this name")]
    InvalidGroup,
    /// The session is too short or too long.
    #[error("the session is too short or too long")]
    InvalidSessionTimeout,
    /// The member knows no way to share the work that all the others know too, or is of another kind.
    #[error("the member has no protocol in common with the group")]
    InconsistentProtocol,
    /// Nobody of this name is a member: it never was, or was not heard of for too long.
    #[error("the group has no such member")]
    UnknownMember,
    /// The generation is over.
    #[error("the group is in another generation")]
    IllegalGeneration,
    /// The generation ends: finish, and join again.
    #[error("the members of the group are about to change")]
    RebalanceInProgress,
    /// There are as many members as there may be.
    #[error("the group is full")]
    GroupFull,
    /// What is to be kept is too large.
    #[error("this is more than is kept of a member, or beside an offset")]
    TooLarge,
    /// What is asked for is not supported: members with names of their own (`group.instance.id`, KIP-345).
    #[error("static membership is not supported")]
    Unsupported,
}
