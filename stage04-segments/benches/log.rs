//! The workloads that all stages share, on this stage: `cargo bench -p stage04`.

use criterion::{criterion_group, criterion_main};

criterion_group!(log, lab::bench::criterion_suite::<stage04::Stage04>);
criterion_main!(log);
