//! What frames cost beside the system calls that they need: each measurement is a ratio to a bare loop over the same
//! bytes, in the same run. `cargo bench -p stage05 --bench frames`, and `-- scan` for those that are called so.
//!
//! The two take turns, a few milliseconds each, and the fastest turn of each counts: what else runs on the machine can
//! only make a turn slower.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::awake::Awake;
use lab::random::Random;
use stage05::encoder::FRAME_BODY_BYTES;
use stage05::framed::Framed;
use stage05::name::Part;
use stage05::reader::FramedReader;
use stage05::{
    Access, Disk, DiskFile, Log, Offset, OsDisk, Reader, Record, Scan, Sealed, SegmentName, SegmentWriter, Site, Stage,
    Stage05, Storage, Visibility,
};

/// How often the two sides take turns.
const ROUNDS: usize = 51;

/// The log that is read, in bytes of values: more than any cache but the page cache holds.
const LOG_BYTES: usize = 128 << 20;

/// Records in one append.
const BATCH: usize = 1000;

fn main() {
    let program = std::env::current_exe().expect("a program knows where it is");
    let directory =
        tempfile::tempdir_in(program.parent().expect("a program lies in a directory")).expect("a directory");
    println!("{:32} {:>12} {:>12} {:>7}", "", "frames", "bare", "ratio");
    durable(directory.path());
    for value_bytes in [100, 1024] {
        append(directory.path(), value_bytes);
        read(directory.path(), value_bytes);
    }
}

/// Durable appends of one producer, each synced, and a loop that writes and syncs as many bytes of a file full of zeros.
fn durable(directory: &Path) {
    const APPENDS: usize = 100;
    let _awake = Awake::start();
    let disk = OsDisk::create(directory.join("durable")).expect("a directory");
    let log = Stage05::open(Arc::new(disk)).expect("a log");
    let bare = File::create(directory.join("bare")).expect("a file");
    let value = vec![b'x'; 1024];
    bare.write_all_at(&vec![0; ROUNDS * APPENDS * value.len()], 0).expect("a write");
    bare.sync_all().expect("a sync");
    let mut position = 0;
    compare(
        "durable append 1024 B",
        APPENDS,
        || (0..APPENDS).for_each(|_| _ = log.append(Record::now(value.clone())).expect("an append")),
        || {
            for _ in 0..APPENDS {
                bare.write_all_at(&value, position).expect("a write");
                bare.sync_data().expect("a sync");
                position += value.len() as u64;
            }
        },
    );
}

/// Buffered appends, and a loop that copies the same bytes into a buffer and writes it.
fn append(directory: &Path, value_bytes: usize) {
    let values = values(value_bytes, BATCH);
    let records: Vec<_> = values.iter().map(|value| Record::new(1_700_000_000_000, &value[..])).collect();
    let (disk, mut writer) = start(directory, "append");
    let bare = File::create(directory.join("bare")).expect("a file");
    let appends = (4 << 20) / (BATCH * value_bytes);
    let mut buffer = Vec::new();
    let (mut written, mut position) = (0, 0);
    compare(
        &format!("append {value_bytes} B x {BATCH}"),
        appends * BATCH,
        || {
            for _ in 0..appends {
                writer.append(black_box(&records)).expect("an append");
            }
            written += appends;
            if writer.end_position() > 512 << 20 {
                writer = start(directory, "append").1;
            }
        },
        || {
            for _ in 0..appends {
                buffer.clear();
                black_box(&values).iter().for_each(|value| buffer.extend_from_slice(value));
                bare.write_all_at(&buffer, position).expect("a write");
                position += buffer.len() as u64;
            }
            if position > 512 << 20 {
                bare.set_len(0).expect("a cut");
                position = 0;
            }
        },
    );
    drop(disk);
}

/// Scans and random reads, of the newest segment and of a sealed one.
fn read(directory: &Path, value_bytes: usize) {
    let (disk, mut writer) = start(directory, "read");
    let values = values(value_bytes, BATCH);
    let records: Vec<_> = values.iter().map(|value| Record::new(1_700_000_000_000, &value[..])).collect();
    for _ in 0..LOG_BYTES / (BATCH * value_bytes) {
        writer.append(&records).expect("an append");
    }
    writer.seal().expect("a seal");
    let name = SegmentName::new(Offset(0));
    let count = writer.next_offset().0;
    let bare = File::open(directory.join("read").join(name.file(Part::Log))).expect("the segment");
    let bytes = writer.end_position();
    let newest = writer.reader().with_visibility(Visibility::Written);
    let file: Arc<dyn DiskFile> = disk.open(&name.file(Part::Log), Access::Read).expect("the segment");
    let sealed = Sealed { name, file, end: Offset(count) };
    let sealed = Framed::default().read_sealed(&site(&disk), &sealed).expect("a reader");
    let mut buffer = vec![0; 64 << 10];
    compare(
        &format!("scan {value_bytes} B"),
        count as usize,
        || {
            let mut scan = newest.scan(Offset(0)).expect("a scan");
            while let Some(entry) = scan.next().expect("a record") {
                black_box(entry.record.value.len());
            }
        },
        || {
            let mut position = 0;
            while position < bytes {
                position += bare.read_at(&mut buffer, position).expect("a read") as u64;
                black_box(&buffer);
            }
        },
    );
    read_and_check(&bare, bytes, &format!("read and checksum {value_bytes} B"), count as usize);
    for (name, reader) in [("pread", newest), ("mapped", sealed)] {
        let reads = 4_000;
        let (mut random, mut bare_random) = (Random::new(1), Random::new(1));
        compare(
            &format!("random read {value_bytes} B, {name}"),
            reads,
            || (0..reads).for_each(|_| read_one(&reader, Offset(random.below(count)))),
            || {
                for _ in 0..reads {
                    let position = bare_random.below(bytes - 4096);
                    bare.read_at(&mut buffer[..4096], position).expect("a read");
                    black_box(&buffer);
                }
            },
        );
    }
}

/// What a scan cannot do without: the bare loop, and one checksum over each piece of a frame's size.
fn read_and_check(bare: &File, bytes: u64, title: &str, count: usize) {
    let read_all = |buffer: &mut [u8], work: &dyn Fn(&[u8])| {
        let mut position = 0;
        while position < bytes {
            let read = bare.read_at(buffer, position).expect("a read");
            work(&buffer[..read]);
            position += read as u64;
        }
    };
    let check = |bytes: &[u8]| bytes.chunks(FRAME_BODY_BYTES).for_each(|body| _ = black_box(crc32fast::hash(body)));
    let (mut checked, mut buffer) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    compare(title, count, || read_all(&mut checked, &check), || read_all(&mut buffer, &|bytes| _ = black_box(bytes)));
}

fn read_one(reader: &FramedReader, offset: Offset) {
    let mut scan = reader.scan(offset).expect("a scan");
    let entry = scan.next().expect("a read").expect("a record");
    assert_eq!(entry.offset, offset);
    black_box(entry.record.value.len());
}

/// Runs the two in turns and prints the time that each takes for one of `count`.
fn compare(title: &str, count: usize, mut frames: impl FnMut(), mut bare: impl FnMut()) {
    if std::env::args().skip(1).any(|wanted| !wanted.starts_with("--") && !title.contains(&wanted)) {
        return;
    }
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        times.0.push(time(&mut frames));
        times.1.push(time(&mut bare));
    }
    let each = |times: &[Duration]| times.iter().min().expect("a round").as_secs_f64() * 1e9 / count as f64;
    let (frames, bare) = (each(&times.0), each(&times.1));
    println!("{title:32} {frames:9.1} ns {bare:9.1} ns {:7.2}", bare / frames);
}

fn time(work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn start(directory: &Path, name: &str) -> (Arc<dyn Disk>, <Framed as Storage>::Writer) {
    let path = directory.join(name);
    let _ = std::fs::remove_dir_all(&path);
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(&path).expect("a directory"));
    let segment = SegmentName::new(Offset(0));
    let file = disk.create(&segment.file(Part::Log)).expect("a file");
    file.write_at(&Framed::default().header(segment.base).expect("a header"), 0).expect("a write");
    let writer = Framed::default().start_newest(&site(&disk), &segment, file).expect("a writer");
    (disk, writer)
}

fn site(disk: &Arc<dyn Disk>) -> Site {
    Site { disk: Arc::clone(disk), access: Access::Write, index_interval_bytes: FRAME_BODY_BYTES as u64 }
}

fn values(value_bytes: usize, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(7);
    (0..count).map(|_| random.bytes(value_bytes)).collect()
}
