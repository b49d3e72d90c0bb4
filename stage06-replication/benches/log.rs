//! The workloads that all stages share, on this stage: `cargo bench -p stage06`.

use criterion::{criterion_group, criterion_main};

criterion_group!(log, lab::bench::criterion_suite::<stage06::Stage06>);
criterion_main!(log);
