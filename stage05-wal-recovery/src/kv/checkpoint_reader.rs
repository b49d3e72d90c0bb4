//! Reading a checkpoint: all of it, or an error that says where it is damaged.

use std::sync::Arc;

use stage04::{DiskFile, Error, Offset, Result};

use super::checkpoint_format::{
    BLOCK_BYTES_MAX, BLOCK_HEADER_BYTES, Header, TRAILER_BYTES, block_header, trailer, u32_at,
};
use super::table::{Map, State};

/// Reads the checkpoint of `offset`.
///
/// # Errors
///
/// [`Error::Damaged`] if any bit of the file is not as it was written; [`Error::Io`] if it cannot be read.
pub(crate) fn read(file: &dyn DiskFile, offset: Offset) -> Result<State> {
    let length = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
    let mut reader = Reader { file, length, position: 0 };
    let header = Header::decode(&reader.take()?).map_err(|what| damaged(file, 0, what))?;
    if header.offset != offset {
        return Err(damaged(file, 16, format!("the header says offset {}, the name {offset}", header.offset)));
    }
    let mut map = Map::new();
    let mut blocks = 0;
    while let Some(block) = reader.block(offset, blocks)? {
        blocks += 1;
        add_entries(&mut map, &block.body, block.entries).map_err(|what| damaged(file, block.position, what))?;
    }
    reader.trailer(offset, blocks)?;
    match map.len() as u64 == header.entries {
        true => Ok(State { map: Arc::new(map), next: offset }),
        false => Err(damaged(file, 24, format!("the header says {} entries, found {}", header.entries, map.len()))),
    }
}

/// A block whose checksum fits.
struct Block {
    position: u64,
    entries: u32,
    body: Vec<u8>,
}

/// A file that is read from its start to its end.
struct Reader<'a> {
    file: &'a dyn DiskFile,
    /// The file's length in bytes.
    length: u64,
    position: u64,
}

impl Reader<'_> {
    /// The next block, or `None` in front of the trailer.
    fn block(&mut self, offset: Offset, block: u32) -> Result<Option<Block>> {
        let position = self.position;
        let header: [u8; BLOCK_HEADER_BYTES] = self.take()?;
        let (bytes, entries) = (u32_at(&header, 0) as usize, u32_at(&header, 4));
        if bytes == 0 {
            self.position = position;
            return Ok(None);
        }
        // Nothing has vouched for this number yet: it is held against what there is before memory is set aside.
        if bytes > BLOCK_BYTES_MAX || bytes as u64 > self.length - self.position {
            return Err(damaged(self.file, position, format!("a block of {bytes} bytes, more than there can be")));
        }
        let mut body = vec![0; bytes];
        self.fill(&mut body)?;
        match block_header(offset, block, entries, &body) == header {
            true => Ok(Some(Block { position, entries, body })),
            false => Err(damaged(self.file, position, format!("the checksum of block {block} does not fit"))),
        }
    }

    /// The trailer, with nothing behind it.
    fn trailer(&mut self, offset: Offset, blocks: u32) -> Result<()> {
        let position = self.position;
        let found: [u8; TRAILER_BYTES] = self.take()?;
        match found == trailer(offset, blocks, self.position) && self.position == self.length {
            true => Ok(()),
            false => Err(damaged(self.file, position, "the end is not as it was written".to_string())),
        }
    }

    fn take<const BYTES: usize>(&mut self) -> Result<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let read = self.file.read_at(bytes, self.position);
        let read = read.map_err(|e| Error::io(format!("read at byte {}", self.position), self.file.path(), e))?;
        if read < bytes.len() {
            return Err(damaged(self.file, self.position, format!("the file ends after {} bytes", self.length)));
        }
        self.position += read as u64;
        Ok(())
    }
}

/// Adds a block's entries, which come behind all that are there.
fn add_entries(map: &mut Map, body: &[u8], entries: u32) -> std::result::Result<(), String> {
    let mut rest = body;
    for _ in 0..entries {
        let (key, value) = (field(&mut rest)?, field(&mut rest)?);
        if map.last_key_value().is_some_and(|(last, _)| **last >= *key) {
            return Err("keys that do not ascend".to_string());
        }
        map.insert(key.into(), value.into());
    }
    if rest.is_empty() { Ok(()) } else { Err(format!("{} bytes behind the entries of a block", rest.len())) }
}

fn field<'a>(rest: &mut &'a [u8]) -> std::result::Result<&'a [u8], String> {
    let split =
        rest.split_at_checked(4).and_then(|(length, behind)| behind.split_at_checked(u32_at(length, 0) as usize));
    let (field, behind) = split.ok_or("an entry that is longer than its block")?;
    *rest = behind;
    Ok(field)
}

fn damaged(file: &dyn DiskFile, position: u64, what: String) -> Error {
    Error::Damaged { path: file.path().to_owned(), position, what }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint_format::{BLOCK_BYTES_LIMIT, HEADER_BYTES};
    use super::super::checkpoint_writer;
    use super::*;
    use lab::sim::SimDisk;
    use stage04::{Access, RECORD_BYTES_MAX};

    const OFFSET: Offset = Offset(7);

    fn header(entries: u64) -> [u8; HEADER_BYTES] {
        Header { offset: OFFSET, entries }.encode()
    }

    /// A block that says it has `entries` entries, with a checksum that fits.
    fn block(number: u32, entries: u32, body: &[u8]) -> Vec<u8> {
        [&block_header(OFFSET, number, entries, body)[..], body].concat()
    }

    fn file(parts: &[&[u8]], blocks: u32) -> Vec<u8> {
        let body = parts.concat();
        let length = (body.len() + TRAILER_BYTES) as u64;
        [&body[..], &trailer(OFFSET, blocks, length)].concat()
    }

    fn read_bytes(bytes: &[u8]) -> std::result::Result<State, String> {
        let sim = SimDisk::with_files([("file", bytes)]);
        let file = sim.disk().open("file", Access::Read).unwrap();
        read(&*file, OFFSET).map_err(|error| match error {
            Error::Damaged { what, .. } => what,
            other => panic!("{other}"),
        })
    }

    const A: &[u8] = b"\x01\0\0\0a\0\0\0\0";
    const B: &[u8] = b"\x01\0\0\0b\0\0\0\0";

    /// What nobody writes and every checksum vouches for: an error that says what it is, and no memory for it.
    #[test]
    fn lies_under_right_checksums_are_refused() {
        let both = [A, B].concat();
        assert_eq!(read_bytes(&file(&[&header(2), &block(0, 2, &both)], 1)).unwrap().map.len(), 2);
        assert_eq!(read_bytes(&file(&[&header(0)], 0)).unwrap().map.len(), 0);
        let cases: [(&str, Vec<u8>); 9] = [
            ("says 3 entries, found 2", file(&[&header(3), &block(0, 2, &both)], 1)),
            ("longer than its block", file(&[&header(3), &block(0, 3, &both)], 1)),
            ("bytes behind the entries", file(&[&header(1), &block(0, 1, &both)], 1)),
            ("do not ascend", file(&[&header(2), &block(0, 2, &[B, A].concat())], 1)),
            ("do not ascend", file(&[&header(2), &block(0, 2, &[A, A].concat())], 1)),
            ("do not ascend", file(&[&header(2), &block(0, 1, B), &block(1, 1, A)], 2)),
            ("longer than its block", file(&[&header(1), &block(0, 1, b"\xff\xff\xff\xffa")], 1)),
            ("the end is not", file(&[&header(1), &block(0, 1, A)], 2)),
            ("more than there can be", [&header(1)[..], b"\xff\xff\xff\xff\x01\0\0\0\0\0\0\0"].concat()),
        ];
        for (expected, bytes) in cases {
            let what = read_bytes(&bytes).expect_err(expected);
            assert!(what.contains(expected), "{what}, expected: {expected}");
        }
    }

    /// A checkpoint of a later version, and one with something in its reserved fields, are not guessed at.
    #[test]
    fn a_header_of_another_version_is_refused() {
        for (at, expected) in [(0, "magic"), (8, "version 2"), (12, "zeros belong"), (32, "zeros belong")] {
            let mut bytes = header(0);
            bytes[at] = 2;
            let crc = crc32fast::hash(&bytes[..36]);
            bytes[36..].copy_from_slice(&crc.to_le_bytes());
            let what = read_bytes(&file(&[&bytes], 0)).expect_err(expected);
            assert!(what.contains(expected), "{what}, expected: {expected}");
        }
    }

    /// The largest block that a writer makes, whatever its options say: nearly complete, then the largest entry.
    #[test]
    fn the_largest_block_can_be_read() {
        let mut state = State { next: OFFSET, ..State::default() };
        let map = Arc::make_mut(&mut state.map);
        map.insert(b"a"[..].into(), vec![0; BLOCK_BYTES_LIMIT - 10].into());
        map.insert(b"b"[..].into(), vec![1; RECORD_BYTES_MAX - 1].into());
        map.insert(b"c"[..].into(), b"2"[..].into());
        let sim = SimDisk::new();
        let file = sim.disk().create("file").unwrap();
        checkpoint_writer::write(&*file, &state, usize::MAX).unwrap();
        let largest = u32_at(&sim.cached("file").unwrap(), HEADER_BYTES) as usize;
        assert_eq!(largest, BLOCK_BYTES_MAX - 1);
        assert_eq!(read(&*file, OFFSET).unwrap(), state);
    }
}
