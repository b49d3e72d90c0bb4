//! # The front door: Kafka's protocol

pub mod batch_error;
pub mod client;
pub mod record_batch;
pub mod server;

pub use client::ReplicaClient;
pub use server::{Server, ServerOptions};
