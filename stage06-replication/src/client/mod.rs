//! # A client of one's own
//!
//! Stock clients talk to the broker, and that is what they are for. This one is as small as it can be: enough for the
//! demonstration and the measurements, which must not need anything that is installed elsewhere, and enough to see what a
//! client does. [`connection`] speaks Kafka's protocol, [`producer`] sends until it is acknowledged, [`consumer`] reads.

pub mod connection;
pub mod consumer;
pub mod producer;

pub use connection::{Connection, Leadership};
pub use consumer::read_all;
pub use producer::Producer;
