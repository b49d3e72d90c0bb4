//! # The front door: Kafka's protocol

pub mod batch_error;
pub mod record_batch;
