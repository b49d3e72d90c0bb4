//! `cargo course compare`, on result files as criterion writes them.

use std::fs;
use std::path::Path;

use book::tool::compare::compare;
use serde_json::json;

/// The three files of one benchmark: ten samples that take 1, 2, … 10 times `iteration_ns`, and a headline.
fn criterion_writes(root: &Path, group: &str, function: &str, throughput: serde_json::Value, iteration_ns: f64) {
    let directory = root.join(group).join(function).join("new");
    fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, value: serde_json::Value| fs::write(directory.join(name), value.to_string()).unwrap();
    let id = format!("{group}/{function}");
    write(
        "benchmark.json",
        json!({"group_id": group, "function_id": function, "value_str": null, "throughput": throughput,
               "full_id": id, "directory_name": id, "title": id}),
    );
    let estimate = json!({"confidence_interval": {"confidence_level": 0.95, "lower_bound": 1.0, "upper_bound": 2.0},
                          "point_estimate": iteration_ns, "standard_error": 0.1});
    write(
        "estimates.json",
        json!({"mean": estimate, "median": estimate, "median_abs_dev": estimate, "slope": null, "std_dev": estimate}),
    );
    let times: Vec<f64> = (1..=10).map(|number| f64::from(number) * 3.0 * iteration_ns).collect();
    write("sample.json", json!({"sampling_mode": "Flat", "iters": vec![3.0; 10], "times": times}));
}

#[test]
fn stages_are_laid_side_by_side_with_their_ratios() {
    let root = tempfile::tempdir().unwrap();
    let records = |count: u64| json!({"Elements": count});
    criterion_writes(root.path(), "scan", "stage01", records(1000), 1e6);
    criterion_writes(root.path(), "append_durable_16", "stage02", records(16), 2e6);
    criterion_writes(root.path(), "append_durable_16", "stage01", records(16), 16e6);
    criterion_writes(root.path(), "floor", "fdatasync", records(1), 0.8e6);
    criterion_writes(root.path(), "floor", "sequential_read", json!({"Bytes": 1_000_000}), 1e6);
    fs::create_dir_all(root.path().join("report")).unwrap();
    let expected = "\
append_durable_16
           per second      p50      p99  to previous  to floor
  floor        1.25 k  4.00 ms  8.00 ms                         ███▊
  stage01      1.00 k  80.0 ms   160 ms                  0.80x  ███
  stage02      8.00 k  10.0 ms  20.0 ms         8.0x      6.4x  ████████████████████████

scan
           per second      p50      p99  to previous  to floor
  floor        10.0 M   500 µs  1.00 ms                         ████████████████████████
  stage01      1.00 M  5.00 ms  10.0 ms                  0.10x  ██▍

";
    assert_eq!(compare(root.path()).unwrap(), expected);
}

#[test]
fn without_results_the_reader_is_told_how_to_get_some() {
    let root = tempfile::tempdir().unwrap();
    for directory in [root.path().to_owned(), root.path().join("missing")] {
        let said = compare(&directory).unwrap_err().to_string();
        assert!(said.contains("no benchmark results") && said.contains("cargo course bench"), "{said}");
    }
}

#[test]
fn a_file_that_criterion_did_not_write_is_named() {
    let root = tempfile::tempdir().unwrap();
    criterion_writes(root.path(), "scan", "stage01", serde_json::Value::Null, 1e6);
    for broken in ["estimates.json", "sample.json", "benchmark.json"] {
        let path = root.path().join("scan/stage01/new").join(broken);
        let whole = fs::read_to_string(&path).unwrap();
        for bytes in ["", "{}", &whole[..whole.len() / 2]] {
            fs::write(&path, bytes).unwrap();
            let said = format!("{:#}", compare(root.path()).unwrap_err());
            assert!(said.contains(broken) && said.contains("run the benchmark again"), "{said}");
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(compare(root.path()).is_ok());
}
