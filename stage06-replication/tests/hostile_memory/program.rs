//! The broker as a process, and what Linux says of it.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{ANSWER_BYTES_MAX, REQUEST_BYTES_MAX};

/// From how many bytes on the allocator of glibc asks the system for each piece of memory, and gives it back when it is freed.
/// If nobody says so, it learns from the first large piece that it keeps the next ones, in a heap for each thread.
const MMAP_FROM_BYTES: &str = "131072";

/// A broker that runs: alone, with small pools.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: String,
    _directory: TempDir,
}

/// The memory of a process, in bytes.
pub(crate) struct Memory {
    /// As it is (`VmRSS`).
    pub(crate) resident: u64,
    /// The most since the peak was forgotten (`VmHWM`).
    pub(crate) peak: u64,
}

impl Program {
    pub(crate) fn start() -> Program {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let (address, controllers) = (free(), free());
        let child = Command::new(env!("CARGO_BIN_EXE_stage06"))
            .args(["--id", "1", "--listen", &address.to_string(), "--peers", &format!("1@{controllers}")])
            .args(["--replication-factor", "1", "--min-insync-replicas", "1", "--partitions", "4"])
            .args(["--request-bytes-max", &REQUEST_BYTES_MAX.to_string()])
            .args(["--answer-bytes-max", &ANSWER_BYTES_MAX.to_string()])
            .env("MALLOC_MMAP_THRESHOLD_", MMAP_FROM_BYTES)
            .arg("--data")
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the broker starts");
        Program { child, address: address.to_string(), _directory: directory }
    }

    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().expect("a process can be asked").is_none()
    }

    pub(crate) fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process is there");
        let bytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux says it");
            let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
            kibibytes << 10
        };
        Memory { resident: bytes("VmRSS:"), peak: bytes("VmHWM:") }
    }

    /// The next peak is counted from what there is now. Where the system does not do that, all attacks have one peak.
    pub(crate) fn forget_peak(&self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
