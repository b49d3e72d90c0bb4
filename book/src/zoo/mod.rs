//! The bug zoo: plausible mistakes, each with the test that must find it.
//!
//! In reading order: [`patch`] is one bug, [`exhibit`] finds those of a checkout; [`syncs`] asks whether each sync call is
//! taken away by one. [`workshop`] is a copy of the workspace to plant bugs in, [`packages`] what Cargo knows of it, and
//! [`crew`] the workers with one each. [`trial`] plants each bug and runs the test that must fail; [`score`] runs
//! somebody's own tests instead.

pub mod crew;
pub mod exhibit;
pub mod packages;
pub mod patch;
pub mod score;
pub mod syncs;
pub mod trial;
pub mod workshop;

pub use exhibit::{Exhibit, collect};
