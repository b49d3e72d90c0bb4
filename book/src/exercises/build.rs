//! Builds the tests of a package.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::output::keep;

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
    /// Whether the package's default features are left out.
    pub without_default_features: bool,
    /// The package that is compiled without optimisation, if one is: it is built often, and its tests run once.
    pub unoptimised: Option<&'a str>,
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
            without_default_features: false,
            unoptimised: None,
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
    pub(super) path: PathBuf,
    pub(super) package: PathBuf,
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
        if let Some(name) = self.package_name {
            command.args(["--package", name]);
        }
        if self.without_default_features {
            command.arg("--no-default-features");
        }
        if let Some(name) = self.unoptimised {
            command.args(["--config", &format!("profile.dev.package.{name}.opt-level=0")]);
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

/// Cargo, as the tool itself was started by it.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
