//! The records in a file of JSON lines.

use std::fs::File;

use anyhow::Result;
use stage01::{FRAME_BYTES_MAX, Format, JsonLines, Offset};

use super::{Field, FieldKind, Limits, Part, read};

/// How far from the end of a large file its last lines are looked for.
const TAIL_BYTES: u64 = 64 * 1024;

/// The lines at the start of the first `length` bytes of a file, those at their end, and a part for all between. The
/// first record is to be `base`.
pub(super) fn parts(file: &File, length: u64, base: Offset, limits: &Limits) -> Result<Vec<Part>> {
    let mut lines = Lines { file, length, position: 0, expected: Some(base) };
    let mut parts = Vec::new();
    while parts.len() < limits.parts_head
        && let Some(part) = lines.next_part()?
    {
        parts.push(part);
    }
    let tail = lines.tail(limits.parts_tail)?;
    let tail_start = tail.first().map_or(length, |part| part.position);
    let skipped = tail_start - lines.position;
    parts.extend((skipped > 0).then(|| Part::skipped(lines.position, skipped, "records")));
    parts.extend(tail);
    Ok(parts)
}

/// Reads line after line.
struct Lines<'a> {
    file: &'a File,
    length: u64,
    /// Where the next line starts.
    position: u64,
    /// The offset that belongs there, if the lines in front of it are known.
    expected: Option<Offset>,
}

impl Lines<'_> {
    fn next_part(&mut self) -> Result<Option<Part>> {
        let left = self.length - self.position;
        if left == 0 {
            return Ok(None);
        }
        let mut window = 4096;
        let (mut bytes, newline) = loop {
            let bytes = read(self.file, self.position, window.min(left.try_into().unwrap_or(usize::MAX)))?;
            match bytes.iter().position(|byte| *byte == b'\n') {
                None if window < FRAME_BYTES_MAX && bytes.len() as u64 != left => window *= 2,
                found => break (bytes, found),
            }
        };
        let part = match newline {
            Some(newline) => {
                bytes.truncate(newline + 1);
                self.line(bytes)
            }
            None => self.unfinished(bytes, left),
        };
        self.position += part.length;
        Ok(Some(part))
    }

    /// A line with its newline.
    fn line(&mut self, bytes: Vec<u8>) -> Part {
        let (meaning, is_wrong) = match (JsonLines.decode(&bytes), self.expected) {
            (Err(error), _) => (format!("not a record: {error}"), true),
            (Ok((found, _)), Some(expected)) if found != expected => {
                (format!("record {found}, where record {expected} belongs"), true)
            }
            (Ok((offset, record)), _) => {
                self.expected = Some(offset.next());
                let key = record.key.map(|key| format!("a key of {}, ", bytes_long(key.len()))).unwrap_or_default();
                (format!("record {offset}: {key}a value of {}", bytes_long(record.value.len())), false)
            }
        };
        let fields = if is_wrong { newline_field(&bytes) } else { fields(&bytes) };
        Part { fields, is_wrong, ..Part::plain(self.position, bytes, meaning) }
    }

    /// The end of the file, without a newline.
    fn unfinished(&self, bytes: Vec<u8>, left: u64) -> Part {
        let is_torn = left <= FRAME_BYTES_MAX as u64
            && self.expected.is_some_and(|expected| JsonLines.is_torn_append(&bytes, expected));
        let meaning = match is_torn {
            true => "a torn append: it has no newline, and the next open cuts it",
            false => "neither a record nor the beginning of one: the log does not open",
        };
        Part { is_wrong: true, length: left, ..Part::plain(self.position, bytes, meaning.to_string()) }
    }

    /// The last lines behind those that were read.
    fn tail(&self, parts_max: usize) -> Result<Vec<Part>> {
        let start = self.position.max(self.length.saturating_sub(TAIL_BYTES));
        let mut lines = Lines { position: start, expected: None, ..*self };
        if start > self.position {
            let bytes = read(self.file, start, TAIL_BYTES as usize)?;
            let Some(newline) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
            lines.position = start + newline as u64 + 1;
        } else {
            lines.expected = self.expected;
        }
        let mut parts = Vec::new();
        while let Some(part) = lines.next_part()? {
            parts.push(part);
        }
        Ok(parts.split_off(parts.len().saturating_sub(parts_max)))
    }
}

fn bytes_long(count: usize) -> String {
    if count == 1 { "1 byte".to_string() } else { format!("{count} bytes") }
}

fn newline_field(line: &[u8]) -> Vec<Field> {
    vec![Field { start: line.len() - 1, end: line.len(), kind: FieldKind::Newline }]
}

/// The fields of a line that holds a record: what stands behind each name, without quotes.
fn fields(line: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = 1;
    while let Some(name_end) = string_end(line, at) {
        let kind = match &line[at + 1..name_end - 1] {
            b"offset" => FieldKind::Offset,
            b"timestamp_ms" => FieldKind::Timestamp,
            b"key" | b"key_base64" => FieldKind::Key,
            _ => FieldKind::Value,
        };
        let start = name_end + 1;
        let (field, next) = match string_end(line, start) {
            Some(end) => (start + 1..end - 1, end),
            None => {
                let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                (start..start + digits, start + digits)
            }
        };
        fields.push(Field { start: field.start, end: field.end, kind });
        at = next + 1;
    }
    fields.retain(|field| field.start < field.end);
    fields.extend(newline_field(line));
    fields
}

/// Behind the closing quote of the string that starts at `at`, if one does.
fn string_end(line: &[u8], at: usize) -> Option<usize> {
    let mut rest = line.get(at..)?.strip_prefix(b"\"")?.iter().enumerate();
    while let Some((number, byte)) = rest.next() {
        match byte {
            b'"' => return Some(at + number + 2),
            b'\\' => drop(rest.next()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{AnnotatedFile, annotate_file};
    use super::*;

    fn inspected(bytes: &[u8], limits: &Limits) -> AnnotatedFile {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("log.jsonl"), bytes).unwrap();
        annotate_file(Path::new(directory.path()), "log.jsonl", limits).unwrap()
    }

    fn line(offset: u64) -> String {
        format!("{{\"offset\":{offset},\"timestamp_ms\":5,\"key\":\"k\",\"value\":\"a\\\"b\"}}\n")
    }

    fn meanings(bytes: &[u8]) -> Vec<String> {
        inspected(bytes, &Limits::default()).parts.into_iter().map(|part| part.meaning).collect()
    }

    #[test]
    fn every_field_of_a_record_is_found() {
        let text = line(12);
        let file = inspected(text.replace("12", "0").as_bytes(), &Limits::default());
        let part = &file.parts[0];
        assert_eq!(part.meaning, "record 0: a key of 1 byte, a value of 3 bytes");
        let found = part.fields.iter().map(|field| (field.kind.label(), &part.bytes[field.start..field.end]));
        let expected: [(&str, &[u8]); 5] =
            [("offset", b"0"), ("timestamp", b"5"), ("key", b"k"), ("value", b"a\\\"b"), ("newline", b"\n")];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_behind_the_records_is_told_apart() {
        let torn = meanings(format!("{}{{\"offset\":1,\"ti", line(0)).as_bytes());
        assert!(torn[1].starts_with("a torn append"), "{torn:?}");
        let zeros = meanings(format!("{}\0\0\0", line(0)).as_bytes());
        assert!(zeros[1].starts_with("a torn append"), "{zeros:?}");
        let alien = meanings(format!("{}hello", line(0)).as_bytes());
        assert!(alien[1].starts_with("neither a record"), "{alien:?}");
        let hole = meanings(format!("{}{}", line(0), line(2)).as_bytes());
        assert_eq!(hole[1], "record 2, where record 1 belongs");
        let bad = meanings(format!("{}hello\n", line(0)).as_bytes());
        assert!(bad[1].starts_with("not a record: "), "{bad:?}");
    }

    #[test]
    fn of_a_long_log_both_ends_are_shown_and_every_byte_is_accounted_for() {
        let limits = Limits { parts_head: 3, parts_tail: 2, rows_head: 1, rows_tail: 1 };
        for records in [0, 1, 3, 4, 5, 6, 5000] {
            let text: String = (0..records).map(line).collect();
            let file = inspected(text.as_bytes(), &limits);
            let mut position = 0;
            for part in &file.parts {
                assert_eq!(part.position, position, "{records} records: {file:#?}");
                position += part.length;
            }
            assert_eq!(position, file.length, "{records} records");
            assert!(file.parts.iter().all(|part| !part.is_wrong), "{records} records: {file:#?}");
            if records == 5000 {
                assert!(file.parts[3].meaning.ends_with("bytes of records that are not shown"), "{file:#?}");
                assert!(file.parts[5].meaning.starts_with("record 4999:"), "{file:#?}");
            }
        }
    }

    #[test]
    fn text_shows_position_bytes_characters_and_meaning() {
        let text = inspected(line(0).as_bytes(), &Limits::default()).to_text(&Limits::default());
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], "log.jsonl: 55 bytes, records as lines of JSON");
        let row = "  00000000  7b 22 6f 66 66 73 65 74 22 3a 30 2c 22 74 69 6d  {\"offset\":0,\"tim  record 0: a key of 1 byte, a value of 3 bytes · offset";
        assert_eq!(rows[1], row);
        assert_eq!(
            rows[4],
            "  00000030  61 5c 22 62 22 7d 0a                             a\\\"b\"}·           value, newline"
        );
    }
}
