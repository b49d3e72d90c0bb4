//! # The laboratory
//!
//! Where the logs of the course are put to the test, all of them by the same means. In reading order:
//!
//! - [`records`]: the records of all tests; [`random`]: random numbers that are the same every time.
//! - [`sim`]: a disk in memory that forgets what was not synced; [`crash`]: a log, crashed at every operation.
//! - [`disks`]: disks for tests; [`meter`]: a disk that counts; [`watchdog`]: a limit on a test that could hang.
//! - `contract`: what every log has to do, one suite for all stages (with the feature `testing`).
//! - [`promises`](mod@promises): what a log may promise, and for each promise that it breaks, the loss.
//! - [`faults`]: every operation goes wrong in turn; [`bits`]: every bit is flipped in turn.
//! - [`soak`]: a day of random traffic, upkeep and crashes; [`spectrum`]: what a power cut takes of what was answered.
//! - [`kill`](mod@kill): a real process, killed while it appends.
//! - [`workloads`]: what is timed; [`floor`]: what this machine can do at best; [`awake`]: no processor sleeps meanwhile;
//!   [`measure`](mod@measure): a rate and two percentiles; `bench`: the same in criterion (`testing`).

pub mod awake;
#[cfg(feature = "testing")]
pub mod bench;
pub mod bits;
#[cfg(feature = "testing")]
pub mod contract;
pub mod crash;
pub mod disks;
pub mod faults;
pub mod floor;
pub mod kill;
pub mod measure;
pub mod meter;
pub mod promises;
pub mod random;
pub mod records;
pub mod sim;
pub mod soak;
pub mod spectrum;
pub mod watchdog;
pub mod workloads;

#[doc(hidden)]
pub use stage01::Promise;
