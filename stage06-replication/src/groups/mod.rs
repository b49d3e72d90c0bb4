//! # Consumer groups: who reads what, and how far they are
//!
//! Consumers that share the partitions of a topic are a group. One broker coordinates it: it knows who is a member, has one
//! of the members share out the work, and keeps how far the group has come. It does not know what the work is. That is
//! Kafka's classic protocol, the one that its clients have spoken since version 0.9.
//!
//! What has to survive the coordinator is in a topic of its own, `__consumer_offsets`, replicated like any other: the
//! leader of a partition of it coordinates the groups whose offsets are there. What need not survive is in its memory.
//!
//! ## What it promises
//!
//! - **O1** A committed offset that was acknowledged is known to every later coordinator, and does not go back by a change
//!   of coordinators.
//! - **O2** Whoever is in a generation that is over commits nothing.
//! - **O3** The members of a generation are told the same of it, and each gets the work that its leader has said.
//! - **O4** Whoever asks is answered, and within a bounded time.
//! - **O5** Whatever clients say, a coordinator keeps no more of it than its options allow.
//!
//! ## What it does not promise
//!
//! A record may be processed twice: by the member that had it, and could not commit any more, and by the one that has it
//! now. Members have no names of their own (KIP-345): a member that is started anew is another one, and whoever asks for
//! such a name is refused. A coordinator that has lost its followers and does not know it yet answers with the offsets that
//! it has; no commit to it is acknowledged.
//!
//! ## Reading order
//!
//! Members: [`options`], [`message`], `member`, [`group`] (if you read one file, read this one), `rebalance`. Offsets:
//! [`record`], [`batch`], [`offsets`]. The two together: [`log`], [`question`], [`coordinator`], `reign`, `calls`,
//! `checkpoint`, [`service`].

pub mod batch;
mod calls;
mod checkpoint;
pub mod coordinator;
pub mod group;
pub mod log;
mod member;
pub mod message;
pub mod offsets;
pub mod options;
pub mod question;
mod rebalance;
pub mod record;
mod reign;
pub mod service;
