//! What clients ask a coordinator, and what it replies.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::message::{Answer, Caller, GroupError, Join};
use super::record::Committed;

/// A partition of a topic, by name and number.
pub type Partition = (String, u32);

/// What a client asks the coordinator of its group.
#[derive(Clone, Debug)]
pub enum Question {
    /// See [`Input::Join`](super::message::Input::Join).
    Join(Join),
    /// See [`Input::Sync`](super::message::Input::Sync).
    Sync(Caller, Vec<(String, Bytes)>),
    /// See [`Input::Heartbeat`](super::message::Input::Heartbeat).
    Heartbeat(Caller),
    /// See [`Input::Leave`](super::message::Input::Leave).
    Leave(String),
    /// Keep these offsets. The reply comes when all in-sync replicas have them.
    Commit(Caller, Vec<(Partition, Committed)>),
    /// How far is the group in these partitions, or in all?
    Fetch(Option<Vec<Partition>>),
    /// Who is in the group?
    Describe,
    /// Which groups are there, of those that are kept in the same tablet?
    List,
}

/// What a coordinator replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What the group answers. To a commit: [`Answer::Done`].
    Answer(Answer),
    /// To [`Question::Fetch`]: how far the group is, or that it has committed nothing.
    Offsets(Vec<(Partition, Option<Committed>)>),
    /// To [`Question::Describe`].
    Description(Description),
    /// To [`Question::List`]: names, and what the groups are for.
    Groups(Vec<(String, String)>),
}

/// A group as it is at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// What it is doing, by Kafka's name.
    pub state: &'static str,
    /// What it is for.
    pub protocol_type: String,
    /// How it shares the work.
    pub protocol: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub id: String,
    /// The client, as it calls itself.
    pub client: String,
    /// What it says of itself.
    pub metadata: Bytes,
    /// What it does.
    pub assignment: Bytes,
}

/// A question on its way, and where the reply goes.
#[derive(Debug)]
pub struct Call {
    /// The group that it is about.
    pub group: String,
    /// The question.
    pub question: Question,
    /// Where the reply goes. If it is dropped, the coordinator has ended: that says [`GroupError::NotCoordinator`].
    pub reply: oneshot::Sender<Result<Reply, GroupError>>,
}

impl Call {
    /// Answers. Whoever has asked may be gone; then nobody is told.
    pub fn answer(self, reply: Result<Reply, GroupError>) {
        let _ = self.reply.send(reply);
    }
}
