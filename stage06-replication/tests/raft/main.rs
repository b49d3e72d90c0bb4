//! The controllers' consensus: its storage as openraft wants it, after crashes, and as a model has it; nodes over loopback,
//! and nodes under faults.
#![cfg(feature = "broker")]

mod cluster;
mod common;
mod conformance;
mod crash;
mod model;
mod seeded;
