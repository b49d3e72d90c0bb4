//! Runs tests, each of them in a process of its own.
//!
//! A test that hangs, aborts or overflows its stack then takes nothing with it: it fails, and the next one runs.

use std::ffi::OsStr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::build::Binary;
use super::groups;
use super::output::keep;
use super::spec::TEST_TARGET;

/// What the test harness says at the end if the one test that it ran has passed.
const PASSED: &str = "test result: ok. 1 passed";

/// How tests run.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// The longest that one test may take.
    pub limit: Duration,
    /// When the last of them ends, whatever it does.
    pub deadline: Option<Instant>,
    /// The most tests at a time.
    pub at_once: usize,
    /// What is added to the environment.
    pub environment: &'a [(&'a str, &'a OsStr)],
}

impl Default for Manner<'_> {
    fn default() -> Self {
        // Twice the limit that the laboratory sets on a test that could hang.
        let at_once = thread::available_parallelism().map_or(1, |cores| cores.get());
        Manner { limit: Duration::from_secs(120), deadline: None, at_once, environment: &[] }
    }
}

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    binary: Binary,
    /// Its path in the target.
    pub name: String,
}

impl Binary {
    /// The tests in it.
    pub fn tests(&self) -> Result<Vec<Test>> {
        let output = Command::new(&self.path)
            .args(["--list", "--format", "terse"])
            .current_dir(&self.package)
            .output()
            .with_context(|| format!("cannot run {}", self.path.display()))?;
        if !output.status.success() {
            bail!("{} does not list its tests ({})", self.path.display(), output.status);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(names.map(|name| Test { binary: self.clone(), name: name.to_string() }).collect())
    }
}

/// What a test has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed: a panic, or the end of its process.
    Failed,
    /// It was still running at the limit.
    Hangs,
}

/// A test that ran.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The target that it is in.
    pub target: String,
    /// Its path in the target.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What it printed, from the beginning up to a limit.
    pub output: String,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// The last word of its path: the function's name.
    pub fn function(&self) -> &str {
        self.name.rsplit("::").next().unwrap_or(&self.name)
    }

    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Passed
    }
}

impl Test {
    /// The last word of its path: the function's name.
    pub fn function(&self) -> &str {
        self.name.rsplit("::").next().unwrap_or(&self.name)
    }

    /// Whether the test is one of those that `wanted` names: a target, or a single test as `target::path`.
    pub fn is(&self, wanted: &str) -> bool {
        let target = &self.binary.target;
        wanted == target || wanted.strip_prefix(target.as_str()).is_some_and(|rest| rest == format!("::{}", self.name))
    }

    /// Whether it judges the part whose tests begin with `prefix`.
    pub fn judges(&self, prefix: &str) -> bool {
        self.binary.target == TEST_TARGET && self.function().starts_with(prefix)
    }

    /// Runs it, and ends it at the limit.
    pub fn run(&self, limit: Duration) -> Result<Ran> {
        self.run_as(&Manner { limit, ..Manner::default() })
    }

    /// Runs it, if there is time for it.
    pub fn run_as(&self, manner: &Manner<'_>) -> Result<Ran> {
        let began = Instant::now();
        let left = manner.deadline.map_or(manner.limit, |deadline| deadline.saturating_duration_since(began));
        let mut command = Command::new(&self.binary.path);
        command.args([&self.name, "--exact", "--nocapture", "--test-threads", "1"]);
        command.current_dir(&self.binary.package).env("RUST_BACKTRACE", "0").envs(manner.environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        groups::own_group(&mut command);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.binary.path.display()))?;
        let pipes = (child.stdout.take().expect("it was piped"), child.stderr.take().expect("it was piped"));
        let (out, err) = (thread::spawn(move || keep(pipes.0)), thread::spawn(move || keep(pipes.1)));
        let group = groups::enter(child.id());
        let status = wait(&mut child, began + manner.limit.min(left))?;
        // What the test has started may hold the pipes open, and run on.
        drop(group);
        let _ = child.wait();
        let printed = |reader: thread::JoinHandle<String>| reader.join().unwrap_or_default();
        let mut output = printed(err) + &printed(out);
        let outcome = match status {
            None => Outcome::Hangs,
            // A process that ends well before its test does has not passed it.
            Some(status) if status.success() && output.contains(PASSED) => Outcome::Passed,
            Some(status) => {
                output += &format!("\nended with {status}\n");
                Outcome::Failed
            }
        };
        Ok(Ran { target: self.binary.target.clone(), name: self.name.clone(), outcome, output, took: began.elapsed() })
    }
}

/// Runs tests side by side. The results are in the order of the tests; `told` hears of
/// each one as it ends.
pub fn run_all(tests: &[Test], manner: &Manner<'_>, told: impl Fn(&Ran) + Sync) -> Result<Vec<Ran>> {
    let next = Mutex::new(0..tests.len());
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..manner.at_once.min(tests.len()) {
            scope.spawn(|| {
                loop {
                    let Some(at) = next.lock().expect("no worker panics while it holds this").next() else { return };
                    let ran = tests[at].run_as(manner);
                    ran.iter().for_each(&told);
                    results.lock().expect("no worker panics while it holds this").push((at, ran));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no worker panics while it holds this");
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, ran)| ran).collect()
}

/// Waits for the end of a process until `deadline`.
fn wait(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a test")? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
