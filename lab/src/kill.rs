//! A real process, killed with `SIGKILL` while it appends.
//!
//! The test starts its own program again as a child. The child appends from several threads and reports over a pipe
//! each record that was acknowledged; at some moment the parent kills it, opens the log, and looks for every record
//! that was reported. Then the next child goes on with the same log.
//!
//! This is the crash that everybody tests, and it sees little: the page cache belongs to the system and survives the
//! process, so a log that never syncs passes. What the cache forgets, the simulated disk shows; what only a real
//! operating system does (a lock that dies with its owner, a write cut short by a signal), this test does.

use std::collections::BTreeMap;
use std::env;
use std::hint;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use stage01::{Disk, Log, Offset, OsDisk, Reader, Record, Scan, SharedLog, Stage};

use crate::disks::OsDisks;
use crate::random::Random;
use crate::records::record_of;
use crate::watchdog::within_limit;

/// The variable that tells a child where its log is, and that it is a child.
const DIRECTORY: &str = "LAB_KILL_DIRECTORY";
/// The variable that tells a child which record it starts with.
const FIRST_TAG: &str = "LAB_KILL_FIRST_TAG";

const ROUNDS: u64 = 6;
const PRODUCERS: u64 = 4;

/// A test that kills a stage's log, and checks what it acknowledged: `lab::kill!(StageNN);`
#[macro_export]
macro_rules! kill {
    ($stage:ty) => {
        #[test]
        fn every_acknowledged_record_survives_a_kill() {
            let test = concat!(module_path!(), "::every_acknowledged_record_survives_a_kill");
            $crate::kill::every_acknowledged_record_survives::<$stage>(test);
        }
    };
}

/// Kills the log of `S` at several moments. `test` is the path of the test that calls this: the child runs it, too.
pub fn every_acknowledged_record_survives<S: Stage>(test: &'static str) {
    match env::var_os(DIRECTORY) {
        Some(directory) => append_until_killed::<S>(Path::new(&directory)),
        None => within_limit(move || kill_and_check::<S>(test)),
    }
}

fn kill_and_check<S: Stage>(test: &str) {
    let disks = OsDisks::new();
    let directory = disks.new_path();
    let mut random = Random::new(1);
    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        // The first child dies as early as it can, the others somewhere behind a few appends.
        let patience = round * random.below(8);
        let pause = Duration::from_micros(random.below(1000));
        let mut child = Appender::start(test, &directory, round << 32);
        let before = acknowledged.len();
        child.read_reports(patience, &mut acknowledged);
        // Not a wait for something to happen: any moment will do, as long as they differ.
        let moment = Instant::now() + pause;
        while Instant::now() < moment {
            hint::spin_loop();
        }
        child.kill();
        child.read_reports(u64::MAX, &mut acknowledged);
        assert!(acknowledged.len() as u64 >= before as u64 + patience, "the child of round {round} died by itself");
        check::<S>(&directory, &acknowledged, round);
    }
}

/// Every acknowledged record is at its offset, and whatever else is there was appended by a child.
fn check<S: Stage>(directory: &Path, acknowledged: &BTreeMap<Offset, u64>, round: u64) {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(directory).unwrap());
    let log = S::open(disk).unwrap_or_else(|error| panic!("killed in round {round}, the log does not open: {error}"));
    let mut scan = log.reader().scan(Offset(0)).unwrap();
    let mut count = 0;
    while let Some(entry) = scan.next().unwrap() {
        assert_eq!(entry.offset, Offset(count));
        let key = entry.record.key.as_deref().and_then(|key| key.try_into().ok()).map(u64::from_be_bytes);
        let tag = key.unwrap_or_else(|| panic!("record {count} was appended by nobody: {:?}", entry.record));
        assert_eq!(entry.record, tagged(tag), "killed in round {round}: record {count} came back changed");
        if let Some(expected) = acknowledged.get(&entry.offset) {
            assert_eq!(tag, *expected, "killed in round {round}: record {count} is not the one that was acknowledged");
        }
        count += 1;
    }
    let last = acknowledged.last_key_value().map_or(0, |(last, _)| last.0 + 1);
    assert!(count >= last, "killed in round {round}: {last} records were acknowledged, {count} are left");
}

/// The record that belongs to a tag: a few bytes, or a few thousand.
fn tagged(tag: u64) -> Record<'static> {
    let root = Random::new(tag).below(60) as usize;
    record_of(Offset(tag), root * root).with_key(tag.to_be_bytes().to_vec())
}

/// What the child does: it appends from several threads, and reports each offset that it got with the record's tag.
fn append_until_killed<S: Stage>(directory: &Path) {
    let first_tag: u64 = env::var(FIRST_TAG).unwrap().parse().unwrap();
    let log = S::share(S::open(Arc::new(OsDisk::create(directory).unwrap())).unwrap());
    thread::scope(|threads| {
        for producer in 0..PRODUCERS {
            let log = &log;
            threads.spawn(move || {
                for tag in (first_tag + producer..).step_by(PRODUCERS as usize) {
                    let offset = log.append(tagged(tag)).unwrap();
                    // `println!` would go to the test harness. A line is written whole, or not at all.
                    if writeln!(io::stdout(), "\nappended {offset} {tag}").is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// The child, from the outside.
struct Appender {
    process: Child,
    reports: io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Appender {
    fn start(test: &str, directory: &Path, first_tag: u64) -> Appender {
        let (_, test) = test.split_once("::").expect("a test's path begins with its crate");
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        command.env(DIRECTORY, directory).env(FIRST_TAG, first_tag.to_string());
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the test program starts again");
        let reports = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Appender { process, reports }
    }

    /// Reads `count` reports, or all there are.
    fn read_reports(&mut self, count: u64, acknowledged: &mut BTreeMap<Offset, u64>) {
        let mut read = 0;
        while read < count {
            let Some(line) = self.reports.next() else { return };
            let line = line.unwrap();
            if let Some((offset, tag)) = line.strip_prefix("appended ").and_then(|report| report.split_once(' ')) {
                let previous = acknowledged.insert(Offset(offset.parse().unwrap()), tag.parse().unwrap());
                assert_eq!(previous, None, "offset {offset} was given twice");
                read += 1;
            }
        }
    }

    /// `SIGKILL`: the process does not get to do anything any more.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        // If the check failed before the kill, the child must not stay behind. There is nobody to tell if it is gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
