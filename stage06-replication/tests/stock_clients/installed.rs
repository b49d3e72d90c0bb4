//! Which clients this machine has.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where the programs of the clients are.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// A Python that has both libraries.
    pub(crate) python: PathBuf,
}

/// The clients, or `None` if one is missing and that is allowed. Then it was said.
///
/// # Panics
///
/// If one is missing, and `STAGE06_CLIENTS=require` says that none may.
pub(crate) fn installed() -> Option<Installed> {
    let python = python();
    let missing: Vec<&str> = [
        ("kcat", works(Command::new("kcat").arg("-V"))),
        ("confluent-kafka", works(Command::new(&python).args(["-c", "import confluent_kafka"]))),
        ("kafka-python", works(Command::new(&python).args(["-c", "import kafka, lz4, snappy, zstandard"]))),
    ]
    .into_iter()
    .filter_map(|(name, works)| (!works).then_some(name))
    .collect();
    if missing.is_empty() {
        return Some(Installed { python });
    }
    let message = format!("not installed: {}; `.ci/clients` installs them", missing.join(", "));
    assert!(env::var("STAGE06_CLIENTS").as_deref() != Ok("require"), "{message}");
    eprintln!("skipped: {message}");
    None
}

/// The one of `.ci/clients`, unless another is named.
fn python() -> PathBuf {
    if let Some(python) = env::var_os("STAGE06_PYTHON") {
        return python.into();
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache"))).unwrap_or_default();
    cache.join("log-in-six-stages/clients/bin/python")
}

fn works(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|done| done.success())
}
