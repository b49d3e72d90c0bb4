//! The bug zoo: plausible mistakes, each with the test that must find it.
//!
//! In reading order: [`patch`] is one bug, [`exhibit`] finds those of a checkout.

pub mod exhibit;
pub mod patch;

pub use exhibit::{Exhibit, collect};
