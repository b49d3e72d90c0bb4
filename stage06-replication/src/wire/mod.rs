//! # The front door: Kafka's protocol
