//! The workloads that all stages share, on this stage: `cargo bench -p stage01`.

use criterion::{criterion_group, criterion_main};

criterion_group!(log, lab::bench::criterion_suite::<stage01::Stage01>);
criterion_main!(log);
