//! # The front door: Kafka's protocol
//!
//! Clients and followers come to one port and speak Kafka's protocol, so that every Kafka client is one of ours. The messages
//! are those of the kafka-protocol crate. What is here is what a broker must do itself: believe nobody, bound everything,
//! answer in order, and close what cannot be answered.
//!
//! ## What it promises
//!
//! - **W1** No bytes that anybody sends make it panic, or take memory that is not bounded by [`ServerOptions`].
//! - **W2** Answers come in the order of their requests. `acks=0` has none.
//! - **W3** Batches of one connection are appended to a tablet in the order in which they were sent.
//! - **W4** A consumer sees nothing behind the high watermark.
//! - **W5** What a producer sent comes to the consumer bit for bit, but for offset and epoch.
//! - **W6** One connection, whatever becomes of it, is no other's trouble.
//!
//! It does not encrypt, and asks nobody who he is: TLS and SASL are out of this stage's scope.
//!
//! ## Reading order
//!
//! How bytes become requests: [`frame`], [`pool`], [`versions`], [`shape`] and `layouts`, [`request`], [`response`]. Batches:
//! [`record_batch`], [`batch_error`], [`records`], [`batch_check`]. The server: [`server`], `connection`, `context`, and
//! `handlers`. Followers: `replica_fetch`, [`client`].

pub mod batch_check;
pub mod batch_error;
pub mod client;
mod connection;
mod context;
pub mod frame;
mod handlers;
mod layouts;
pub mod pool;
pub mod record_batch;
pub mod records;
mod replica_fetch;
pub mod request;
pub mod response;
pub mod server;
pub mod shape;
pub mod versions;

pub use client::ReplicaClient;
pub use server::{Server, ServerOptions};
