//! Every workload of the benchmarks, tiny, so that none rots.

#[test]
fn every_workload_runs() {
    lab::workloads::all_tiny::<stage03::Stage03>();
}
