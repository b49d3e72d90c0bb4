//! # The demonstration
//!
//! Three brokers, each a process of its own. Records are produced to them; whoever leads is killed, in the middle; and in
//! the end every record that was acknowledged is looked for, where it was said to be.
//!
//! [`processes`] starts and kills; [`timeline`] prints; [`script`] is what happens.

pub mod processes;
pub mod script;
pub mod timeline;

pub use script::{DemoOptions, run};
