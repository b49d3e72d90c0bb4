//! The book, and the tool that builds it.
//!
//! Without the feature `reference` there is only what a learner's copy of a stage needs: [`learn`].

#[cfg(feature = "reference")]
mod claim;
#[cfg(feature = "reference")]
pub mod classroom;
#[cfg(feature = "reference")]
mod date;
pub mod exercises;
#[cfg(feature = "reference")]
pub mod figures;
#[cfg(feature = "reference")]
mod html;
pub mod learn;
pub mod paths;
#[cfg(feature = "reference")]
pub mod press;
pub mod progress;
#[cfg(feature = "reference")]
pub mod results;
// A learner's tool finds functions; the press quotes them, too.
#[cfg_attr(not(feature = "reference"), allow(dead_code))]
mod source;
#[cfg(feature = "reference")]
pub mod tool;
#[cfg(feature = "reference")]
mod workers;
#[cfg(feature = "reference")]
pub mod zoo;
