//! The front door: what comes through it, and what does not.
#![cfg(feature = "broker")]

mod batches;
mod broker;
mod connections;
mod followers;
mod frames;
mod groups;
mod hostile;
mod requests;
mod versions;
mod waiting;
