//! A tablet's log on disk: against a model, in every crash, with every bit flipped.

mod batches;
mod bits;
mod crash;
mod faults;
mod life;
mod model;
mod producers;
mod refused;
mod snapshot_files;
mod snapshots;
