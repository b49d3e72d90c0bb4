//! What the tests say about a part.

use super::runner::{Ran, Test};
use super::spec::{Part, TEST_TARGET};

/// How far a learner has come with a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No body has been touched.
    NotStarted,
    /// Some test fails.
    Failing {
        /// How many pass.
        passed: usize,
        /// How many there are.
        tests: usize,
    },
    /// Every test passes.
    Done {
        /// How many there are.
        tests: usize,
    },
}

impl Verdict {
    /// The verdict of the tests that ran for a part.
    pub fn of(ran: &[&Ran]) -> Verdict {
        let (passed, tests) = (ran.iter().filter(|one| one.passed()).count(), ran.len());
        // A part that nothing judges is not done.
        if passed == tests && tests > 0 { Verdict::Done { tests } } else { Verdict::Failing { passed, tests } }
    }

    /// Whether the part is done.
    pub fn is_done(&self) -> bool {
        matches!(self, Verdict::Done { .. })
    }
}

/// Whether a part is judged by a test.
pub fn is_judged_by(part: &Part, test: &Test) -> bool {
    test.judges(&part.test_prefix()) || part.also.iter().any(|wanted| test.is(wanted))
}

/// Whether a test that ran judges a part.
pub fn judges(part: &Part, ran: &Ran) -> bool {
    let own = ran.target == TEST_TARGET && ran.function().starts_with(&part.test_prefix());
    let path = format!("{}::{}", ran.target, ran.name);
    own || part.also.iter().any(|wanted| *wanted == ran.target || *wanted == path)
}

/// The test targets that judge these parts.
pub fn targets<'a>(parts: impl Iterator<Item = &'a Part>) -> Vec<String> {
    let also = parts.flat_map(|part| &part.also).map(|wanted| wanted.split("::").next().unwrap_or(wanted));
    let mut targets: Vec<String> = [TEST_TARGET].into_iter().chain(also).map(str::to_string).collect();
    targets.sort();
    targets.dedup();
    targets
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exercises::runner::Outcome;

    fn ran(outcome: Outcome, output: &str) -> Ran {
        let (target, name) = ("exercises".to_string(), "part1::s01p1_it_adds".to_string());
        Ran { target, name, outcome, output: output.into(), took: Duration::from_secs(60) }
    }

    #[test]
    fn a_part_is_done_when_all_of_its_tests_pass_and_there_are_some() {
        let (good, bad) = (ran(Outcome::Passed, ""), ran(Outcome::Hangs, ""));
        assert_eq!(Verdict::of(&[&good, &good]), Verdict::Done { tests: 2 });
        assert_eq!(Verdict::of(&[&good, &bad]), Verdict::Failing { passed: 1, tests: 2 });
        assert_eq!(Verdict::of(&[]), Verdict::Failing { passed: 0, tests: 0 });
    }
}
