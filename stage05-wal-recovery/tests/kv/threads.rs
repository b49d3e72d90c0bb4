//! Many threads at once.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crate::common::{content, open, try_open};
use lab::disks::{Disks, OsDisks};
use lab::sim::SimDisk;
use lab::watchdog::within_limit;
use stage05::kv::{WriteBatch, WriteOptions};
use stage05::{Access, Disk, DiskFile, DiskLock, Offset};

const THREADS: u64 = 8;
const WRITES: u64 = 100;

/// Eight threads write, two in three of their batches unsynced, all of them to one key beside their own; meanwhile one
/// makes checkpoints, and one reads. What is there at the end is there after a restart: the batches went into the map in
/// the order of the log (K1).
#[test]
fn a_store_with_checkpoints_under_writers_opens_as_it_was_closed() {
    within_limit(|| {
        let disks = OsDisks::new();
        let disk = disks.empty();
        let store = try_open(&disk).unwrap();
        let done = AtomicBool::new(false);
        // Checkpoints that hold something: the writers go on until there are two, however the threads take turns.
        let checkpoints = AtomicU64::new(0);
        thread::scope(|scope| {
            let writers: Vec<_> = (0..THREADS)
                .map(|thread| {
                    scope.spawn({
                        let (store, checkpoints) = (&store, &checkpoints);
                        move || write_many(store, thread, || checkpoints.load(Ordering::Relaxed) >= 2)
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    check_pairs(&store);
                }
            });
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let holds_something = store.checkpoint().unwrap() > Offset(0);
                    checkpoints.fetch_add(holds_something.into(), Ordering::Relaxed);
                }
            });
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
        let held = content(&store);
        assert_eq!(held.len() as u64, 2 + 2 * THREADS);
        store.close().unwrap();
        let store = try_open(&disk).unwrap();
        assert!(store.replayed().checkpoint.0 > 0);
        assert_eq!(content(&store), held);
    });
}

/// Each batch puts a pair of keys of its thread, and a pair that all threads share.
fn write_many(store: &crate::common::Store, thread: u64, is_enough: impl Fn() -> bool) {
    for number in (0..).take_while(|&number| number < WRITES || !is_enough()) {
        let value = format!("{thread} {number}").into_bytes();
        let mut batch = WriteBatch::new();
        for key in [format!("{thread} left"), format!("{thread} right"), "left".into(), "right".into()] {
            batch.put(key.as_bytes(), &value);
        }
        store.write(batch, WriteOptions { sync: number % 3 == 0 }).unwrap();
        let own = store.get(format!("{thread} left").as_bytes()).expect("a thread sees what it wrote");
        assert_eq!(own[..], value[..], "a thread sees what it wrote");
    }
}

/// No reader sees half of a batch (K3).
fn check_pairs(store: &crate::common::Store) {
    let held = content(store);
    let names = (0..THREADS).map(|thread| format!("{thread} ")).chain([String::new()]);
    for name in names {
        let value = |side: &str| held.get(format!("{name}{side}").as_bytes());
        assert_eq!(value("left"), value("right"), "the pair {name:?}");
    }
}

/// Two threads make checkpoints at once: one after the other, and neither removes what the other needs.
#[test]
fn checkpoints_at_once_are_made_one_after_the_other() {
    within_limit(|| {
        let sim = SimDisk::new();
        let store = open(&sim);
        thread::scope(|scope| {
            for thread in 0..4u8 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..100u8 {
                        let mut batch = WriteBatch::new();
                        batch.put(&[thread], &[number]);
                        store.write(batch, WriteOptions { sync: false }).unwrap();
                        store.checkpoint().unwrap();
                    }
                });
            }
        });
        let held = content(&store);
        store.close().unwrap();
        assert_eq!(content(&open(&sim)), held);
    });
}

/// A disk on which nobody can make a checkpoint's file before the gate is open.
#[derive(Debug)]
struct GatedDisk {
    disk: Arc<dyn Disk>,
    asked: mpsc::SyncSender<()>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Disk for GatedDisk {
    fn path(&self) -> &Path {
        self.disk.path()
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        if name.starts_with("checkpoint-") {
            self.asked.send(()).expect("a test that waits for this");
            self.gate.lock().unwrap().recv().expect("a test that opens the gate");
        }
        self.disk.create(name)
    }
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(name, access)
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

/// While a checkpoint is on its way to the disk, writes are answered and reads see them; the checkpoint holds none of
/// them, and the log keeps them all.
#[test]
fn writers_do_not_wait_for_a_checkpoint() {
    within_limit(|| {
        let sim = SimDisk::new();
        let (asked, is_asked) = mpsc::sync_channel(1);
        let (open_gate, gate) = mpsc::sync_channel(1);
        let disk: Arc<dyn Disk> = Arc::new(GatedDisk { disk: sim.disk(), asked, gate: Mutex::new(gate) });
        let store = try_open(&disk).unwrap();
        store.put(b"k", b"before").unwrap();
        thread::scope(|scope| {
            let checkpoint = scope.spawn(|| store.checkpoint().unwrap());
            is_asked.recv().unwrap();
            for number in 0..20u8 {
                store.put(b"k", &[number]).unwrap();
                assert_eq!(store.get(b"k").unwrap()[..], [number]);
            }
            open_gate.send(()).unwrap();
            assert_eq!(checkpoint.join().unwrap(), Offset(1));
        });
        store.close().unwrap();
        let store = open(&sim);
        assert_eq!((store.replayed().checkpoint, store.replayed().records), (Offset(1), 20));
        assert_eq!(store.get(b"k").unwrap()[..], [19]);
    });
}
