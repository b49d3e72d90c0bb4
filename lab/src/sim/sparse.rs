//! The bytes of a file, without memory for what was never written.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The unit in which memory is taken; it has nothing to do with what a crash tears.
const PAGE_BYTES: usize = 4096;

type Page = [u8; PAGE_BYTES];

/// A file's content as pages. A page that is missing reads as zeros, so a file may be as long as it likes.
///
/// Copies share their pages until one of them writes: a crash state costs one page, however long the file is.
///
/// Invariant: behind `length`, every byte of every page is zero, so that making a file longer is free.
#[derive(Clone, Debug, Default)]
pub(super) struct SparseBytes {
    length: u64,
    pages: Arc<BTreeMap<u64, Arc<Page>>>,
}

impl SparseBytes {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` from `position` on, and returns how many bytes the file had.
    pub(super) fn read_at(&self, buffer: &mut [u8], position: u64) -> usize {
        let left = self.length.saturating_sub(position);
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        for_each_page(position, count, |page, within, piece| {
            let target = &mut buffer[piece];
            match self.pages.get(&page) {
                Some(bytes) => target.copy_from_slice(&bytes[within..within + target.len()]),
                None => target.fill(0),
            }
        });
        count
    }

    /// Puts `bytes` at `position`; the file grows if it has to.
    pub(super) fn write_at(&mut self, bytes: &[u8], position: u64) {
        if bytes.is_empty() {
            return;
        }
        let pages = Arc::make_mut(&mut self.pages);
        for_each_page(position, bytes.len(), |page, within, piece| {
            let page = Arc::make_mut(pages.entry(page).or_insert_with(|| Arc::new([0; PAGE_BYTES])));
            page[within..within + piece.len()].copy_from_slice(&bytes[piece]);
        });
        self.length = self.length.max(position + bytes.len() as u64);
    }

    /// Cuts the file, or makes it longer with zeros.
    pub(super) fn resize(&mut self, length: u64) {
        if length < self.length {
            let pages = Arc::make_mut(&mut self.pages);
            let first_gone = length.div_ceil(PAGE_BYTES as u64);
            pages.split_off(&first_gone);
            if let Some(last) = pages.get_mut(&(length / PAGE_BYTES as u64)) {
                Arc::make_mut(last)[(length % PAGE_BYTES as u64) as usize..].fill(0);
            }
        }
        self.length = length;
    }

    /// Turns one bit around. Bit 0 is the lowest of the first byte.
    pub(super) fn flip_bit(&mut self, bit: u64) {
        let mut byte = [0];
        if self.read_at(&mut byte, bit / 8) == 1 {
            self.write_at(&[byte[0] ^ (1 << (bit % 8))], bit / 8);
        }
    }

    /// `count` bytes from `position` on; what is behind the end is zeros.
    pub(super) fn bytes(&self, position: u64, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.read_at(&mut bytes, position);
        bytes
    }

    /// Everything, zeros included.
    pub(super) fn content(&self) -> Vec<u8> {
        self.bytes(0, usize::try_from(self.length).expect("a file that is asked for whole fits into memory"))
    }

    /// Where memory is taken at or behind `position`: the ranges of bytes that may differ from zero.
    pub(super) fn ranges_behind(&self, position: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = position / PAGE_BYTES as u64;
        self.pages.range(first..).map(move |(page, _)| {
            let start = page * PAGE_BYTES as u64;
            (start.max(position), (start + PAGE_BYTES as u64).min(self.length))
        })
    }
}

/// Splits `count` bytes from `position` on at the edges of pages: the page's number, where in the page, and which of
/// the bytes.
fn for_each_page(position: u64, count: usize, mut visit: impl FnMut(u64, usize, std::ops::Range<usize>)) {
    let mut done = 0;
    while done < count {
        let at = position + done as u64;
        let within = (at % PAGE_BYTES as u64) as usize;
        let piece = (PAGE_BYTES - within).min(count - done);
        visit(at / PAGE_BYTES as u64, within, done..done + piece);
        done += piece;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_gigabytes_of_nothing_take_no_memory() {
        let mut file = SparseBytes::default();
        file.resize(4 << 30);
        file.write_at(b"end", (4 << 30) - 1);
        assert_eq!((file.length(), file.pages.len()), ((4 << 30) + 2, 2));
        assert_eq!(file.bytes((4 << 30) - 2, 4), b"\0end");
        file.resize(1);
        assert_eq!((file.content(), file.pages.len()), (vec![0], 0));
    }

    #[test]
    fn what_was_cut_reads_as_zeros_when_the_file_grows_again() {
        let mut file = SparseBytes::default();
        file.write_at(&[7; 5000], 0);
        file.resize(4090);
        file.resize(5000);
        assert_eq!(file.bytes(4089, 3), [7, 0, 0]);
        assert_eq!(file.bytes(4999, 1), [0]);
    }

    #[test]
    fn a_copy_keeps_its_bytes_when_the_other_is_written() {
        let mut file = SparseBytes::default();
        file.write_at(b"old", 0);
        let copy = file.clone();
        file.write_at(b"new", 0);
        file.flip_bit(1);
        assert_eq!((file.content(), copy.content()), (b"lew".to_vec(), b"old".to_vec()));
    }
}
