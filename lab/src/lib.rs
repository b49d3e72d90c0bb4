//! # The laboratory
//!
//! Where the logs of the course are put to the test, all of them by the same means.
//!
//! - [`records`]: the records of all tests.

pub mod records;
