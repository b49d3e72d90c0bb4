//! The bytes of a log's files, explained: which of them are which record, and what each field is.
//!
//! The book prints this as tables of HTML, `cargo course inspect` as text. It reads any directory, of any stage and in
//! any state, and changes nothing; of large files it shows the beginning and the end.

mod checkpoint;
mod frames;
mod index;
mod json_lines;
mod packed;
mod segment;
pub(crate) mod text;
mod time_index;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use stage01::{Access, Disk, Offset, OsDisk};
use stage05::recovery_point::RecoveryPoint;
use stage06::local::quorum_state::QUORUM_STATE;
use stage06::local::{DIRECTORIES, QuorumState};
use stage06::tablet_log::snapshots::{self, SNAPSHOT_SUFFIX, Snapshot};

/// How much of a file is shown.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Parts (records, entries) from the start of the file.
    pub parts_head: usize,
    /// Parts at its end.
    pub parts_tail: usize,
    /// Rows of 16 bytes from the start of a part.
    pub rows_head: usize,
    /// Rows at its end.
    pub rows_tail: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { parts_head: 16, parts_tail: 4, rows_head: 8, rows_tail: 2 }
    }
}

/// One file of a log.
#[derive(Clone, Debug)]
pub struct AnnotatedFile {
    /// Its name in the directory.
    pub name: String,
    /// How long it is, in bytes.
    pub length: u64,
    /// What it is.
    pub kind: &'static str,
    /// Its bytes, from the first to the last, without holes.
    pub parts: Vec<Part>,
}

/// Bytes that belong together: a record, an index entry, or what is not shown.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where it starts in the file.
    pub position: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// Its bytes; none if it is not shown.
    pub bytes: Vec<u8>,
    /// What it is.
    pub meaning: String,
    /// What the bytes in it are, in order.
    pub fields: Vec<Field>,
    /// Whether it should not be here.
    pub is_wrong: bool,
}

/// Some bytes of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The first byte, counted from the start of the part.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What they are.
    pub kind: FieldKind,
}

/// What some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// The record's offset.
    Offset,
    /// The record's timestamp.
    Timestamp,
    /// The record's key.
    Key,
    /// The record's value.
    Value,
    /// The newline: the mark that the record is whole.
    Newline,
    /// The position of a record or of a block in its file.
    Position,
    /// A checksum over other bytes.
    Checksum,
    /// How many bytes follow.
    Length,
    /// How far the log was synced when this was written.
    Watermark,
}

impl FieldKind {
    /// All kinds, in the order of a legend.
    pub const ALL: [FieldKind; 9] = [
        FieldKind::Offset,
        FieldKind::Timestamp,
        FieldKind::Key,
        FieldKind::Value,
        FieldKind::Newline,
        FieldKind::Position,
        FieldKind::Checksum,
        FieldKind::Length,
        FieldKind::Watermark,
    ];

    /// The kind in a word or a few.
    pub fn label(self) -> &'static str {
        match self {
            FieldKind::Offset => "offset",
            FieldKind::Timestamp => "timestamp",
            FieldKind::Key => "key",
            FieldKind::Value => "value",
            FieldKind::Newline => "newline",
            FieldKind::Position => "position",
            FieldKind::Checksum => "checksum",
            FieldKind::Length => "length",
            FieldKind::Watermark => "watermark",
        }
    }
}

/// Explains every file in `directory`, sorted by name, and behind them those of the copies of stage 6, if it has any.
///
/// # Errors
///
/// The directory or a file in it cannot be read. Damage is no error: it is what an inspection is for.
pub fn annotate(directory: &Path, limits: &Limits) -> Result<Vec<AnnotatedFile>> {
    ensure!(directory.is_dir(), "{} is not a directory: name the one that holds the log's files", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push(annotate_file(directory, &name, limits).with_context(|| entry.path().display().to_string())?);
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    for copy in DIRECTORIES.into_iter().filter(|copy| directory.join(copy).is_dir()) {
        let within = annotate(&directory.join(copy), limits)?.into_iter();
        files.extend(within.map(|file| AnnotatedFile { name: format!("{copy}/{}", file.name), ..file }));
    }
    Ok(files)
}

/// Explains one file of a log.
pub(crate) fn annotate_file(directory: &Path, name: &str, limits: &Limits) -> Result<AnnotatedFile> {
    let file = File::open(directory.join(name))?;
    let length = file.metadata()?.len();
    let (kind, parts) = match name {
        "log.jsonl" => ("records as lines of JSON", json_lines::parts(&file, length, Offset(0), limits)?),
        "log.index" | "log.index.new" => {
            let log = OsDisk::existing(directory)?.open("log.jsonl", Access::Read).ok();
            let log = index::Log { file: log, name: "log.jsonl", base: 0 };
            ("an index of the log: entries of eight bytes", index::parts(&file, length, &log, limits)?)
        }
        _ if checkpoint::is_name(name) => {
            ("a checkpoint of a key-value store", checkpoint::parts(&file, length, limits)?)
        }
        "recovery-point" => ("how far the log was synced: lines of text", recovery_point(directory, &file, length)?),
        QUORUM_STATE => ("what the controller has said: lines of text", quorum_state(directory, &file, length)?),
        _ if name.ends_with(SNAPSHOT_SUFFIX) => {
            ("what the log has of its producers: lines of text", producers(&file, length)?)
        }
        _ => match segment::parts(directory, name, &file, length, limits)? {
            Some(explained) => explained,
            None => ("not a file of a log that this tool knows", unknown(&file, length)?),
        },
    };
    Ok(AnnotatedFile { name: name.to_string(), length, kind, parts })
}

/// The recovery point, which is whole or damaged.
fn recovery_point(directory: &Path, file: &File, length: u64) -> Result<Vec<Part>> {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory)?);
    let (meaning, is_wrong) = match RecoveryPoint::read(&disk) {
        Ok(Some(point)) => (format!("every record in front of {} was synced", point.durable.offset), false),
        Ok(None) => ("gone meanwhile".to_string(), false),
        Err(error) => (error.to_string(), true),
    };
    let bytes = read(file, 0, length.min(256) as usize)?;
    let shown = bytes.len() as u64;
    let mut parts = vec![Part { is_wrong, ..Part::plain(0, bytes, meaning) }];
    parts.extend((shown < length).then(|| Part::skipped(shown, length - shown, "bytes")));
    Ok(parts)
}

/// The controller's state, which is whole or damaged.
fn quorum_state(directory: &Path, file: &File, length: u64) -> Result<Vec<Part>> {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory)?);
    let (meaning, is_wrong) = match QuorumState::read(&disk) {
        Ok(Some(QuorumState { term, written_in, .. })) => {
            (format!("written in term {written_in}, and promised to term {term}"), false)
        }
        Ok(None) => ("gone meanwhile".to_string(), false),
        Err(error) => (error.to_string(), true),
    };
    Ok(vec![Part { is_wrong, ..Part::plain(0, read(file, 0, length.min(4096) as usize)?, meaning) }])
}

/// A snapshot of a tablet's producers, which is whole or passed over.
fn producers(file: &File, length: u64) -> Result<Vec<Part>> {
    let bytes = read(file, 0, length.min(snapshots::BYTES_MAX) as usize)?;
    let (meaning, is_wrong) = match Snapshot::decode(&bytes) {
        Some(Snapshot { start, end, epoch, producers }) => (
            format!("{} producers from {start} up to {end}, where the last batch is of {epoch}", producers.len()),
            false,
        ),
        None => ("this is no snapshot, or its checksum does not fit; it is not used".to_string(), true),
    };
    let shown = bytes.len() as u64;
    let mut parts = vec![Part { is_wrong, ..Part::plain(0, bytes, meaning) }];
    parts.extend((shown < length).then(|| Part::skipped(shown, length - shown, "bytes")));
    Ok(parts)
}

/// The first bytes of a file that is not ours.
fn unknown(file: &File, length: u64) -> Result<Vec<Part>> {
    let bytes = read(file, 0, length.min(64) as usize)?;
    let shown = bytes.len() as u64;
    let mut parts = vec![Part::plain(0, bytes, "unknown".to_string())];
    parts.extend((shown < length).then(|| Part::skipped(shown, length - shown, "bytes")));
    parts.retain(|part| part.length > 0);
    Ok(parts)
}

impl Part {
    fn plain(position: u64, bytes: Vec<u8>, meaning: String) -> Part {
        Part { position, length: bytes.len() as u64, bytes, meaning, fields: Vec::new(), is_wrong: false }
    }

    /// Bytes that are there and not shown.
    fn skipped(position: u64, length: u64, what: &str) -> Part {
        let meaning = format!("{length} bytes of {what} that are not shown");
        Part { position, length, bytes: Vec::new(), meaning, fields: Vec::new(), is_wrong: false }
    }

    /// The rows of 16 bytes that are shown, as ranges of the part's bytes.
    pub(crate) fn rows(&self, limits: &Limits) -> (Vec<std::ops::Range<usize>>, Vec<std::ops::Range<usize>>) {
        let count = self.bytes.len().div_ceil(16);
        let row = |number: usize| number * 16..(number * 16 + 16).min(self.bytes.len());
        match count <= limits.rows_head + limits.rows_tail + 1 {
            true => ((0..count).map(row).collect(), Vec::new()),
            false => ((0..limits.rows_head).map(row).collect(), (count - limits.rows_tail..count).map(row).collect()),
        }
    }

    /// What begins in a row: the part itself in the first one, and, unless it is but one row, fields.
    pub(crate) fn notes(&self, row: &std::ops::Range<usize>) -> String {
        let part = (row.start == 0).then(|| self.meaning.clone());
        let fields = self.fields.iter().filter(|field| row.contains(&field.start));
        let fields: Vec<&str> = fields.map(|field| field.kind.label()).collect();
        let fields = (!fields.is_empty() && self.bytes.len() > 16).then(|| fields.join(", "));
        part.into_iter().chain(fields).collect::<Vec<_>>().join(" · ")
    }

    /// The kind of the byte at this place in the part.
    pub(crate) fn kind_at(&self, at: usize) -> Option<FieldKind> {
        self.fields.iter().find(|field| (field.start..field.end).contains(&at)).map(|field| field.kind)
    }
}

/// Reads up to `count` bytes; fewer only at the end of the file.
fn read(file: &File, position: u64, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match file.read_at(&mut bytes[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
