//! Every single bit of a log, flipped in turn.
//!
//! A bit that turned around on the medium must do no harm, or be noticed: the log serves the right records, or gives an
//! error that names the place. It never serves a wrong record, never ends early, never panics.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fmt, panic, thread};

use stage01::{Error, Log, Offset, Reader, Record, Scan, Stage};

use crate::crash::life::without_panic;
use crate::disks::Image;
use crate::sim::SimDisk;

/// What became of the bits of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    /// Bits after whose flip every record was served, as it was written.
    pub harmless: u64,
    /// Bits whose flip was an error that named its place.
    pub noticed: u64,
    /// What was served of the others: a wrong record, too few, or an error that says nothing; the first bit first.
    pub losses: Vec<String>,
}

impl Bits {
    /// How many bits were flipped.
    pub fn flipped(&self) -> u64 {
        self.harmless + self.noticed + self.losses.len() as u64
    }

    /// Returns the counts if no bit did harm, and prints them.
    ///
    /// # Panics
    ///
    /// With the first loss, if there is one.
    pub fn expect_survival(self) -> Bits {
        if let Some(loss) = self.losses.first() {
            panic!("{loss}\n{} of {} bits are like this", self.losses.len(), self.flipped());
        }
        println!("{self}");
        self
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bits { harmless, noticed, losses } = self;
        write!(f, "{} bits flipped: {noticed} noticed, {harmless} harmless, {} losses", self.flipped(), losses.len())
    }
}

/// Flips each bit of each file of `image` by itself, and opens the stage's log with it, for writing and for reading
/// alone. It has to hold `records`, in this order and no others: the log may start late and have gaps. Files that the
/// log did not make itself are added with [`Image::with`]. All processors share the work; the result is the same.
pub fn flip_each<S: Stage>(image: &Image, records: &[(Offset, Record<'static>)]) -> Bits {
    let files: Vec<_> = image.names().map(|name| (name, image.bytes(name).len() as u64 * 8)).collect();
    let all: u64 = files.iter().map(|(_, bits)| bits).sum();
    assert!(all > 0, "there are no bits to flip in {image:?}");
    let next = AtomicU64::new(0);
    let work = || {
        let (mut bits, mut losses) = (Bits::default(), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((name, bit)) = find(&files, number) else { return (bits, losses) };
            let place = || format!("bit {} of byte {} of {name}, flipped", bit % 8, bit / 8);
            match flip::<S>(image, name, bit, records) {
                Ok(None) => bits.harmless += 1,
                Ok(Some(error)) if names_its_place(&error) => bits.noticed += 1,
                Ok(Some(error)) => losses.push((number, format!("{}: an error that names no place: {error}", place()))),
                Err(loss) => losses.push((number, format!("{}: {loss}", place()))),
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (mut bits, mut losses) = (Bits::default(), Vec::new());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (counted, lost) = worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
            bits.harmless += counted.harmless;
            bits.noticed += counted.noticed;
            losses.extend(lost);
        }
    });
    losses.sort();
    bits.losses = losses.into_iter().map(|(_, loss)| loss).collect();
    bits
}

/// The file and the bit in it that have this number among all.
fn find<'a>(files: &[(&'a str, u64)], mut number: u64) -> Option<(&'a str, u64)> {
    for (name, bits) in files {
        match number.checked_sub(*bits) {
            Some(rest) => number = rest,
            None => return Some((name, number)),
        }
    }
    None
}

/// Whether the error says which file and which place in it, or between which records something is missing.
pub fn names_its_place(error: &Error) -> bool {
    match error.root() {
        Error::BadFrame { .. } | Error::OutOfOrder { .. } | Error::Truncated { .. } => true,
        Error::Damaged { .. } | Error::Gap { .. } => true,
        // A file that checks its own bytes says so as an operating system's file would, and names the place in words.
        Error::Io { cause, .. } => cause.kind() == ErrorKind::InvalidData,
        _ => false,
    }
}

/// `Ok(None)` if all is well, an error if the log gave one, `Err` for a loss.
fn flip<S: Stage>(
    image: &Image,
    name: &str,
    bit: u64,
    records: &[(Offset, Record<'static>)],
) -> Result<Option<Error>, String> {
    let flipped = || {
        let sim = SimDisk::new();
        image.restore(&sim.disk());
        sim.flip_bit(name, bit);
        sim
    };
    let alone = panics_are_losses(|| match S::open_reader(flipped().disk()) {
        Ok(reader) => check(&reader, records),
        Err(error) => Ok(Some(error)),
    });
    let opened = panics_are_losses(|| match S::open(flipped().disk()) {
        Ok(log) => check(&log.reader(), records),
        Err(error) => Ok(Some(error)),
    });
    let alone = alone.map_err(|loss| format!("read alone, {loss}"))?;
    Ok(opened?.or(alone))
}

fn panics_are_losses(life: impl FnOnce() -> Result<Option<Error>, String>) -> Result<Option<Error>, String> {
    without_panic(|| Ok(life())).unwrap_or_else(|broken| Err(broken.what))
}

/// Reads all there is, and looks up the first and the last record.
fn check<R: Reader>(reader: &R, records: &[(Offset, Record<'static>)]) -> Result<Option<Error>, String> {
    let mut scan = match reader.scan(reader.start()) {
        Ok(scan) => scan,
        Err(error) => return Ok(Some(error)),
    };
    for (offset, record) in records {
        match scan.next() {
            Ok(Some(entry)) if entry.offset == *offset && entry.record == *record => {}
            Ok(Some(entry)) => return Err(format!("record {offset} is served as {entry:?}, it was {record:?}")),
            Ok(None) => return Err(format!("the log ends in front of record {offset}")),
            Err(error) => return Ok(Some(error)),
        }
    }
    match scan.next() {
        Ok(None) => {}
        Ok(Some(entry)) => return Err(format!("nobody appended {entry:?}")),
        Err(error) => return Ok(Some(error)),
    }
    for (offset, record) in records.first().into_iter().chain(records.last()) {
        match reader.read(*offset) {
            Ok(Some(found)) if found == *record => {}
            Ok(found) => return Err(format!("record {offset} is looked up as {found:?}")),
            Err(error) => return Ok(Some(error)),
        }
    }
    Ok(None)
}
