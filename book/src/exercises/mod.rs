//! The exercises: a stage with some of its bodies taken out, the tests that judge each part, and hints.
//!
//! In reading order: [`spec`] (what a stage's `exercises.toml` says), [`course`] (where things are), [`subtract`]
//! (bodies taken out and put back), [`manifest`] and [`starter`] (the learner's workspace), [`state`] (what is
//! remembered there), [`build`] and [`runner`] (tests, each in a process of its own), [`verdict`] and
//! [`explain`] (what came of them) and [`gates`] (the proof that the exercises of a stage are sound).

pub mod build;
pub mod course;
pub mod explain;
#[cfg(feature = "reference")]
pub mod gates;
mod groups;
#[cfg(feature = "reference")]
pub mod manifest;
mod output;
pub mod runner;
pub mod spec;
#[cfg(feature = "reference")]
pub mod starter;
pub mod state;
pub mod subtract;
pub mod verdict;
