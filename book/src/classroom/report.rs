//! The report on a student's work.
//!
//! It is a JSON document in the form that Gradescope reads from `results.json`; other autograders take the same fields,
//! or need the few that are under `scores`, as Autolab does.
//!
//! | field | what |
//! |---|---|
//! | `score`, `max_score` | the points, and how many there are |
//! | `execution_time` | seconds that building and testing took |
//! | `output` | the summary that the command prints |
//! | `tests` | one for each part, and one for everything else that the stage promises |
//! | `tests[].number`, `name` | `2.1` and the title of the part |
//! | `tests[].score`, `max_score` | its points |
//! | `tests[].status` | `passed` or `failed` |
//! | `tests[].output` | how many tests passed, and the first failure in plain words |
//! | `scores` | the points of each part by its number |
//! | `extra_data` | `schema` (1), `stage`, and `seed`, by which the same crash states are drawn again |

use std::collections::BTreeMap;

use serde::Serialize;

/// The version of this form.
pub const SCHEMA: u32 = 1;

/// The report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The points.
    pub score: u32,
    /// The most there are.
    pub max_score: u32,
    /// How long it took, in seconds.
    pub execution_time: u64,
    /// The summary.
    pub output: String,
    /// Always `text`.
    pub output_format: &'static str,
    /// Part by part.
    pub tests: Vec<Mark>,
    /// The points of each part.
    pub scores: BTreeMap<String, u32>,
    /// What one needs to do it again.
    pub extra_data: Extra,
}

/// What one part has brought.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// Such as `2.1`.
    pub number: String,
    /// The part's title.
    pub name: String,
    /// The points.
    pub score: u32,
    /// The most there are.
    pub max_score: u32,
    /// Whether all of it works.
    pub status: Status,
    /// Why, in plain words.
    pub output: String,
}

/// Whether all tests of a part pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All of them.
    Passed,
    /// Not all.
    Failed,
}

/// What one needs to do it again.
#[derive(Clone, Debug, Serialize)]
pub struct Extra {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The stage.
    pub stage: u32,
    /// What `LAB_SEED` was.
    pub seed: u64,
}

impl Report {
    /// Adds the marks up.
    pub fn new(marks: Vec<Mark>, extra: Extra, execution_time: u64) -> Report {
        let (score, max_score) = marks.iter().fold((0, 0), |(a, b), mark| (a + mark.score, b + mark.max_score));
        let lines = marks.iter().map(|mark| {
            let Mark { number, name, score, max_score, .. } = mark;
            format!("  {number:<4} {name:<48} {score:>3} of {max_score}\n")
        });
        let output = format!("{}  {:<53} {score:>3} of {max_score}\n", lines.collect::<String>(), "in all");
        let scores = marks.iter().map(|mark| (mark.number.clone(), mark.score)).collect();
        Report {
            score,
            max_score,
            execution_time,
            output,
            output_format: "text",
            tests: marks,
            scores,
            extra_data: extra,
        }
    }
}

impl Mark {
    /// The mark for a part of which so many tests pass: its share of the points, rounded down, so that all of them take
    /// all of the tests.
    pub fn for_tests(
        number: String,
        name: String,
        max_score: u32,
        passed: usize,
        tests: usize,
        output: String,
    ) -> Mark {
        let share = (max_score as usize * passed).checked_div(tests).unwrap_or(0);
        let status = if passed == tests && tests > 0 { Status::Passed } else { Status::Failed };
        Mark { number, name, score: share as u32, max_score, status, output }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_a_share_and_full_ones_take_every_test() {
        let mark = |passed, tests| Mark::for_tests("2.1".into(), "x".into(), 10, passed, tests, String::new());
        assert_eq!((mark(3, 3).score, mark(3, 3).status), (10, Status::Passed));
        assert_eq!((mark(2, 3).score, mark(2, 3).status), (6, Status::Failed));
        assert_eq!((mark(0, 0).score, mark(0, 0).status), (0, Status::Failed));
    }

    #[test]
    fn the_document_has_the_fields_that_are_promised() {
        let mark = Mark::for_tests("2.1".into(), "x".into(), 10, 1, 2, "why".into());
        let report = Report::new(vec![mark], Extra { schema: SCHEMA, stage: 2, seed: 7 }, 3);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["score"], &json["max_score"]), (&5.into(), &10.into()));
        assert_eq!(json["tests"][0]["status"], "failed");
        assert_eq!(json["scores"]["2.1"], 5);
        assert_eq!(json["extra_data"]["seed"], 7);
        assert!(report.output.contains("5 of 10"));
    }
}
