//! Whole brokers, in one process: what no state machine alone can show.

mod cluster;
mod failover;
mod groups;
mod watermark;
