//! The operating system's disk: directories that are there, or not, or something else.

use std::fs;
use std::io::ErrorKind;

use stage01::{Access, Disk, Error, OsDisk};

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Err(Error::Io { cause, .. }) => cause.kind(),
        other => panic!("expected an error of the file system, got {other:?}"),
    }
}

/// A writer makes the directories that it needs; a reader of a directory that is not there gets an error, and makes
/// nothing.
#[test]
fn directories_are_made_for_a_writer_and_not_for_a_reader() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b/c");
    assert_eq!(kind(OsDisk::existing(&path)), ErrorKind::NotFound);
    assert!(!root.path().join("a").exists());
    OsDisk::create(&path).unwrap();
    OsDisk::create(&path).unwrap();
    assert_eq!(OsDisk::existing(&path).unwrap().list().unwrap(), Vec::<String>::new());
}

/// A file where the directory should be is an error, for writers and readers, and the file stays as it is.
#[test]
fn a_file_in_place_of_the_directory_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, "somebody's").unwrap();
    kind(OsDisk::create(&path));
    kind(OsDisk::existing(&path));
    kind(OsDisk::create(path.join("below")));
    assert_eq!(fs::read(&path).unwrap(), b"somebody's");
}

/// A file is made once, opened as often as one likes, read and written at positions, renamed and removed.
#[test]
fn a_name_is_made_once_and_opened_often() {
    let root = tempfile::tempdir().unwrap();
    let disk = OsDisk::existing(root.path()).unwrap();
    assert_eq!(disk.open("x", Access::Write).unwrap_err().kind(), ErrorKind::NotFound);
    let file = disk.create("x").unwrap();
    assert_eq!(disk.create("x").unwrap_err().kind(), ErrorKind::AlreadyExists);
    file.write_at(b"abc", 2).unwrap();
    let again = disk.open("x", Access::Read).unwrap();
    let mut buffer = [9; 8];
    assert_eq!(again.read_at(&mut buffer, 0).unwrap(), 5, "fewer bytes than asked for only at the end");
    assert_eq!(&buffer, b"\0\0abc\x09\x09\x09");
    assert_eq!(again.read_at(&mut buffer, 5).unwrap(), 0);
    disk.create("w").unwrap();
    disk.rename("x", "w").unwrap();
    assert_eq!(disk.list().unwrap(), ["w"]);
    disk.remove("w").unwrap();
    assert_eq!(disk.list().unwrap(), Vec::<String>::new());
    assert_eq!(file.length().unwrap(), 5, "an open file outlives its name");
}

/// A directory can be opened for reading, and some file systems say that its length is zero: an empty log, it seems.
#[test]
fn a_directory_is_no_file() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("log.jsonl")).unwrap();
    let disk = OsDisk::existing(root.path()).unwrap();
    for access in [Access::Read, Access::Write] {
        assert_eq!(disk.open("log.jsonl", access).unwrap_err().kind(), ErrorKind::IsADirectory);
    }
}
