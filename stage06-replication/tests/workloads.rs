//! Every workload of the benchmarks, tiny, so that none rots.

/// Each workload of the benchmarks runs on this stage, in little.
#[test]
fn every_workload_runs() {
    lab::workloads::all_tiny::<stage06::Stage06>();
}
