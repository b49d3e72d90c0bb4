//! What is durable at each step of making and deleting a partition.

use super::*;
use crate::json_segments::JsonSegments;
use stage03::{Access, DiskFile};

/// A data directory that writes down, at each sync, what is in it, and which of its directories are empty.
#[derive(Debug)]
struct Watched {
    root: OsDisk,
    syncs: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Disk for Watched {
    fn path(&self) -> &Path {
        self.root.path()
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.root.create(name)
    }
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.root.open(name, access)
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.root.list()
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.root.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.root.remove(name)
    }
    fn sync_directory(&self) -> io::Result<()> {
        let is_empty = |name: &str| fs::read_dir(self.path().join(name)).is_ok_and(|mut files| files.next().is_none());
        let names = self.root.list()?.into_iter();
        let seen = names.map(|name| if is_empty(&name) { format!("{name}, empty") } else { name }).collect();
        self.syncs.lock().unwrap().push(seen);
        Disk::sync_directory(&self.root)
    }
    fn lock(&self) -> io::Result<DiskLock> {
        self.root.lock()
    }
}

/// The syncs of a data directory, in which `work` does something, and has found the files of `before`.
fn syncs(before: &[&str], work: impl FnOnce(&Partitions<JsonSegments>)) -> Vec<Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    for path in before {
        fs::create_dir_all(directory.path().join(path)).unwrap();
    }
    let syncs = Arc::<Mutex<Vec<Vec<String>>>>::default();
    let root = Watched { root: OsDisk::existing(directory.path()).unwrap(), syncs: Arc::clone(&syncs) };
    work(&Partitions::of_directory(Arc::new(root), JsonSegments, SegmentOptions::default()).unwrap());
    syncs.lock().unwrap().clone()
}

/// A partition's name is durable before it has a log, also if somebody made its directory and was killed then.
#[test]
fn the_name_of_a_partition_is_durable_before_it_has_a_log() {
    for before in [&[][..], &["a"]] {
        let syncs = syncs(before, |partitions| drop(partitions.create("a").unwrap()));
        assert_eq!(syncs[1..], [["a, empty"]], "there before: {before:?}");
    }
}

/// The new name is durable while all the files are still there.
#[test]
fn a_deleted_partition_is_gone_for_good_before_its_first_file_is() {
    let syncs = syncs(&[], |partitions| {
        drop(partitions.create("a").unwrap());
        partitions.delete("a").unwrap();
    });
    assert_eq!(syncs[2..], [["a.deleted"]]);
}

/// The same if the one who deleted it was killed behind the renaming.
#[test]
fn what_is_left_of_a_deleted_partition_is_removed_when_its_new_name_is_durable() {
    let syncs = syncs(&["a.deleted/files"], |partitions| assert_eq!(partitions.list().unwrap(), [""; 0]));
    assert_eq!(syncs, [["a.deleted"]]);
}
