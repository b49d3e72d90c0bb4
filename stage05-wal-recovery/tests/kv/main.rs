//! The key-value store: what it holds is what was written, whatever happens in between.
#![allow(unreachable_pub, reason = "its files share what is in `common`")]

mod checkpoint;
mod common;
mod crash;
mod failure;
mod model;
mod recovery;
mod run;
mod store;
mod threads;
