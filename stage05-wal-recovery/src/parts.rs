//! The segments of a log as they lie in its directory, for whoever looks at all of it and changes nothing.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use stage04::name::Part;
use stage04::{Access, Disk, DiskFile, Error, Offset, PackedFile, Result, SegmentName};

use crate::decision::Segment;

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// Its name.
    pub name: SegmentName,
    /// Whether it is the one that appends go to.
    pub segment: Segment,
    /// Where its records have to end: where the next segment starts, or where its name says. The newest ends anywhere.
    pub end: Option<Offset>,
}

/// The segments in `disk` from the oldest on. Those that a rewritten one stands for are left out: a crash has kept them
/// from being removed.
pub fn parts(disk: &Arc<dyn Disk>) -> Result<Vec<LogPart>> {
    let files = disk.list().map_err(|e| Error::io("list the directory", disk.path(), e))?;
    let logs = files.iter().filter_map(|file| SegmentName::parse(file)).filter(|(_, part)| *part == Part::Log);
    let mut names: Vec<SegmentName> = logs.map(|(name, _)| name).collect();
    names.sort();
    let rewritten: Vec<SegmentName> = names.iter().filter(|name| name.is_rewritten()).copied().collect();
    names.retain(|name| !rewritten.iter().any(|by| stands_for(by, name)));
    let next = |i: usize| names.get(i + 1).map(|next| next.base);
    let part = |(i, name): (usize, &SegmentName)| LogPart {
        name: *name,
        segment: if i + 1 == names.len() && !name.is_rewritten() { Segment::Newest } else { Segment::Sealed },
        end: name.rewritten_end.or(next(i)),
    };
    Ok(names.iter().enumerate().map(part).collect())
}

/// Whether all records of `name` are, or were, in the rewritten segment `by`.
fn stands_for(by: &SegmentName, name: &SegmentName) -> bool {
    let Some(end) = by.rewritten_end else { return false };
    by != name && name.base >= by.base && name.base < end && name.rewritten_end.is_none_or(|name_end| name_end <= end)
}

impl LogPart {
    /// The segment's file, open for reading: if it is packed, as the file that was packed.
    pub fn open(&self, disk: &Arc<dyn Disk>) -> Result<Arc<dyn DiskFile>> {
        let name = self.name.file(Part::Log);
        let file = disk.open(&name, Access::Read).map_err(|e| Error::io("open", disk.path().join(&name), e))?;
        match self.name.is_rewritten() {
            true => PackedFile::open(file).map(|packed| packed as Arc<dyn DiskFile>),
            false => Ok(file),
        }
    }

    /// The same for whoever reads on behind damage: what a damaged block of a packed file held reads as [`NOTHING`].
    pub(crate) fn open_over_damage(&self, disk: &Arc<dyn Disk>) -> Result<Arc<dyn DiskFile>> {
        let file = self.open(disk)?;
        Ok(if self.name.is_rewritten() { Arc::new(OverDamage(file)) } else { file })
    }
}

/// Whether an error says that bytes are not as they were written, and not that they could not be read. A packed file checks
/// its own blocks, and says so as an operating system's file would.
pub(crate) fn is_damage(error: &Error) -> bool {
    match error.root() {
        Error::Io { cause, .. } => cause.kind() == ErrorKind::InvalidData,
        Error::Damaged { .. } => true,
        _ => false,
    }
}

/// What stands for bytes that are damaged. Zeros would be the end of what was written.
const NOTHING: u8 = 0xff;

/// Damaged blocks are left out in pieces of this size, or of the block's if that is larger.
const PIECE_BYTES: usize = 4096;

/// A packed file that is read in spite of its damaged blocks. The frames of the others are found behind them.
#[derive(Debug)]
struct OverDamage(Arc<dyn DiskFile>);

impl DiskFile for OverDamage {
    fn path(&self) -> &Path {
        self.0.path()
    }

    /// All at once; and piece by piece if there is damage in it.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        match self.0.read_at(buffer, position) {
            Err(error) if error.kind() == ErrorKind::InvalidData => {}
            read => return read,
        }
        let left = usize::try_from(self.length()?.saturating_sub(position)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        let mut done = 0;
        while done < count {
            let at = position + done as u64;
            let piece = (PIECE_BYTES - (at % PIECE_BYTES as u64) as usize).min(count - done);
            let piece = &mut buffer[done..done + piece];
            match self.0.read_at(piece, at) {
                Err(error) if error.kind() == ErrorKind::InvalidData => piece.fill(NOTHING),
                Ok(read) if read == piece.len() => {}
                Ok(read) => return Ok(done + read),
                Err(error) => return Err(error),
            }
            done += piece.len();
        }
        Ok(count)
    }

    fn write_at(&self, _bytes: &[u8], _position: u64) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn os_file(&self) -> Option<&File> {
        None
    }
}
