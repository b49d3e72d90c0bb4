//! # Consumer groups: who reads what, and how far they are
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
