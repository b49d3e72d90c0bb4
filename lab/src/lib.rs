//! # The laboratory
//!
//! Where the logs of the course are put to the test, all of them by the same means.
//!
//! - [`records`]: the records of all tests; [`random`]: random numbers that are the same every time.
//! - [`disks`]: disks for tests; [`meter`]: a disk that counts; [`watchdog`]: a limit on a test that could hang.
//! - [`contract`](mod@contract): what every log has to do, one suite for all stages.

pub mod contract;
pub mod disks;
pub mod meter;
pub mod random;
pub mod records;
pub mod sim;
pub mod watchdog;
