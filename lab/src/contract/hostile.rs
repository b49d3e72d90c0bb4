//! The contract of an operating system that refuses, and of files that only it can make.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use stage01::{Disk, Error, Log, Offset, OsDisk, Stage};

use super::{append_synced, assert_holds, open};
use crate::disks::{Disks, Image, OsDisks};
use crate::meter::MeteredDisk;
use crate::records::record;

/// 4 GiB, of which the file system stores next to nothing.
const HOLE_BYTES: u64 = 4 << 30;

/// The name that the stage gives to the file of its records.
fn log_name<S: Stage>(disks: &OsDisks) -> String {
    let disk = disks.empty();
    drop(open::<S>(&disk));
    Image::of(&disk).log_name()
}

/// A directory of the operating system whose log file is `make`'s work.
fn with_log_file<S: Stage>(disks: &OsDisks, make: impl FnOnce(&Path)) -> Arc<dyn Disk> {
    let disk = disks.empty();
    make(&disk.path().join(log_name::<S>(disks)));
    disk
}

/// What the operating system answered, by both ways to open a log; any other answer fails.
fn refusals<S: Stage>(disk: &Arc<dyn Disk>) -> [ErrorKind; 2] {
    let errors = [S::open(Arc::clone(disk)).err(), S::open_reader(Arc::clone(disk)).err()];
    errors.map(|error| match error {
        Some(Error::Io { cause, .. }) => cause.kind(),
        other => panic!("expected an error of the file system at {:?}, got {other:?}", disk.path()),
    })
}

/// A directory has the name of the log.
pub fn a_directory_in_place_of_the_log_is_refused<S: Stage>(disks: &OsDisks) {
    let disk = with_log_file::<S>(disks, |path| fs::create_dir(path).unwrap());
    assert_eq!(refusals::<S>(&disk), [ErrorKind::IsADirectory; 2]);
    assert_eq!(disk.list().unwrap().len(), 1, "nothing was made beside it");
}

/// `/proc` takes no files from anybody, not even from root.
pub fn a_read_only_directory_is_refused<S: Stage>(_: &OsDisks) {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing("/proc/self").unwrap());
    refusals::<S>(&disk);
}

/// `/dev/full` is a disk without room, made by the kernel for tests like this one. As a log it is empty, and takes
/// nothing.
pub fn a_device_without_room_is_refused<S: Stage>(disks: &OsDisks) {
    let disk = with_log_file::<S>(disks, |path| symlink("/dev/full", path).unwrap());
    let error = S::open(disk).and_then(|mut log| {
        log.append(&[record(Offset(0))])?;
        log.sync()
    });
    assert!(matches!(error.as_ref().map_err(Error::root), Err(Error::Io { .. })), "got {error:?}");
}

/// A file that says it has 4 GiB: all zeros, a record that begins and never ends, a log in front of a hole. None is a
/// log, none costs memory or time in proportion to the lie, and none is cut.
pub fn a_file_of_4_gib_is_refused_at_its_first_wrong_byte<S: Stage>(disks: &OsDisks) {
    let log = disks.empty();
    append_synced(&mut open::<S>(&log), 3);
    let image = Image::of(&log);
    let records = image.bytes(&image.log_name());
    for start in [&b""[..], &records[..1], &records[..records.len() - 1], records] {
        let disk = with_log_file::<S>(disks, |path| {
            fs::write(path, start).unwrap();
            File::options().write(true).open(path).unwrap().set_len(HOLE_BYTES).unwrap();
        });
        let metered = MeteredDisk::new(Arc::clone(&disk));
        for _ in 0..2 {
            let opened = S::open(Arc::clone(&metered) as Arc<dyn Disk>);
            assert!(matches!(opened, Err(Error::BadFrame { .. })), "got {:?}", opened.err());
        }
        let path = disk.path().join(image.log_name());
        assert_eq!(fs::metadata(&path).unwrap().len(), HOLE_BYTES, "the file keeps its length");
        let read_bytes = metered.take_read_bytes();
        assert!(read_bytes < 64 << 20, "{read_bytes} bytes were read of a file that holds {}", start.len());
    }
    assert_holds(&open::<S>(&log).reader(), 3);
}
