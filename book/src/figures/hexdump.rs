//! The bytes of a file that a stage writes, as a table of the page.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use stage01::{Disk, Log, OsDisk, Record, Stage};
use stage04::{CompactOptions, Compression, JsonSegments, PackOptions, SegmentOptions, SegmentedLog, Stage04};
use stage05::kv::{KvOptions, KvStore};
use stage05::salt::SaltSource;
use stage05::{Framed, Stage05};

use super::inspect::text::character;
use super::inspect::{self, AnnotatedFile, FieldKind, Limits, Part};
use crate::html::escape;
use crate::tool::stages::{self, Visitor};

/// Enough of a long record to see where it begins and ends.
const LIMITS: Limits = Limits { parts_head: 40, parts_tail: 0, rows_head: 5, rows_tail: 1 };

/// The milliseconds since 1970 of the first record.
const FIRST_TIMESTAMP_MS: u64 = 1_736_937_000_000;

/// Lets the stage with this name write a few records, and explains the file.
pub(crate) fn hexdump(stage: &str, file: &str) -> Result<String> {
    let directory = tempfile::tempdir().context("no place to write a log")?;
    if stage == Stage05::NAME && file.starts_with("checkpoint-") {
        write_store(directory.path())?;
        return Ok(html(&inspect::annotate_file(directory.path(), file, &LIMITS)?));
    }
    let about = stages::all().into_iter().find(|about| about.name == stage);
    let about = about.with_context(|| format!("there is no stage `{stage}`"))?;
    stages::visit(about.number, &mut Sample { directory: directory.path() })??;
    if !directory.path().join(file).is_file() {
        let files = inspect::annotate(directory.path(), &LIMITS)?;
        let names: Vec<String> = files.into_iter().map(|file| file.name).collect();
        bail!("{stage} writes no `{file}`; it writes {}", names.join(", "));
    }
    Ok(html(&inspect::annotate_file(directory.path(), file, &LIMITS)?))
}

/// Writes the records of the dump into a directory.
struct Sample<'a> {
    directory: &'a Path,
}

impl Visitor for Sample<'_> {
    type Output = Result<()>;

    fn visit<S: Stage>(&mut self) -> Result<()> {
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(self.directory)?);
        if S::NAME == Stage04::NAME {
            return write_segments(&disk);
        }
        if S::NAME == Stage05::NAME {
            return write_frames(&disk);
        }
        let mut log = S::open(disk)?;
        log.append(&records(S::NAME >= "stage03"))?;
        log.sync()?;
        Ok(())
    }
}

/// A segment that was compacted and compressed, one that is sealed, and the newest.
fn write_segments(disk: &Arc<dyn Disk>) -> Result<()> {
    let mut log = SegmentedLog::open(disk, JsonSegments, SegmentOptions::default())?;
    log.append(&records(true))?;
    log.roll()?;
    for (key, timestamp_ms) in [("order-2", 40), ("order-3", 20)] {
        let record = Record::new(FIRST_TIMESTAMP_MS + timestamp_ms, b"placed".to_vec());
        log.append(&[record.with_key(key.as_bytes().to_vec())])?;
    }
    log.roll()?;
    log.append(&[Record::new(FIRST_TIMESTAMP_MS + 60, b"paid".to_vec()).with_key(b"order-2".to_vec())])?;
    log.sync()?;
    let pack = Some(PackOptions { compression: Compression::Lz4, ..PackOptions::default() });
    // So small that neighbours stay what they are.
    let options = CompactOptions { segment_bytes_max: 1, pack, ..CompactOptions::default() };
    log.maintenance().compact(FIRST_TIMESTAMP_MS, &options)?;
    Ok(())
}

/// A key-value store with three writes in front of its checkpoint.
fn write_store(directory: &Path) -> Result<()> {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory)?);
    let store = KvStore::open(&disk, KvOptions::default())?;
    store.put(b"order-1", b"placed")?;
    store.put(b"order-2", b"placed")?;
    store.put(b"order-1", b"paid")?;
    store.checkpoint()?;
    Ok(store.close()?)
}

/// Two frames, the second of which was written behind a sync. The salt is always the same, so that the dump is.
fn write_frames(disk: &Arc<dyn Disk>) -> Result<()> {
    let storage = Framed::with_salts(SaltSource::Fixed(5));
    let mut log = SegmentedLog::open(disk, storage, SegmentOptions::default())?;
    let records = records(false);
    log.append(&records[..2])?;
    log.sync()?;
    log.append(&records[2..])?;
    log.sync()?;
    Ok(())
}

/// One record of each kind; and enough of them for an index, if there is one.
fn records(are_indexed: bool) -> Vec<Record<'static>> {
    let mut values: Vec<Record<'static>> = vec![
        Record::new(0, b"placed".to_vec()).with_key(b"order-1".to_vec()),
        Record::new(0, b"two\nlines".to_vec()),
        Record::new(0, vec![0x00, 0xff]).with_key(b"order-1".to_vec()),
    ];
    let long = (0..if are_indexed { 7 } else { 0 }).map(|_| Record::new(0, "a longer value ".repeat(140).into_bytes()));
    values.extend(long);
    for (record, timestamp_ms) in values.iter_mut().zip(FIRST_TIMESTAMP_MS..) {
        record.timestamp_ms = timestamp_ms;
    }
    values
}

fn html(file: &AnnotatedFile) -> String {
    let mut html = legend(file);
    html.push_str("<div class=\"table-wrapper\"><table class=\"hexdump\">\n<thead><tr>");
    html.push_str("<th>byte</th><th>in hexadecimal</th><th>as text</th><th>what it is</th></tr></thead>\n");
    for part in &file.parts {
        html.push_str(if part.is_wrong { "<tbody class=\"wrong\">\n" } else { "<tbody>\n" });
        let (head, tail) = part.rows(&LIMITS);
        head.iter().for_each(|row| write_row(part, row, &mut html));
        if let (Some(next), Some(last)) = (tail.first(), head.last()) {
            let hidden = next.start - last.end;
            writeln!(html, "<tr class=\"more\"><td>…</td><td colspan=\"3\">{hidden} bytes more</td></tr>")
                .expect(STRING);
        }
        tail.iter().for_each(|row| write_row(part, row, &mut html));
        html.push_str("</tbody>\n");
    }
    let caption = format!("<code>{}</code>, {} bytes: {}.", escape(&file.name), file.length, file.kind);
    format!("{html}</table></div>\n<p class=\"origin\">{caption}</p>")
}

const STRING: &str = "a string takes everything";

/// The fields that are marked in the dump, each shown as it is marked.
fn legend(file: &AnnotatedFile) -> String {
    let used = |kind: &FieldKind| file.parts.iter().any(|part| part.fields.iter().any(|field| field.kind == *kind));
    let entries = FieldKind::ALL.into_iter().filter(used);
    let entries = entries.map(|kind| format!("<span class=\"f-{0}\">{0}</span>", kind.label()));
    format!("<p class=\"legend\">{}</p>\n", entries.collect::<Vec<_>>().join(" "))
}

fn write_row(part: &Part, row: &Range<usize>, html: &mut String) {
    let position = part.position + row.start as u64;
    let hex = marked(part, row, " ", |byte| format!("{byte:02x}"));
    let text = marked(part, row, "", |byte| escape(&character(byte).to_string()));
    let notes = escape(&part.notes(row));
    writeln!(html, "<tr><td>{position:04x}</td><td>{hex}</td><td>{text}</td><td>{notes}</td></tr>").expect(STRING);
}

/// The bytes of a row, those of one field within one mark.
fn marked(part: &Part, row: &Range<usize>, between: &str, show: impl Fn(u8) -> String) -> String {
    let places: Vec<usize> = row.clone().collect();
    let runs = places.chunk_by(|a, b| part.kind_at(*a) == part.kind_at(*b));
    let runs = runs.map(|run| {
        let bytes: Vec<String> = run.iter().map(|at| show(part.bytes[*at])).collect();
        let bytes = bytes.join(between);
        match part.kind_at(run[0]) {
            Some(kind) => format!("<span class=\"f-{}\">{bytes}</span>", kind.label()),
            None => bytes,
        }
    });
    runs.collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_with_its_fields_marked() {
        let html = hexdump("stage01", "log.jsonl").unwrap();
        let row = "<tr><td>0000</td><td>7b 22 6f 66 66 73 65 74 22 3a <span class=\"f-offset\">30</span> 2c 22 74 69 6d</td>\
                   <td>{&quot;offset&quot;:<span class=\"f-offset\">0</span>,&quot;tim</td>\
                   <td>record 0: a key of 7 bytes, a value of 6 bytes · offset</td></tr>";
        assert!(html.contains(row), "{html}");
        assert!(html.contains("<span class=\"f-newline\">0a</span>"), "{html}");
        assert!(!html.contains("class=\"wrong\""), "{html}");
    }

    #[test]
    fn of_a_long_record_the_middle_is_left_out_and_counted() {
        let html = hexdump("stage03", "log.jsonl").unwrap();
        let more = "<tr class=\"more\"><td>…</td><td colspan=\"3\">";
        assert_eq!(html.matches(more).count(), 7, "{html}");
    }

    #[test]
    fn an_index_has_entries_that_are_true() {
        let html = hexdump("stage03", "log.index").unwrap();
        assert!(html.matches("of log.jsonl</td>").count() >= 2, "{html}");
        assert!(!html.contains("class=\"wrong\""), "{html}");
    }

    #[test]
    fn the_files_of_a_segment_are_shown_with_nothing_wrong_in_them() {
        for (file, meaning) in [
            ("00000000000000000010.log", "record 10: a key of 7 bytes, a value of 6 bytes"),
            ("00000000000000000010.timeindex", "the seal: no record of the segment is younger"),
            ("00000000000000000000-00000000000000000010.packed", "block 0: "),
        ] {
            let html = hexdump("stage04", file).unwrap();
            assert!(html.contains(meaning) && !html.contains("class=\"wrong\""), "{html}");
        }
    }

    #[test]
    fn a_checkpoint_is_shown_with_its_keys_in_order() {
        let html = hexdump("stage05", "checkpoint-00000000000000000003").unwrap();
        assert!(html.contains("the header: 2 keys, as they were in front of record 3"), "{html}");
        assert!(html.find("a value of 4 bytes") < html.find("a value of 6 bytes"), "order-1 is paid: {html}");
        assert!(!html.contains("class=\"wrong\""), "{html}");
    }

    #[test]
    fn frames_are_shown_with_what_they_know() {
        let html = hexdump("stage05", "00000000000000000000.log").unwrap();
        for meaning in
            ["a frame: records 0 to 1; the log was synced through 0", "record 2; the log was synced through 2"]
        {
            assert!(html.contains(meaning) && !html.contains("class=\"wrong\""), "{meaning}: {html}");
        }
        let html = hexdump("stage05", "recovery-point").unwrap();
        assert!(html.contains("every record in front of 3 was synced"), "{html}");
    }

    #[test]
    fn a_file_that_the_stage_does_not_write_is_named_with_those_that_it_writes() {
        let said = hexdump("stage01", "log.index").unwrap_err().to_string();
        assert_eq!(said, "stage01 writes no `log.index`; it writes log.jsonl");
        assert!(hexdump("stage09", "log.jsonl").unwrap_err().to_string().contains("no stage `stage09`"));
    }
}
