//! Bytes as people read them.

use std::fmt::Write;

/// Sixteen bytes a line: where they are, the bytes, and the text that they may be. `position` is where `bytes` begin.
pub(super) fn hex_dump(bytes: &[u8], position: u64) -> String {
    let mut dump = String::new();
    for (line, bytes) in bytes.chunks(16).enumerate() {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
        let text: String = bytes.iter().map(|&byte| printable(byte)).collect();
        let _ = writeln!(dump, "  {:08x}  {hex:48} |{text}|", position + 16 * line as u64);
    }
    dump
}

fn printable(byte: u8) -> char {
    match byte {
        b' '..=b'~' => char::from(byte),
        _ => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_shows_positions_bytes_and_text() {
        let dump = hex_dump(b"{\"offset\":7}\n\0\x01\xff!", 0x20);
        let lines: Vec<_> = dump.lines().collect();
        assert_eq!(lines[0], "  00000020  7b 22 6f 66 66 73 65 74 22 3a 37 7d 0a 00 01 ff  |{\"offset\":7}....|");
        assert!(lines[1].starts_with("  00000030  21 ") && lines[1].ends_with(" |!|"), "{dump}");
    }
}
