//! The tests of the exercises, a file for each part. `cargo course check 1` runs them.
//!
//! A name begins with its stage and part: `s01p2_` is part 2 of stage 1. In each file the tests come from the plainest
//! to the most special, and `check` shows the first that fails.

mod append;
mod durable_readers;
mod find_end;
mod lines;
mod odd_file;
mod window;

use std::panic;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use stage01::{Access, Disk, DiskFile, Format, JsonLines, Offset, Record};

/// The name of the log's file.
const LOG: &str = "log.jsonl";

/// How many characters of a file a failure shows.
const SHOWN_CHARS: usize = 200;

/// How long a test may take that would hang if there were a loop without an end. They take well under one second.
const LIMIT: Duration = Duration::from_secs(5);

/// The line of one record.
fn line(offset: u64, record: &Record<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    JsonLines.encode(Offset(offset), record, &mut line);
    line
}

/// The lines of the laboratory's records, from `first` on, each by itself.
fn lines(first: u64, count: u64) -> Vec<Vec<u8>> {
    (first..first + count).map(|offset| line(offset, &lab::records::record(Offset(offset)))).collect()
}

/// The log's file on this disk, opened for writing.
fn log_file(disk: &Arc<dyn Disk>) -> Arc<dyn DiskFile> {
    disk.open(LOG, Access::Write).expect("the log's file is there")
}

/// Compares two contents of a file. If they differ, the failure shows the line in which they part, and not all of both.
#[track_caller]
fn expect_content(found: &[u8], expected: &[u8], context: &str) {
    if found == expected {
        return;
    }
    let same = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    let line = expected[..same].iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    panic!(
        "{context}: expected {} bytes, found {}; they part at byte {same}\nexpected: {}\nfound:    {}",
        expected.len(),
        found.len(),
        shown(&expected[line..]),
        shown(&found[line..])
    );
}

/// The beginning of some bytes, as text in one line.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::new();
    for char in text.chars().take(SHOWN_CHARS) {
        match char.is_control() {
            true => shown.extend(char.escape_default()),
            false => shown.push(char),
        }
    }
    if text.chars().count() > SHOWN_CHARS {
        shown.push('…');
    }
    shown
}

/// Runs a test that a loop without an end would keep for ever: it fails after a few seconds. A panic in it goes on
/// here.
fn soon(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let name = thread::current().name().unwrap_or("test").to_string();
    let run = move || {
        test();
        // Nobody listens any more if the limit has passed.
        let _ = done.send(());
    };
    let worker = thread::Builder::new().name(name).spawn(run).expect("a thread");
    match finished.recv_timeout(LIMIT) {
        Err(RecvTimeoutError::Timeout) => panic!("a loop without an end: not done after {LIMIT:?}"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
        }
    }
}
