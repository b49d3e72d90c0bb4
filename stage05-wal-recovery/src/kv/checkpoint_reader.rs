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
