//! The bug zoo: plausible mistakes, each with the test that must find it.
//!
//! [`patch`] is one bug.

pub mod patch;
