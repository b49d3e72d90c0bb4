//! A power cut where the sectors reach the disk in any order, each by itself.

use std::collections::BTreeSet;
use std::ops::Range;

use super::crash_state::Remains;
use super::sparse::SparseBytes;
use super::state::{FileChange, FileState, SECTOR_BYTES, Unsynced};

/// What is left of a file if each unsynced sector survives or not, whatever became of the others.
#[derive(Debug)]
pub(super) struct Torn {
    changes: Vec<Unsynced<FileChange>>,
    durable: SparseBytes,
    /// The lengths that the file has had since its sync; the last one is the newest.
    lengths: Vec<u64>,
    sectors: Vec<Sector>,
}

/// One sector, and what may be in it.
#[derive(Debug)]
struct Sector {
    number: u64,
    versions: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    name: &'static str,
    bytes: Vec<u8>,
}

impl Torn {
    pub(super) fn new(file: &FileState) -> Torn {
        let mut newest = file.durable.clone();
        let mut lengths = vec![newest.length()];
        let mut touched = BTreeSet::new();
        for unsynced in &file.unsynced {
            touch(&unsynced.change, &newest, &mut touched);
            unsynced.change.apply(&mut newest);
            lengths.retain(|length| *length != newest.length());
            lengths.push(newest.length());
        }
        let shortest = lengths.iter().copied().chain([file.durable.length()]).min().unwrap_or_default();
        let sectors = touched.into_iter().filter_map(|number| Sector::new(number, &file.durable, &newest, shortest));
        Torn { changes: file.unsynced.clone(), durable: file.durable.clone(), lengths, sectors: sectors.collect() }
    }

    /// The length and the sectors' versions that a choice stands for.
    fn chosen<'a>(&'a self, choice: &'a [u32]) -> (u64, impl Iterator<Item = (u64, &'a Version)>) {
        let versions = self.sectors.iter().zip(&choice[1..]);
        let versions = versions.map(|(sector, choice)| (sector.number, &sector.versions[*choice as usize]));
        (self.lengths[choice[0] as usize], versions)
    }
}

impl Remains for Torn {
    fn options(&self) -> Vec<u32> {
        let sectors = self.sectors.iter().map(|sector| sector.versions.len() as u32);
        [self.lengths.len() as u32].into_iter().chain(sectors).collect()
    }

    fn choices(&self) -> usize {
        1 + self.sectors.len()
    }

    fn image(&self, choice: &[u32]) -> SparseBytes {
        let (length, versions) = self.chosen(choice);
        let mut image = self.durable.clone();
        for (number, version) in versions {
            if version.name != OLD {
                image.write_at(&version.bytes, number * SECTOR_BYTES);
            }
        }
        image.resize(length);
        image
    }

    /// Whether an earlier version of some sector is the same in front of the file's end.
    fn simplify(&self, choice: &mut [u32]) {
        let length = self.lengths[choice[0] as usize];
        for (sector, choice) in self.sectors.iter().zip(&mut choice[1..]) {
            let shown = length.saturating_sub(sector.number * SECTOR_BYTES).min(SECTOR_BYTES) as usize;
            let chosen = &sector.versions[*choice as usize].bytes[..shown];
            let first = sector.versions.iter().position(|version| version.bytes[..shown] == *chosen);
            *choice = first.map_or(*choice, |first| first as u32);
        }
    }

    fn fates(&self, choice: &[u32]) -> Vec<(Option<usize>, String)> {
        let last = self.changes.len().saturating_sub(1);
        let fate = |(number, unsynced): (usize, &Unsynced<FileChange>)| {
            let (length, versions) = self.chosen(choice);
            let mut words = Vec::new();
            if let FileChange::Write { position, bytes } = &unsynced.change {
                let sectors = sectors_of(*position, bytes.len() as u64);
                let within = versions.filter(|(sector, _)| sectors.contains(sector));
                words.extend(within.map(|(sector, version)| format!("sector {sector} {}", version.name)));
            }
            if number == last {
                words.push(format!("length {length}"));
            }
            (unsynced.event, words.join(", "))
        };
        self.changes.iter().enumerate().map(fate).collect()
    }
}

const OLD: &str = "OLD";

impl Sector {
    /// The sector, unless it is the same in any case. The newest version comes last.
    fn new(number: u64, durable: &SparseBytes, newest: &SparseBytes, shortest: u64) -> Option<Sector> {
        let position = number * SECTOR_BYTES;
        let read = |image: &SparseBytes| image.bytes(position, SECTOR_BYTES as usize);
        let (old, new) = (read(durable), read(newest));
        let mut zero = old.clone();
        zero[shortest.saturating_sub(position).min(SECTOR_BYTES) as usize..].fill(0);
        let mut versions = Vec::new();
        for (name, bytes) in [(OLD, old), ("ZERO", zero)] {
            if bytes != new && versions.iter().all(|version: &Version| version.bytes != bytes) {
                versions.push(Version { name, bytes });
            }
        }
        versions.push(Version { name: "new", bytes: new });
        (versions.len() > 1).then_some(Sector { number, versions })
    }
}

/// Adds the sectors that a change writes to, or empties.
fn touch(change: &FileChange, before: &SparseBytes, touched: &mut BTreeSet<u64>) {
    match change {
        FileChange::Write { position, bytes } => touched.extend(sectors_of(*position, bytes.len() as u64)),
        FileChange::Resize(length) => {
            for (start, end) in before.ranges_behind(*length) {
                touched.extend(sectors_of(start, end.saturating_sub(start)));
            }
        }
    }
}

fn sectors_of(position: u64, count: u64) -> Range<u64> {
    match count {
        0 => 0..0,
        _ => position / SECTOR_BYTES..(position + count).div_ceil(SECTOR_BYTES),
    }
}
