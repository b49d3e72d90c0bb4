//! A disk that tells a test of every call, so that a test can let something happen at just that moment.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use stage03::{Access, Disk, DiskFile, DiskLock};

/// Whoever does not come in this time is not waited for.
const PATIENCE: Duration = Duration::from_millis(700);

type OnCall = Box<dyn Fn(&str) + Send + Sync>;

/// Another disk, and what to do behind each call: after it was made, and before its answer is given.
pub(crate) struct WatchedDisk {
    disk: Arc<dyn Disk>,
    on_call: Arc<OnceLock<OnCall>>,
}

impl WatchedDisk {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> WatchedDisk {
        WatchedDisk { disk, on_call: Arc::default() }
    }

    /// From now on, calls `on_call` with each call, for example `read log.jsonl at 0`. Once for each disk.
    pub(crate) fn watch(&self, on_call: impl Fn(&str) + Send + Sync + 'static) {
        assert!(self.on_call.set(Box::new(on_call)).is_ok(), "one watch for each disk");
    }

    /// Does `work` in another thread as soon as `call` is made, and lets whoever made it wait until that is done, or for
    /// as long as there is patience: if the work in its turn has to wait for the caller, it ends later.
    pub(crate) fn meanwhile(&self, call: &'static str, work: impl FnOnce() + Send + 'static) -> Meanwhile {
        let (start, started) = mpsc::channel();
        let (finish, finished) = mpsc::channel();
        let thread = thread::spawn(move || {
            let is_time = started.recv_timeout(PATIENCE * 4);
            assert!(is_time.is_ok(), "nobody made the call that this test waits for: {call}");
            work();
            drop(finish);
        });
        let once: Mutex<Option<Receiver<()>>> = Mutex::new(Some(finished));
        self.watch(move |made| {
            if made == call
                && let Some(finished) = once.lock().unwrap().take()
            {
                start.send(()).expect("the other thread waits for this");
                let _ = finished.recv_timeout(PATIENCE);
            }
        });
        Meanwhile { thread }
    }

    fn file(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(WatchedFile { file, name: name.to_owned(), on_call: Arc::clone(&self.on_call) })
    }

    fn called(&self, call: &str) {
        tell(&self.on_call, call);
    }
}

fn tell(on_call: &OnceLock<OnCall>, call: &str) {
    if let Some(on_call) = on_call.get() {
        on_call(call);
    }
}

impl fmt::Debug for WatchedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "watched {:?}", self.disk)
    }
}

/// Work that is done in another thread.
pub(crate) struct Meanwhile {
    thread: JoinHandle<()>,
}

impl Meanwhile {
    pub(crate) fn wait(self) {
        self.thread.join().expect("the other thread has come to its end");
    }
}

/// Readers that meet: each waits until all of them are there.
pub(crate) struct Meeting {
    readers: usize,
    arrived: Mutex<usize>,
    all_are_here: Condvar,
}

impl Meeting {
    pub(crate) fn of(readers: usize) -> Meeting {
        Meeting { readers, arrived: Mutex::new(0), all_are_here: Condvar::new() }
    }

    pub(crate) fn arrive(&self) {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        self.all_are_here.notify_all();
        drop(self.all_are_here.wait_timeout_while(arrived, PATIENCE, |arrived| *arrived < self.readers).unwrap());
    }
}

impl Disk for WatchedDisk {
    fn path(&self) -> &Path {
        self.disk.path()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let created = self.disk.create(name);
        self.called(&format!("create {name}"));
        Ok(self.file(name, created?))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let opened = self.disk.open(name, access);
        self.called(&format!("open {name}"));
        Ok(self.file(name, opened?))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = self.disk.list();
        self.called("list");
        names
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let renamed = self.disk.rename(from, to);
        self.called(&format!("rename {from} to {to}"));
        renamed
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = self.disk.remove(name);
        self.called(&format!("remove {name}"));
        removed
    }

    fn sync_directory(&self) -> io::Result<()> {
        let synced = self.disk.sync_directory();
        self.called("sync the directory");
        synced
    }

    fn lock(&self) -> io::Result<DiskLock> {
        let lock = self.disk.lock();
        self.called("lock");
        lock
    }
}

struct WatchedFile {
    file: Arc<dyn DiskFile>,
    name: String,
    on_call: Arc<OnceLock<OnCall>>,
}

impl fmt::Debug for WatchedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "watched {:?}", self.file)
    }
}

impl DiskFile for WatchedFile {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let read = self.file.read_at(buffer, position);
        tell(&self.on_call, &format!("read {} at {position}", self.name));
        read
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let written = self.file.write_at(bytes, position);
        tell(&self.on_call, &format!("write {} at {position}", self.name));
        written
    }

    fn length(&self) -> io::Result<u64> {
        let length = self.file.length();
        tell(&self.on_call, &format!("length of {}", self.name));
        length
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let cut = self.file.truncate(length);
        tell(&self.on_call, &format!("truncate {} to {length}", self.name));
        cut
    }

    fn sync_data(&self) -> io::Result<()> {
        let synced = self.file.sync_data();
        tell(&self.on_call, &format!("sync {}", self.name));
        synced
    }

    fn os_file(&self) -> Option<&File> {
        self.file.os_file()
    }
}
