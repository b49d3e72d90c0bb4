//! The file of measured numbers: `cargo course` writes it, the book and the README read it.
//!
//! ```text
//! { "schema": 1,
//!   "machine": { "processor": "…", "cores": 2, "kernel": "…", "file_system": "ext4", "date": "2025-01-15", … },
//!   "rows": [ { "workload": "append_durable_1", "stage": "floor", "ops_per_second": 2741.3, … }, … ] }
//! ```
//!
//! Two such files matter: `target/course/results.json`, the reader's own, and `book/results/reference.json`, which is
//! checked in.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// The version of this file format. A file with another number is refused, not guessed at.
pub const SCHEMA: u32 = 1;

/// The name under which the machine's own speed is filed, next to the stages: the bare system calls of a workload,
/// without a log around them.
pub const FLOOR: &str = "floor";

/// One run of the measurements on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where and when the numbers were measured.
    pub machine: Machine,
    /// The numbers: by workload in the order of the course, in each the floor first, then the stages.
    pub rows: Vec<Row>,
}

/// What one has to know about a machine to judge its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many threads it runs at once.
    pub cores: usize,
    /// The operating system's kernel and its version.
    pub kernel: String,
    /// The type of the file system that was measured, such as `ext4`.
    pub file_system: String,
    /// The day of the measurement, as `YYYY-MM-DD` (UTC).
    pub date: String,
    /// The compiler.
    pub rustc: String,
    /// Whether the processors were kept awake while the disk worked, so that a sync is not charged for waking them.
    pub awake: bool,
}

/// One workload on one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The workload's name, such as `append_durable_16`.
    pub workload: String,
    /// The stage's package name, or [`FLOOR`].
    pub stage: String,
    /// Operations a second, all producers together.
    pub ops_per_second: f64,
    /// The median duration of one call, in nanoseconds: what a caller waits for, such as a durable append, a batch, a
    /// read, or a whole scan. For the floor, the same amount of work.
    pub p50_ns: f64,
    /// 99 of 100 calls took no longer than this, in nanoseconds.
    pub p99_ns: f64,
    /// How many durations the two percentiles were taken from.
    pub samples: u64,
    /// How many operations were timed in all: records that were appended or read, or logs that were opened.
    pub records: u64,
}

impl Results {
    /// Reads a results file.
    ///
    /// # Errors
    ///
    /// Says which file, what is wrong with it, and how to get a good one.
    pub fn load(path: &Path) -> Result<Results> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read the results {}", path.display()))?;
        Results::parse(&text).with_context(|| {
            format!("{} is not a results file of this course; `cargo course` makes one", path.display())
        })
    }

    fn parse(text: &str) -> Result<Results> {
        // The version first: a file of another version would only give an error about some field.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let Version { schema } = serde_json::from_str(text)?;
        ensure!(schema == SCHEMA, "it has schema {schema}, and this tool reads schema {SCHEMA}");
        let results: Results = serde_json::from_str(text)?;
        for row in &results.rows {
            let numbers = [row.ops_per_second, row.p50_ns, row.p99_ns];
            ensure!(
                numbers.iter().all(|number| number.is_finite() && *number > 0.0),
                "{} of {} has a number that is not above zero: {numbers:?}",
                row.workload,
                row.stage
            );
        }
        Ok(results)
    }

    /// Writes the results, in whole or not at all, making the directory if need be.
    pub fn save(&self, path: &Path) -> Result<()> {
        let write = || -> Result<()> {
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            let aside = path.with_extension("json.tmp");
            fs::write(&aside, serde_json::to_string_pretty(self)? + "\n")?;
            Ok(fs::rename(&aside, path)?)
        };
        write().with_context(|| format!("cannot write the results {}", path.display()))
    }

    /// The names of the workloads, in the order of the file.
    pub fn workloads(&self) -> Vec<&str> {
        in_order(self.rows.iter().map(|row| row.workload.as_str()))
    }

    /// The names of the stages that were measured, in order, without the floor.
    pub fn stages(&self) -> Vec<&str> {
        let mut stages = in_order(self.rows.iter().map(|row| row.stage.as_str()).filter(|stage| *stage != FLOOR));
        stages.sort_unstable();
        stages
    }

    /// The numbers of one workload on one stage.
    pub fn row(&self, workload: &str, stage: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.workload == workload && row.stage == stage)
    }

    /// What the bare machine does in a workload.
    pub fn floor(&self, workload: &str) -> Option<&Row> {
        self.row(workload, FLOOR)
    }

    /// Operations a second of a stage, as a multiple of those of `other`: another stage, or [`FLOOR`].
    pub fn ratio(&self, workload: &str, stage: &str, other: &str) -> Option<f64> {
        Some(self.row(workload, stage)?.ops_per_second / self.row(workload, other)?.ops_per_second)
    }
}

/// Each name once, where it comes first.
fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let row = |workload: &str, stage: &str, ops_per_second| Row {
            workload: workload.into(),
            stage: stage.into(),
            ops_per_second,
            p50_ns: 1e9 / ops_per_second,
            p99_ns: 2e9 / ops_per_second,
            samples: 10,
            records: 10,
        };
        Results {
            schema: SCHEMA,
            machine: Machine {
                processor: "a processor".into(),
                cores: 2,
                kernel: "a kernel".into(),
                file_system: "ext4".into(),
                date: "2025-01-15".into(),
                rustc: "rustc 1.88.0".into(),
                awake: true,
            },
            rows: vec![
                row("append", FLOOR, 1000.0),
                row("append", "stage01", 800.0),
                row("append", "stage02", 8000.0),
                row("scan", FLOOR, 5000.0),
                row("scan", "stage01", 2500.0),
            ],
        }
    }

    #[test]
    fn a_saved_file_comes_back_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("course/results.json");
        results().save(&path).unwrap();
        assert_eq!(Results::load(&path).unwrap(), results());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "the file written aside is still there");
    }

    #[test]
    fn ratios_are_taken_within_a_workload() {
        let results = results();
        assert_eq!(results.ratio("append", "stage02", "stage01"), Some(10.0));
        assert_eq!(results.ratio("scan", "stage01", FLOOR), Some(0.5));
        assert_eq!(results.ratio("scan", "stage02", FLOOR), None);
        assert_eq!(results.workloads(), ["append", "scan"]);
        assert_eq!(results.stages(), ["stage01", "stage02"]);
    }

    #[test]
    fn a_bad_file_is_refused_with_its_name_and_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.json");
        let good = serde_json::to_string(&results()).unwrap();
        let cases = [
            ("not json".to_string(), "expected"),
            (good.replace("\"schema\":1", "\"schema\":7"), "it has schema 7, and this tool reads schema 1"),
            (good.replace("\"cores\":2", "\"sockets\":2"), "unknown field `sockets`"),
            (good.replace("2500.0", "0.0"), "scan of stage01 has a number that is not above zero"),
        ];
        for (text, reason) in cases {
            fs::write(&path, text).unwrap();
            let said = format!("{:#}", Results::load(&path).unwrap_err());
            assert!(said.contains("results.json") && said.contains(reason), "{said}");
        }
        fs::remove_file(&path).unwrap();
        let said = format!("{:#}", Results::load(&path).unwrap_err());
        assert!(said.contains("cannot read the results"), "{said}");
    }
}
