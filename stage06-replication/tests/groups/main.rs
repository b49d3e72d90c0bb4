//! Consumer groups: who is a member, what is committed, and what a coordinator makes of both.

mod coordinator;
mod failover;
mod fencing;
mod generations;
mod members;
mod memory_log;
mod model;
mod offsets;
mod records;
mod world;
