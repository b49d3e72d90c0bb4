//! A disk on which several readers meet: whoever reads the log at one position waits there until all of them do.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use stage03::{Access, Disk, DiskFile, DiskLock};

/// Readers that do not come in this time are not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Meeting {
    position: u64,
    readers: usize,
    arrived: Mutex<usize>,
    all_are_here: Condvar,
}

impl Meeting {
    pub(crate) fn new(position: u64, readers: usize) -> Arc<Meeting> {
        Arc::new(Meeting { position, readers, arrived: Mutex::new(0), all_are_here: Condvar::new() })
    }

    fn arrive(&self) {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        self.all_are_here.notify_all();
        drop(self.all_are_here.wait_timeout_while(arrived, PATIENCE, |arrived| *arrived < self.readers).unwrap());
    }
}

/// Another disk, with the meeting in it.
#[derive(Debug)]
pub(crate) struct MeetingDisk {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) meeting: Arc<Meeting>,
}

impl Disk for MeetingDisk {
    fn path(&self) -> &Path {
        self.disk.path()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(name)
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(name, access)?;
        Ok(Arc::new(MeetingFile { file, meeting: Arc::clone(&self.meeting) }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }

    fn lock(&self) -> io::Result<DiskLock> {
        self.disk.lock()
    }
}

#[derive(Debug)]
struct MeetingFile {
    file: Arc<dyn DiskFile>,
    meeting: Arc<Meeting>,
}

impl DiskFile for MeetingFile {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let read = self.file.read_at(buffer, position);
        if position == self.meeting.position {
            self.meeting.arrive();
        }
        read
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.file.write_at(bytes, position)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn os_file(&self) -> Option<&File> {
        self.file.os_file()
    }
}
