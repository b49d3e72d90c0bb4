//! Every workload of the benchmarks, tiny, so that none rots.

/// Every workload of the benchmarks runs, with sizes so small that it takes no time.
#[test]
fn every_workload_runs() {
    lab::workloads::all_tiny::<stage02::Stage02>();
}
