//! Which of the measured numbers a table or chart shows.

use lab::workloads::Workload;

use crate::results::{FLOOR, Results, Row};

/// The numbers that the book shows, and whose they are.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    pub(crate) results: Results,
    /// Whether the reader measured them.
    pub(crate) are_own: bool,
}

/// The workloads of one table or chart, and the stages up to which it goes.
#[derive(Debug, PartialEq)]
pub(crate) struct Shown<'a> {
    /// The names of the workloads, in the order of the course.
    pub(crate) workloads: Vec<&'a str>,
    /// The floor if one of the workloads has it, then the stages.
    pub(crate) columns: Vec<&'a str>,
}

impl Numbers {
    /// The workloads that `selection` names, each by its name, by the beginning of it, or by a word in it; `all` is
    /// all of them. The stages are those that were measured, up to and with `up_to`.
    ///
    /// # Errors
    ///
    /// No workload of the laboratory has such a name, or these results do not have it.
    pub(crate) fn select(&self, selection: &[String], up_to: Option<&str>) -> Result<Shown<'_>, String> {
        if let Some(unknown) = selection.iter().find(|word| !Workload::ALL.iter().any(|w| is_named(w.name(), word))) {
            let names: Vec<&str> = Workload::ALL.iter().map(|workload| workload.name()).collect();
            return Err(format!("no workload is called `{unknown}`; there are {}", names.join(", ")));
        }
        let named = |name: &&str| selection.iter().any(|word| is_named(name, word));
        let workloads: Vec<&str> = self.results.workloads().into_iter().filter(named).collect();
        let is_shown = |stage: &&str| up_to.is_none_or(|last| *stage <= last);
        let has_floor = workloads.iter().any(|workload| self.results.floor(workload).is_some());
        let stages = self.results.stages().into_iter().filter(is_shown);
        let columns: Vec<&str> = has_floor.then_some(FLOOR).into_iter().chain(stages).collect();
        if workloads.is_empty() || columns.is_empty() {
            return Err("the results have no such numbers".to_string());
        }
        Ok(Shown { workloads, columns })
    }

    /// Where, when and by whom the numbers were measured, in one sentence.
    pub(crate) fn origin(&self) -> String {
        let m = &self.results.machine;
        let whose = match self.are_own {
            true => "Measured on your machine",
            false => "Reference numbers, not measured on your machine (<code>cargo course</code> does that)",
        };
        let awake = if m.awake { "processors kept awake" } else { "processors free to sleep" };
        let facts = [&m.processor, &format!("{} cores", m.cores), &m.kernel, &m.file_system, &m.rustc, &m.date, awake];
        let facts: Vec<String> = facts.iter().map(|fact: &&str| crate::html::escape(fact)).collect();
        format!("{whose}: {}.", facts.join(", "))
    }
}

impl Shown<'_> {
    /// The stage in front of this one among those shown, to compare with.
    pub(crate) fn previous(&self, stage: &str) -> Option<&str> {
        let at = self.columns.iter().position(|column| *column == stage)?;
        self.columns[..at].last().copied().filter(|column| *column != FLOOR)
    }
}

/// The rows of the bare machine, each speed once though several workloads stand on it.
pub(crate) fn floors(results: &Results) -> Vec<&Row> {
    let mut floors: Vec<&Row> = Vec::new();
    for row in results.rows.iter().filter(|row| row.stage == FLOOR) {
        if !floors.iter().any(|other| other.ops_per_second == row.ops_per_second) {
            floors.push(row);
        }
    }
    floors
}

fn is_named(workload: &str, word: &str) -> bool {
    word == "all" || workload.starts_with(word) || workload.split('_').any(|part| part == word)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::results::{Machine, SCHEMA};

    /// Two workloads on three stages; the second has no floor.
    pub(crate) fn numbers() -> Numbers {
        let row = |workload: &str, stage: &str, ops_per_second: f64| Row {
            workload: workload.into(),
            stage: stage.into(),
            ops_per_second,
            p50_ns: 1e9 / ops_per_second,
            p99_ns: 2e9 / ops_per_second,
            samples: 10,
            records: 10,
        };
        let machine = Machine {
            processor: "A <fast> one".into(),
            cores: 2,
            kernel: "Linux 6".into(),
            file_system: "ext4".into(),
            date: "2025-01-15".into(),
            rustc: "rustc 1.88".into(),
            awake: true,
        };
        let rows = vec![
            row("append_durable_16", FLOOR, 1000.0),
            row("append_durable_16", "stage01", 900.0),
            row("append_durable_16", "stage02", 9000.0),
            row("random_read_1m", "stage01", 5.0),
            row("random_read_1m", "stage02", 4.0),
            row("random_read_1m", "stage03", 400_000.0),
        ];
        Numbers { results: Results { schema: SCHEMA, machine, rows }, are_own: true }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_string).collect()
    }

    #[test]
    fn workloads_are_named_in_whole_in_part_or_by_a_word() {
        let numbers = numbers();
        for (selection, found) in [
            ("append_durable_16", vec!["append_durable_16"]),
            ("append", vec!["append_durable_16"]),
            ("read", vec!["random_read_1m"]),
            ("random_read append", vec!["append_durable_16", "random_read_1m"]),
            ("all", vec!["append_durable_16", "random_read_1m"]),
        ] {
            assert_eq!(numbers.select(&words(selection), None).unwrap().workloads, found, "{selection}");
        }
        let said = numbers.select(&words("append wriet"), None).unwrap_err();
        assert!(said.starts_with("no workload is called `wriet`; there are append_durable_1, "), "{said}");
        assert_eq!(numbers.select(&words("scan"), None).unwrap_err(), "the results have no such numbers");
    }

    #[test]
    fn stages_behind_the_last_one_are_not_shown() {
        let numbers = numbers();
        let shown = numbers.select(&words("all"), Some("stage02")).unwrap();
        assert_eq!(shown.columns, [FLOOR, "stage01", "stage02"]);
        assert_eq!((shown.previous("stage02"), shown.previous("stage01")), (Some("stage01"), None));
        assert_eq!(numbers.select(&words("read"), None).unwrap().columns, ["stage01", "stage02", "stage03"]);
    }

    #[test]
    fn the_origin_says_whose_numbers_these_are() {
        let mut numbers = numbers();
        assert!(numbers.origin().starts_with("Measured on your machine: A &lt;fast&gt; one, 2 cores, Linux 6, ext4"));
        numbers.are_own = false;
        assert!(numbers.origin().starts_with("Reference numbers, not measured on your machine"));
    }
}
