//! The workloads that all stages share, on this stage: `cargo bench -p stage02`.

use criterion::{criterion_group, criterion_main};

criterion_group!(log, lab::bench::criterion_suite::<stage02::Stage02>);
criterion_main!(log);
