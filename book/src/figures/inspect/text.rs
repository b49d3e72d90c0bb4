//! An annotated file as plain text, for a terminal.

use std::fmt::Write;

use super::{AnnotatedFile, Limits, Part};

impl AnnotatedFile {
    /// The file as text: position, bytes, the same bytes as characters, and what they are.
    pub fn to_text(&self, limits: &Limits) -> String {
        let mut text = format!("{}: {} bytes, {}\n", self.name, self.length, self.kind);
        for part in &self.parts {
            part.write_text(limits, &mut text);
        }
        text
    }
}

impl Part {
    fn write_text(&self, limits: &Limits, text: &mut String) {
        let mark = if self.is_wrong { "! " } else { "" };
        if self.bytes.is_empty() {
            writeln!(text, "  …         {mark}{}", self.meaning).expect("a string takes everything");
        }
        let (head, tail) = self.rows(limits);
        let hidden = tail.first().zip(head.last()).map(|(tail, head)| tail.start - head.end);
        for row in head.iter().map(Some).chain([None]).chain(tail.iter().map(Some)) {
            match (row, hidden) {
                (Some(row), _) => self.write_row(row, mark, text),
                (None, Some(hidden)) => {
                    writeln!(text, "  …         {hidden} bytes more").expect("a string takes everything")
                }
                (None, None) => {}
            }
        }
    }

    fn write_row(&self, row: &std::ops::Range<usize>, mark: &str, text: &mut String) {
        let bytes = &self.bytes[row.clone()];
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let characters: String = bytes.iter().map(|byte| character(*byte)).collect();
        let notes = self.notes(row);
        let notes = if notes.is_empty() { notes } else { format!("{mark}{notes}") };
        let position = self.position + row.start as u64;
        let line = format!("  {position:08x}  {:<47}  {characters:<16}  {notes}", hex.join(" "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// A byte as the one character that stands for it.
pub(crate) fn character(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { byte.into() } else { '·' }
}
