//! The crash map: a small run of a stage from left to right, and what a crash behind each operation leaves.

use lab::crash::{self, Options};
use lab::records::records;
use lab::sim::{Event, Lens, Sampling, SimDisk, Trace};
use stage01::{Log, Stage};
use stage04::SegmentName;

use crate::tool::stages::{self, Visitor};

/// What happens in the run of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Every append is synced and acknowledged by itself.
    Append,
    /// Groups of records share a write and a sync.
    Group,
    /// As `Append`, with files so small that the log begins another one.
    Roll,
}

impl Scenario {
    pub(crate) const NAMES: [&str; 3] = ["append", "group", "roll"];

    pub(crate) fn named(name: &str) -> Option<Scenario> {
        match name {
            "append" => Some(Scenario::Append),
            "group" => Some(Scenario::Group),
            "roll" => Some(Scenario::Roll),
            _ => None,
        }
    }

    /// How often the run appends, and how many records each time. A stage with an index gets enough of them to write
    /// entries.
    fn appends(self, are_indexed: bool) -> (u64, u64) {
        match (self, are_indexed) {
            // The last one finds no room in the first file.
            (Scenario::Roll, _) => (6, 1),
            (_, true) => (4, 24),
            (Scenario::Append, false) => (7, 1),
            (Scenario::Group, false) => (3, 4),
        }
    }
}

/// One crash: which operation it follows, and what it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The operation in words.
    pub(crate) words: String,
    /// The file that it was done to, or none for the directory; and a sign for it.
    pub(crate) file: Option<String>,
    pub(crate) sign: &'static str,
    /// Records that were acknowledged by now.
    pub(crate) acknowledged: u64,
    /// Records that every power cut leaves, and that some power cut leaves.
    pub(crate) must: u64,
    pub(crate) may: u64,
    /// For each lens, how many of the states that it leaves break the log, and of how many.
    pub(crate) lost: [(u64, u64); 3],
}

/// The lenses of the map, from the mildest.
pub(crate) const LENSES: [&str; 3] = ["kill", "power cut", "torn write"];

/// What a crash behind each operation leaves.
#[derive(Clone, Debug)]
pub(crate) struct CrashMap {
    pub(crate) stage: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) records: u64,
}

/// Runs the scenario on the stage, and crashes it everywhere.
pub(crate) fn crash_map(stage: &str, scenario: &str) -> Result<CrashMap, String> {
    let names = Scenario::NAMES.join(", ");
    let scenario = Scenario::named(scenario).ok_or(format!("there is no scenario `{scenario}`; there are {names}"))?;
    let about = stages::all().into_iter().find(|about| about.name == stage);
    let about = about.ok_or(format!("there is no stage `{stage}`"))?;
    stages::visit(about.number, &mut Crashes { scenario }).map_err(|error| error.to_string())
}

struct Crashes {
    scenario: Scenario,
}

impl Visitor for Crashes {
    type Output = CrashMap;

    fn visit<S: Stage>(&mut self) -> CrashMap {
        let (appends, batch) = self.scenario.appends(S::NAME >= "stage03");
        let run = |sim: &SimDisk| {
            let log = if self.scenario == Scenario::Roll { S::open_small(sim.disk()) } else { S::open(sim.disk()) };
            let mut log = log.expect("the log opens on a new disk");
            for _ in 0..appends {
                log.append(&records(log.next_offset(), batch)).expect("the disk takes a record");
                sim.acknowledge(log.sync().expect("the disk syncs").0);
            }
        };
        // A map shows where, and not how often: a sample of the states is enough, and the log need not crash again.
        let options =
            Options { sampling: Sampling { states_max: 300, seed: 1 }, recovery_states_max: 0, ..Options::default() };
        let kill = crash::kills::<S>(&options, run);
        let cut = crash::power_cuts::<S>(Lens::PowerCut, &options, run);
        let torn = crash::power_cuts::<S>(Lens::TornWrite, &options, run);
        let sim = SimDisk::new();
        run(&sim);
        let trace = sim.trace();
        let columns = (0..cut.points.len()).map(|at| {
            let lost = [&kill, &cut, &torn]
                .map(|report| (report.points[at].lost, report.points[at].lost + report.points[at].kept));
            let point = &cut.points[at];
            let (words, file, sign) = operation(&trace, point.point, at);
            let (must, may) = (point.records_min.unwrap_or(0), point.records_max.unwrap_or(0));
            Column { words, file, sign, acknowledged: point.acknowledged, must, may, lost }
        });
        CrashMap { stage: S::NAME, columns: columns.collect(), records: appends * batch }
    }
}

/// The operation in front of a point of the trace; the first point has none.
fn operation(trace: &Trace, point: usize, number: usize) -> (String, Option<String>, &'static str) {
    let last = trace.events()[..point].iter().rev().find(|event| event.is_operation());
    let Some(event) = last.filter(|_| number > 0 || point > 0) else { return ("nothing yet".into(), None, "") };
    let words = event.to_string();
    let words = words.split(" \"").next().unwrap_or("").to_string();
    match event {
        Event::Create { name, .. } => (words, Some(short(name)), "new"),
        Event::Write { name, .. } => (words, Some(short(name)), "W"),
        Event::SyncData { name, .. } => (words, Some(short(name)), "S"),
        Event::Truncate { name, .. } => (words, Some(short(name)), "cut"),
        Event::Rename { to, .. } => (words, Some(short(to)), "→"),
        Event::Remove { name } => (words, Some(short(name)), "del"),
        _ => (words, None, "S"),
    }
}

/// A segment's file without the zeros in front of its number, in one row with its temporary name: there is no room for
/// twenty digits beside a map. Other names stay as they are.
fn short(name: &str) -> String {
    let whole = name.strip_suffix(".new").unwrap_or(name);
    match (SegmentName::parse(whole), whole.split_once('.')) {
        (Some((segment, _)), Some((_, extension))) => format!("{}.{extension}", segment.base),
        _ => name.to_string(),
    }
}

impl CrashMap {
    /// The files of the run in the order in which they come up, the directory last as `None`.
    pub(crate) fn files(&self) -> Vec<Option<&str>> {
        let mut files: Vec<Option<&str>> = Vec::new();
        for column in &self.columns {
            if let Some(file) = &column.file
                && !files.contains(&Some(file))
            {
                files.push(Some(file));
            }
        }
        files.push(None);
        files
    }

    /// The records as rows, neighbours that no crash tells apart in one row if there are many.
    pub(crate) fn rows(&self) -> Vec<(u64, u64)> {
        let fate = |record: u64| -> Vec<(bool, bool, bool)> {
            let of = |c: &Column| (record < c.must, record < c.may, record < c.acknowledged);
            self.columns.iter().map(of).collect()
        };
        let mut rows: Vec<(u64, u64)> = Vec::new();
        for record in 0..self.records {
            match rows.last_mut() {
                Some((first, last)) if self.records > 12 && fate(*first) == fate(record) => *last = record,
                _ => rows.push((record, record)),
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_may_survive_its_write_and_must_survive_its_sync() {
        let map = crash_map("stage01", "append").unwrap();
        let last = map.columns.last().unwrap();
        assert_eq!((last.must, last.may, last.acknowledged), (7, 7, 7));
        let mut writes = 0;
        for column in &map.columns {
            assert!(column.must >= column.acknowledged, "{column:?}");
            writes += u64::from(column.sign == "W");
            assert_eq!(column.may, writes, "a written record may survive: {column:?}");
            assert_eq!(
                (column.lost[0].0, column.lost[1].0),
                (0, 0),
                "stage 1 survives a kill and a power cut: {column:?}"
            );
        }
        assert!(map.columns.iter().any(|column| column.lost[2].0 > 0), "stage 1 breaks by a torn write");
        assert_eq!(map.files(), [Some("log.jsonl"), None]);
    }

    #[test]
    fn an_index_is_written_and_never_synced() {
        let map = crash_map("stage03", "append").unwrap();
        let index: Vec<&str> =
            map.columns.iter().filter(|c| c.file.as_deref() == Some("log.index")).map(|c| c.sign).collect();
        assert!(index.contains(&"W") && !index.contains(&"S"), "{index:?}");
        assert!(map.rows().len() <= 12, "{:?}", map.rows());
    }

    #[test]
    fn a_map_of_a_log_that_rolls_has_a_row_for_each_file() {
        let map = crash_map("stage04", "roll").unwrap();
        let files: Vec<&str> = map.files().into_iter().flatten().collect();
        assert!(
            files.contains(&"0.log") && files.iter().filter(|file| file.ends_with(".log")).count() > 1,
            "{files:?}"
        );
        assert!(map.columns.iter().all(|column| (column.lost[0].0, column.lost[1].0) == (0, 0)), "{:?}", map.columns);
    }

    #[test]
    fn records_share_a_row_only_if_no_crash_tells_them_apart() {
        let column = |must, may, acknowledged| Column {
            words: String::new(),
            file: None,
            sign: "",
            acknowledged,
            must,
            may,
            lost: [(0, 1); 3],
        };
        let rows = |columns: Vec<Column>| CrashMap { stage: "stage01", columns, records: 20 }.rows();
        assert_eq!(rows(vec![column(20, 20, 20)]), [(0, 19)]);
        assert_eq!(rows(vec![column(5, 20, 0)]), [(0, 4), (5, 19)]);
        assert_eq!(rows(vec![column(0, 6, 0)]), [(0, 5), (6, 19)]);
        assert_eq!(rows(vec![column(20, 20, 0), column(20, 20, 7)]), [(0, 6), (7, 19)]);
    }

    #[test]
    fn a_scenario_that_is_not_there_is_named_with_those_that_are() {
        let said = crash_map("stage01", "apend").unwrap_err();
        assert_eq!(said, "there is no scenario `apend`; there are append, group, roll");
    }
}
