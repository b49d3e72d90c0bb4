//! The workloads that all stages share, on this stage: `cargo bench -p stage03`.

use criterion::{criterion_group, criterion_main};

criterion_group!(log, lab::bench::criterion_suite::<stage03::Stage03>);
criterion_main!(log);
