//! Builds the tests of a package and runs each of them in a process of its own.
//!
//! A test that hangs, aborts or overflows its stack then takes nothing with it: it fails, and the next one runs.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::spec::TEST_TARGET;

/// How much of what a test prints is kept from the beginning, where the first failure is.
const HEAD_BYTES_MAX: u64 = 256 * 1024;

/// How much is kept of the end, where the test harness says what came of it.
const TAIL_BYTES_MAX: usize = 4 * 1024;

/// What the test harness says at the end if the one test that it ran has passed.
const PASSED: &str = "test result: ok. 1 passed";

/// Where and how to build.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The folder of the package.
    pub package: &'a Path,
    /// Cargo's target directory.
    pub target_dir: &'a Path,
    /// What to build: names of test targets, or `lib`; all of them if there are none.
    pub targets: Vec<String>,
    /// The package's name, if the folder is that of a workspace with several.
    pub package_name: Option<&'a str>,
    /// Whether warnings are errors.
    pub deny_warnings: bool,
    /// Whether Cargo's words go to standard error as they come. If not, they are part of the error.
    pub talks: bool,
    /// What is added to Cargo's environment.
    pub environment: &'a [(&'a str, &'a OsStr)],
}

impl Default for Build<'_> {
    fn default() -> Self {
        let (package, target_dir) = (Path::new("."), Path::new("target"));
        Build {
            package,
            target_dir,
            targets: Vec::new(),
            package_name: None,
            deny_warnings: false,
            talks: false,
            environment: &[],
        }
    }
}

/// A test binary.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The target's name; `lib` for the tests inside the library.
    pub target: String,
    path: PathBuf,
    package: PathBuf,
}

/// It does not compile.
#[derive(Debug)]
pub struct DoesNotCompile {
    /// What the compiler said, if it did not say it to the user at once.
    pub words: String,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl Build<'_> {
    /// Builds. What does not compile is no error of the tool, and comes back as such.
    pub fn run(&self) -> Result<Result<Vec<Binary>, DoesNotCompile>> {
        let mut command = cargo();
        command.args(["test", "--no-run", "--message-format", "json-render-diagnostics", "--manifest-path"]);
        command.arg(self.package.join("Cargo.toml"));
        command.env("CARGO_TARGET_DIR", self.target_dir).env_remove("RUST_BACKTRACE");
        command.envs(self.environment.iter().copied());
        if self.deny_warnings {
            command.env("RUSTFLAGS", "-D warnings");
        }
        if let Some(name) = self.package_name {
            command.args(["--package", name]);
        }
        for target in &self.targets {
            match target.as_str() {
                "lib" => command.arg("--lib"),
                name => command.args(["--test", name]),
            };
        }
        if !self.talks {
            command.args(["--quiet", "--color", "never"]);
        }
        let said = if self.talks { Stdio::inherit() } else { Stdio::piped() };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .context("cannot run cargo; is it on the PATH?")?;
        let words = child.stderr.take().map(|pipe| thread::spawn(move || keep(pipe)));
        let messages = BufReader::new(child.stdout.take().expect("it was piped"));
        let mut binaries = Vec::new();
        for line in messages.lines() {
            binaries.extend(self.binary(&line.context("cannot read what cargo says")?));
        }
        let status = child.wait().context("cannot wait for cargo")?;
        let words = words.map_or_else(String::new, |words| words.join().unwrap_or_default());
        Ok(if status.success() { Ok(binaries) } else { Err(DoesNotCompile { words }) })
    }

    /// The test binary that a line of cargo's tells of.
    fn binary(&self, line: &str) -> Option<Binary> {
        let message: Message = serde_json::from_str(line).ok()?;
        let (target, is_test) = (message.target?, message.profile?.test);
        if message.reason != "compiler-artifact" || !is_test {
            return None;
        }
        let is_library = target.kind.iter().any(|kind| kind == "lib");
        let name = if is_library { "lib".to_string() } else { target.name };
        Some(Binary { target: name, path: message.executable?, package: self.package.to_owned() })
    }
}

/// How tests run.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// The longest that one test may take.
    pub limit: Duration,
    /// When the last of them ends, whatever it does.
    pub deadline: Option<Instant>,
    /// What is added to the environment.
    pub environment: &'a [(&'a str, &'a OsStr)],
}

impl Default for Manner<'_> {
    fn default() -> Self {
        // Twice the limit that the laboratory sets on a test that could hang.
        Manner { limit: Duration::from_secs(120), deadline: None, environment: &[] }
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
        own_group(&mut command);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.binary.path.display()))?;
        let pipes = (child.stdout.take().expect("it was piped"), child.stderr.take().expect("it was piped"));
        let (out, err) = (thread::spawn(move || keep(pipes.0)), thread::spawn(move || keep(pipes.1)));
        let status = wait(&mut child, began + manner.limit.min(left))?;
        // What the test has started may hold the pipes open.
        end_group(&mut child);
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

/// Runs tests side by side, within the cores that there are. The results are in the order of the tests; `told` hears of
/// each one as it ends.
pub fn run_all(tests: &[Test], manner: &Manner<'_>, told: impl Fn(&Ran) + Sync) -> Result<Vec<Ran>> {
    let next = Mutex::new(0..tests.len());
    let results = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get());
    thread::scope(|scope| {
        for _ in 0..workers.min(tests.len()) {
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

/// Cargo, as the tool itself was started by it.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Reads all that comes and keeps the beginning and the end: a test that prints for ever must not fill the memory.
fn keep(mut pipe: impl Read) -> String {
    let mut kept = Vec::new();
    // A pipe that breaks has been read as far as it goes.
    let _ = pipe.by_ref().take(HEAD_BYTES_MAX).read_to_end(&mut kept);
    let (mut tail, mut window): (Vec<u8>, _) = (Vec::new(), [0; TAIL_BYTES_MAX]);
    while let Ok(read) = pipe.read(&mut window)
        && read > 0
    {
        tail.extend(&window[..read]);
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES_MAX));
    }
    if !tail.is_empty() {
        kept.extend(b"\n...\n");
        kept.extend(tail);
    }
    String::from_utf8_lossy(&kept).into_owned()
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

/// Puts a process into a group of its own, to be ended with all that it starts.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn own_group(_command: &mut Command) {}

/// Ends a process and its group; nothing happens to one that has ended.
fn end_group(child: &mut Child) {
    if cfg!(unix) {
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }
    let _ = child.kill();
    let _ = child.wait();
}
