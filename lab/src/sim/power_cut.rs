//! A power cut where everything reaches the disk in order.

use super::crash_state::Remains;
use super::sparse::SparseBytes;
use super::state::{FileChange, FileState, SECTOR_BYTES, Unsynced};

/// A write of up to this many bytes is cut at any of them.
const SMALL_WRITE_BYTES_MAX: usize = 512;

/// What is left of a file if some prefix of its unsynced operations survives.
#[derive(Debug)]
pub(super) struct Prefix {
    changes: Vec<Unsynced<FileChange>>,
    /// The file with none, one, two, … of the changes.
    images: Vec<SparseBytes>,
    cuts: Vec<Cut>,
}

/// So many whole changes, and so many bytes of the next one.
#[derive(Clone, Copy, Debug)]
struct Cut {
    changes: usize,
    bytes: usize,
}

impl Prefix {
    pub(super) fn new(file: &FileState) -> Prefix {
        let mut images = vec![file.durable.clone()];
        let mut cuts = vec![Cut { changes: 0, bytes: 0 }];
        for (changes, unsynced) in file.unsynced.iter().enumerate() {
            if let FileChange::Write { position, bytes } = &unsynced.change {
                cuts.extend(cuts_of(*position, bytes.len()).map(|bytes| Cut { changes, bytes }));
            }
            let mut image = images[changes].clone();
            unsynced.change.apply(&mut image);
            images.push(image);
            cuts.push(Cut { changes: changes + 1, bytes: 0 });
        }
        Prefix { changes: file.unsynced.clone(), images, cuts }
    }
}

impl Remains for Prefix {
    fn options(&self) -> Vec<u32> {
        vec![self.cuts.len() as u32]
    }

    fn choices(&self) -> usize {
        1
    }

    fn image(&self, choice: &[u32]) -> SparseBytes {
        let cut = self.cuts[choice[0] as usize];
        let mut image = self.images[cut.changes].clone();
        if let Some(Unsynced { change: FileChange::Write { position, bytes }, .. }) = self.changes.get(cut.changes) {
            image.write_at(&bytes[..cut.bytes], *position);
        }
        image
    }

    fn simplify(&self, _: &mut [u32]) {}

    fn fates(&self, choice: &[u32]) -> Vec<(Option<usize>, String)> {
        let cut = self.cuts[choice[0] as usize];
        let fate = |number: usize| match number {
            number if number < cut.changes => "kept".to_string(),
            number if number == cut.changes && cut.bytes > 0 => format!("CUT after {} bytes", cut.bytes),
            _ => "LOST".to_string(),
        };
        self.changes.iter().enumerate().map(|(number, unsynced)| (unsynced.event, fate(number))).collect()
    }
}

/// After how many of its bytes a write can break off.
fn cuts_of(position: u64, count: usize) -> Box<dyn Iterator<Item = usize>> {
    if count <= SMALL_WRITE_BYTES_MAX {
        return Box::new(1..count);
    }
    let first = (SECTOR_BYTES - position % SECTOR_BYTES) as usize;
    Box::new((first..count).step_by(SECTOR_BYTES as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_write_breaks_anywhere_and_a_large_one_between_sectors() {
        assert_eq!(cuts_of(1000, 4).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(cuts_of(1000, 1500).collect::<Vec<_>>(), [24, 536, 1048]);
        assert_eq!(cuts_of(1024, 1024).collect::<Vec<_>>(), [512]);
        assert_eq!(cuts_of(0, 0).count(), 0);
    }
}
