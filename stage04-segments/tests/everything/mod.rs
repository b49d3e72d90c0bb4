//! Everything at once, on the real disk: producers, readers, followers, and a thread that deletes, compacts and
//! compresses as fast as it can; over any storage.
#![allow(unreachable_pub, reason = "stage 5 has the same test")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stage04::{
    CompactOptions, Disk, Error, GroupCommit, Log, Maintenance, Offset, Options, OsDisk, Reader, Record, Result,
    Retention, Scan, SegmentOptions, SegmentedLog, SegmentedReader, Storage,
};
use tempfile::TempDir;

const PRODUCERS: u64 = 16;
const APPENDS: u64 = 120;
/// Producers stop then, on a disk that is very slow.
const TIME_MAX: Duration = Duration::from_secs(2);
/// How long they go on at most until retention has deleted something.
const PATIENCE: Duration = Duration::from_secs(30);

/// Record `number` of a producer. Two of three have a key, of which each producer has five.
fn record(producer: u64, number: u64) -> Record<'static> {
    let record =
        Record::new(number, format!("{producer} {number} {}", "text ".repeat(number as usize % 9)).into_bytes());
    match number % 3 {
        0 => record,
        _ => record.with_key(format!("{producer}-{}", number % 5).into_bytes()),
    }
}

/// The producer and the number of a record, which has to be the one that belongs to them.
fn who(found: &Record<'_>) -> (u64, u64) {
    let text = std::str::from_utf8(&found.value).expect("text");
    let mut words = text.split(' ').map(|word| word.parse().unwrap_or(u64::MAX));
    let (producer, number) = (words.next().unwrap_or(u64::MAX), words.next().unwrap_or(u64::MAX));
    assert_eq!(*found, record(producer, number), "a record that nobody has appended");
    (producer, number)
}

/// What a reader has to see: offsets that grow, and of each producer numbers that grow.
#[derive(Default)]
struct Order {
    next: Offset,
    numbers: HashMap<u64, u64>,
}

impl Order {
    fn check(&mut self, offset: Offset, found: &Record<'_>) {
        assert!(offset >= self.next, "record {offset} behind {}", self.next);
        self.next = offset.next();
        let (producer, number) = who(found);
        let before = self.numbers.insert(producer, number);
        assert!(before.is_none_or(|before| before < number), "producer {producer}: {number} behind {before:?}");
    }
}

/// The offsets at which a producer's records are, and how long each took.
type Appended = Vec<(Offset, u64, Duration)>;

/// Appends its records, and more of them as long as nothing was deleted that should have been.
fn produce<S: Storage>(
    log: Arc<GroupCommit<SegmentedLog<S>>>,
    producer: u64,
    deleted: Option<Arc<AtomicUsize>>,
) -> JoinHandle<Appended> {
    thread::spawn(move || {
        let start = Instant::now();
        let waits = || deleted.as_ref().is_some_and(|deleted| deleted.load(Ordering::Relaxed) == 0);
        let goes_on = |number: &u64| match start.elapsed() {
            time if *number < APPENDS && time < TIME_MAX => true,
            time => time < PATIENCE && waits(),
        };
        let append = |number| {
            let before = Instant::now();
            let offset = log.append(record(producer, number)).expect("an append");
            (offset, number, before.elapsed())
        };
        (0..).take_while(goes_on).map(append).collect()
    })
}

/// Scans again and again, from wherever the log starts. Returns how many scans came to an end.
fn scan<S: Storage>(reader: SegmentedReader<S>, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    let scan_once = move || -> Result<()> {
        let mut order = Order::default();
        let mut scan = reader.scan(reader.start())?;
        while let Some(entry) = scan.next()? {
            order.check(entry.offset, &entry.record);
        }
        Ok(())
    };
    thread::spawn(move || {
        let mut scans = 0;
        while !stop.load(Ordering::Relaxed) {
            match scan_once() {
                Ok(()) => scans += 1,
                Err(Error::Deleted { .. }) => {}
                Err(error) => panic!("a scan: {error}"),
            }
        }
        scans
    })
}

/// Follows the log to its end; where retention was quicker, from where it starts now. Returns how many records came.
fn follow<S: Storage>(reader: SegmentedReader<S>) -> JoinHandle<u64> {
    thread::spawn(move || {
        let (mut order, mut seen) = (Order::default(), 0);
        let mut follow = reader.follow(Offset(0)).expect("nothing is deleted yet");
        loop {
            match follow.next(None) {
                Ok(Some(entry)) => {
                    order.check(entry.offset, &entry.record);
                    seen += 1;
                }
                Ok(None) => return seen,
                Err(Error::Deleted { start, .. }) => match reader.follow(start) {
                    Ok(again) => follow = again,
                    Err(Error::Deleted { .. }) => {}
                    Err(error) => panic!("following again: {error}"),
                },
                Err(error) => panic!("following: {error}"),
            }
        }
    })
}

fn maintain<S: Storage>(
    maintenance: Maintenance<S>,
    merged_bytes_max: u64,
    deleted: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let retention = Retention { age_max: None, bytes_min: Some(30_000) };
        let compact = CompactOptions { segment_bytes_max: merged_bytes_max, ..CompactOptions::default() };
        while !stop.load(Ordering::Relaxed) {
            maintenance.compact(0, &compact).expect("a compaction");
            maintenance.compress().expect("a compression");
            let gone = maintenance.retain(&retention, 0, Offset(u64::MAX)).expect("retention").segments;
            deleted.fetch_add(gone, Ordering::Relaxed);
        }
    })
}

/// Appends to a plain file, each with its sync, until it is stopped: what the disk and the machine do to whoever does
/// nothing else. Returns the worst of them.
fn bare_syncs(disk: Arc<dyn Disk>, stop: Arc<AtomicBool>) -> JoinHandle<Duration> {
    thread::spawn(move || {
        let file = disk.create("bare").expect("a file");
        let time = |i: u64| {
            let before = Instant::now();
            file.write_at(&[b'x'; 512], i * 512).and_then(|()| file.sync_data()).expect("a sync");
            before.elapsed()
        };
        (0..).take_while(|_| !stop.load(Ordering::Relaxed)).map(time).max().unwrap_or_default()
    })
}

/// How long the appends of one run took.
#[derive(Clone, Copy, Debug)]
struct Stalls {
    p999: Duration,
    /// The worst append to a plain file in the same run.
    bare: Duration,
}

/// What retention and compaction may add to that.
const STALL_MAX: Duration = Duration::from_millis(100);

/// A disk and a machine that others use have bad moments. A log that stalls its producers does so every time.
const ATTEMPTS: usize = 6;

/// Nobody gets a wrong record or an error other than that his was deleted, nothing acknowledged is lost that had to
/// stay, and the producers do not notice: of a thousand appends, all but one take no longer than without maintenance, or
/// than a bare sync in the same run, and 100 milliseconds.
pub fn goes_well<S: Storage + Clone>(storage: &S, segment_bytes_max: u64) {
    let attempts =
        (0..ATTEMPTS).map(|_| (run(storage, segment_bytes_max, false), run(storage, segment_bytes_max, true)));
    let told = attempts.map(|(quiet, busy)| {
        println!("without maintenance: {quiet:?}\nwith it: {busy:?}");
        (busy.p999 <= quiet.p999.max(busy.bare) + STALL_MAX, (quiet, busy))
    });
    let mut stalled = Vec::new();
    for (is_good, stalls) in told {
        match is_good {
            true => return,
            false => stalled.push(stalls),
        }
    }
    panic!("maintenance stalls the appends every time: {stalled:?}");
}

/// One run, with maintenance or without.
fn run<S: Storage + Clone>(storage: &S, segment_bytes_max: u64, is_maintained: bool) -> Stalls {
    let directory = TempDir::new().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(directory.path()).unwrap());
    let options = SegmentOptions { index_interval_bytes: 500, ..SegmentOptions::with_segment_bytes(segment_bytes_max) };
    let log = SegmentedLog::open(&disk, storage.clone(), options).unwrap();
    let (maintenance, reader) = (log.maintenance(), log.reader());
    let log = Arc::new(GroupCommit::new(log, Options::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let bare = bare_syncs(Arc::clone(&disk), Arc::clone(&stop));
    let scanners: Vec<_> = (0..4).map(|_| scan(reader.clone(), Arc::clone(&stop))).collect();
    let followers: Vec<_> = (0..4).map(|_| follow(reader.clone())).collect();
    let deleted = is_maintained.then(Arc::<AtomicUsize>::default);
    let start = |deleted: &Arc<_>| maintain(maintenance, 5 * segment_bytes_max, Arc::clone(deleted), Arc::clone(&stop));
    let maintainer = deleted.as_ref().map(start);
    let producers: Vec<_> =
        (0..PRODUCERS).map(|producer| produce(Arc::clone(&log), producer, deleted.clone())).collect();
    let appended: Vec<Appended> = producers.into_iter().map(|thread| thread.join().unwrap()).collect();
    stop.store(true, Ordering::Relaxed);
    if let Some(maintainer) = maintainer {
        maintainer.join().unwrap();
    }
    let is_zero = |deleted: Arc<AtomicUsize>| deleted.load(Ordering::Relaxed) == 0;
    assert!(!deleted.is_some_and(is_zero), "retention had nothing to do");
    let scans: u64 = scanners.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(scans > 0, "no scan came to its end");
    let bare = bare.join().unwrap();
    drop(log);
    for follower in followers {
        assert!(follower.join().unwrap() > 0, "a follower saw nothing");
    }
    let log = SegmentedLog::open(&disk, storage.clone(), options).unwrap();
    assert_nothing_lost(&log.reader(), &appended);
    stalls(&appended, bare)
}

fn stalls(appended: &[Appended], bare: Duration) -> Stalls {
    let mut times: Vec<Duration> = appended.iter().flatten().map(|(_, _, time)| *time).collect();
    times.sort_unstable();
    println!("{} appends", times.len());
    Stalls { p999: times[times.len() - 1 - times.len() / 1000], bare }
}

/// Each record is where its producer was told, unless it was deleted, or compacted away by a later one of its key.
fn assert_nothing_lost<S: Storage>(reader: &SegmentedReader<S>, appended: &[Appended]) {
    let numbered = (0..).zip(appended).flat_map(|(producer, own)| own.iter().map(move |a| (a.0, (producer, a.1))));
    let all: BTreeMap<Offset, (u64, u64)> = numbered.collect();
    let latest: HashMap<_, Offset> = all
        .iter()
        .filter_map(|(offset, who)| record(who.0, who.1).key.map(|key| (key.into_owned(), *offset)))
        .collect();
    let mut found = BTreeMap::new();
    let mut scan = reader.scan(reader.start()).unwrap();
    while let Some(entry) = scan.next().unwrap() {
        found.insert(entry.offset, who(&entry.record));
    }
    assert_eq!(all.len() as u64, reader.end().0, "offsets were given twice");
    assert!(found.iter().all(|(offset, who)| all[offset] == *who), "a record is not where it was put");
    for (offset, (producer, number)) in all.range(reader.start()..) {
        let has_to_stay = record(*producer, *number).key.is_none_or(|key| latest[&*key] == *offset);
        assert!(!has_to_stay || found.contains_key(offset), "record {offset} is lost");
    }
}
