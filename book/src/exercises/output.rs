//! What a process prints, as much of it as is worth keeping.

use std::io::Read;

/// How much of what a test prints is kept from the beginning, where the first failure is.
const HEAD_BYTES_MAX: u64 = 256 * 1024;

/// How much is kept of the end, where the test harness says what came of it.
const TAIL_BYTES_MAX: usize = 4 * 1024;

/// Reads all that comes and keeps the beginning and the end: a test that prints for ever must not fill the memory.
pub(super) fn keep(mut pipe: impl Read) -> String {
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
