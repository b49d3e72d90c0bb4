//! The workloads that all stages share, on this stage: `cargo bench -p stage05`.

use criterion::{criterion_group, criterion_main};

criterion_group!(log, lab::bench::criterion_suite::<stage05::Stage05>);
criterion_main!(log);
