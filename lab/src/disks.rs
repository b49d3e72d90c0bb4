//! Disks for tests: where they come from, and what is on them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stage01::{Access, Disk, OsDisk};
use tempfile::TempDir;

use crate::sim::SimDisk;

/// Makes disks for a test, each of them empty.
pub trait Disks: Send + Sync {
    /// An empty disk.
    fn empty(&self) -> Arc<dyn Disk>;
}

/// Directories of the operating system, removed when this is dropped.
#[derive(Debug)]
pub struct OsDisks {
    root: TempDir,
    count: AtomicUsize,
}

impl OsDisks {
    /// Makes a directory for all the disks.
    #[allow(clippy::new_without_default, reason = "it may panic")]
    pub fn new() -> OsDisks {
        OsDisks { root: tempfile::tempdir().expect("a temporary directory"), count: AtomicUsize::new(0) }
    }

    /// The path of a disk that does not exist yet.
    pub fn new_path(&self) -> PathBuf {
        self.root.path().join(self.count.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Disks for OsDisks {
    fn empty(&self) -> Arc<dyn Disk> {
        Arc::new(OsDisk::create(self.new_path()).expect("a directory in the temporary directory"))
    }
}

/// Disks in memory.
#[derive(Clone, Copy, Debug)]
pub struct SimDisks;

impl Disks for SimDisks {
    fn empty(&self) -> Arc<dyn Disk> {
        SimDisk::new().disk()
    }
}

/// The files of a disk, name by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Image(BTreeMap<String, Vec<u8>>);

impl Image {
    /// What is on `disk` now.
    pub fn of(disk: &Arc<dyn Disk>) -> Image {
        let mut files = BTreeMap::new();
        for name in disk.list().expect("the disk lists its files") {
            match disk.directory(&name, Access::Read) {
                Ok(directory) => {
                    let inner = Image::of(&directory).0.into_iter();
                    files.extend(inner.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
                }
                Err(_) => drop(files.insert(name.clone(), content(disk, &name))),
            }
        }
        Image(files)
    }

    /// Puts the files on an empty disk.
    pub fn restore(&self, disk: &Arc<dyn Disk>) {
        for (name, bytes) in &self.0 {
            let file = match name.split_once('/') {
                Some((directory, file)) => {
                    let made = disk.directory(directory, Access::Write).expect("an empty disk takes a directory");
                    made.create(file)
                }
                None => disk.create(name),
            };
            let file = file.expect("an empty disk takes a new file");
            file.write_at(bytes, 0).expect("an empty disk has room");
        }
    }

    /// The names of the files that hold the records, the oldest first.
    pub fn log_names(&self) -> Vec<String> {
        self.names_of(Kind::Log)
    }

    /// The names of the files that can be made again from the log.
    pub fn derived_names(&self) -> Vec<String> {
        self.names_of(Kind::Derived)
    }

    /// The names of the files that are neither: what the log says of itself, and what was saved beside it.
    pub fn other_names(&self) -> Vec<String> {
        self.names_of(Kind::Other)
    }

    fn names_of(&self, kind: Kind) -> Vec<String> {
        self.0.keys().filter(|name| Kind::of(name) == kind).cloned().collect()
    }

    /// The names of all files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The name of the one file that holds the records of a short log.
    pub fn log_name(&self) -> String {
        let names = self.log_names();
        assert_eq!(names.len(), 1, "a short log has one log file; this disk holds {self:?}");
        names.into_iter().next().expect("one name")
    }

    /// The name of the file that holds the newest records, and is the only one that can be torn.
    pub fn newest_log_name(&self) -> String {
        self.log_names().pop().unwrap_or_else(|| panic!("a log has a log file; this disk holds {self:?}"))
    }

    /// How long a file is without the zeros at its end, which may be there to be written over.
    pub fn data_bytes(&self, name: &str) -> u64 {
        self.0[name].iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
    }

    /// The content of a file.
    pub fn bytes(&self, name: &str) -> &[u8] {
        &self.0[name]
    }

    /// The same disk with another content in one file, there or not.
    pub fn with(&self, name: &str, bytes: impl Into<Vec<u8>>) -> Image {
        let mut files = self.0.clone();
        files.insert(name.to_string(), bytes.into());
        Image(files)
    }

    /// The same disk without one of its directories. The whole disk has no name: nothing is left.
    pub fn without_directory(&self, directory: &str) -> Image {
        let is_within =
            |name: &str| directory.is_empty() || name.split_once('/').is_some_and(|(of, _)| of == directory);
        Image(self.0.iter().filter(|(name, _)| !is_within(name)).map(|(n, bytes)| (n.clone(), bytes.clone())).collect())
    }

    /// The same disk without one file.
    pub fn without(&self, name: &str) -> Image {
        let mut files = self.0.clone();
        files.remove(name);
        Image(files)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, bytes) in &self.0 {
            let shown = &bytes[..bytes.len().min(600)];
            write!(f, "\n  {name}, {} bytes: \"{}\"", bytes.len(), shown.escape_ascii())?;
        }
        Ok(())
    }
}

/// What a file is to the log. Its name's end tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It holds records.
    Log,
    /// It can be made again from the log.
    Derived,
    /// A recovery point, a checkpoint, a torn tail that was saved.
    Other,
}

impl Kind {
    fn of(name: &str) -> Kind {
        match name.rsplit_once('.').map_or("", |(_, end)| end) {
            "jsonl" | "log" | "packed" => Kind::Log,
            "index" | "timeindex" => Kind::Derived,
            _ => Kind::Other,
        }
    }
}

fn content(disk: &Arc<dyn Disk>, name: &str) -> Vec<u8> {
    let file = disk.open(name, Access::Read).expect("a listed file opens");
    let mut bytes = vec![0; file.length().expect("an open file has a length") as usize];
    let read = file.read_at(&mut bytes, 0).expect("an open file can be read");
    assert_eq!(read, bytes.len(), "{name} is as long as it says");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_a_file_is_to_the_log() {
        let base = "00000000000000000000";
        let logs = [format!("{base}-{base}.packed"), format!("{base}.log"), "log.jsonl".to_string()];
        let derived = [format!("{base}.index"), format!("{base}.timeindex")];
        let others = [format!("{base}.torn-4096"), "checkpoint-7".to_string(), "recovery-point".to_string()];
        let files = logs.iter().chain(&derived).chain(&others).map(|name| (name.clone(), vec![]));
        let image = Image(files.collect());
        assert_eq!((image.log_names(), image.derived_names()), (logs.to_vec(), derived.to_vec()));
        assert_eq!(image.other_names(), others);
    }
}
