//! The one snapshot of a node, in a file.
//!
//! ```text
//!    0  magic       "SIXLOG\0S"
//!    8  version     u32   1
//!   12  meta bytes  u32
//!   16  data bytes  u64
//!   24  crc         u32   over bytes 0 to 23, meta and data
//!   28  zero        u32
//!   32  meta        JSON: up to which entry, who takes part
//!       data        the controller's state, as it is sent
//! ```
//!
//! Numbers are little-endian, the checksum is CRC-32 (IEEE). The file is written as a checkpoint of stage 5 is: under a
//! temporary name, synced, renamed, and the directory synced (C3).

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use stage05::site::Site;
use stage05::{Access, Disk, DiskFile, Error, INDEX_INTERVAL_BYTES, Result};

use super::types::SnapshotMeta;

/// The name of the file.
pub const SNAPSHOT_NAME: &str = "snapshot";
/// The most bytes that a snapshot may have.
pub const SNAPSHOT_BYTES_MAX: u64 = 256 * 1024 * 1024;

const MAGIC: [u8; 8] = *b"SIXLOG\0S";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;

/// A snapshot, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSnapshot {
    /// What it holds.
    pub meta: SnapshotMeta,
    /// The state, as bytes.
    pub data: Vec<u8>,
}

/// Where a node keeps its snapshot.
#[derive(Debug)]
pub struct SnapshotFile {
    site: Site,
    current: Option<Arc<StoredSnapshot>>,
    /// See [`LogStore`](super::log_store::LogStore): after a failure, nobody knows which of two snapshots is there.
    failure: Option<Arc<Error>>,
}

impl SnapshotFile {
    /// Reads the snapshot in `disk`, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if any bit of it is not as it was written. The entries that it stands for are gone, so it is not
    /// passed over.
    pub fn open(disk: &Arc<dyn Disk>) -> Result<SnapshotFile> {
        let site = Site { disk: Arc::clone(disk), access: Access::Write, index_interval_bytes: INDEX_INTERVAL_BYTES };
        let current = match disk.open(SNAPSHOT_NAME, Access::Read) {
            Ok(file) => {
                // Whoever renamed it may have been killed before the name was durable, and it is served now.
                site.sync_directory()?;
                Some(Arc::new(read(&*file)?))
            }
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io("open", disk.path().join(SNAPSHOT_NAME), e)),
        };
        Ok(SnapshotFile { site, current, failure: None })
    }

    /// The snapshot, if there is one.
    pub fn current(&self) -> Option<Arc<StoredSnapshot>> {
        self.current.clone()
    }

    /// Where the file is, for messages.
    pub fn path(&self) -> PathBuf {
        self.site.disk.path().join(SNAPSHOT_NAME)
    }

    /// Puts a snapshot in the place of the one that is there: durably, when this returns, and the old or the new one
    /// whole after any crash. One that holds no more entries than the one that is there is not written.
    pub fn replace(&mut self, snapshot: StoredSnapshot) -> Result<()> {
        if let Some(cause) = &self.failure {
            return Err(Error::Poisoned { cause: Arc::clone(cause) });
        }
        // One that was being built while a newer one came in.
        if self.current.as_ref().is_some_and(|current| current.meta.last_log_id >= snapshot.meta.last_log_id) {
            return Ok(());
        }
        let written = self.write(&snapshot);
        written.map_err(|error| {
            let cause = Arc::clone(self.failure.insert(Arc::new(error)));
            Error::Poisoned { cause }
        })?;
        self.current = Some(Arc::new(snapshot));
        Ok(())
    }

    fn write(&self, snapshot: &StoredSnapshot) -> Result<()> {
        let meta = serde_json::to_vec(&snapshot.meta).map_err(|e| Error::io("write down", self.path(), e.into()))?;
        let header = header(&meta, &snapshot.data);
        let file = self.site.create_temporary(SNAPSHOT_NAME)?;
        let mut position = 0;
        for part in [&header[..], &meta, &snapshot.data] {
            let written = file.write_at(part, position);
            written.map_err(|e| Error::io(format!("write at byte {position}"), file.path(), e))?;
            position += part.len() as u64;
        }
        file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
        self.site.publish(SNAPSHOT_NAME)?;
        Ok(())
    }
}

fn header(meta: &[u8], data: &[u8]) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&(meta.len() as u32).to_le_bytes());
    bytes[16..24].copy_from_slice(&(data.len() as u64).to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    [&bytes[..24], meta, data].into_iter().for_each(|part| crc.update(part));
    bytes[24..28].copy_from_slice(&crc.finalize().to_le_bytes());
    bytes
}

/// Reads the file, all of it.
fn read(file: &dyn DiskFile) -> Result<StoredSnapshot> {
    let damaged = |position: u64, what: String| Error::Damaged { path: file.path().to_owned(), position, what };
    let length = file.length().map_err(|e| Error::io("ask for the length", file.path(), e))?;
    // Nothing has vouched for the file yet: its length is held against what there can be before memory is set aside.
    let expected = HEADER_BYTES as u64..=SNAPSHOT_BYTES_MAX;
    if !expected.contains(&length) {
        return Err(damaged(0, format!("a snapshot has {HEADER_BYTES} to {SNAPSHOT_BYTES_MAX} bytes, found {length}")));
    }
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(&mut bytes, 0).map_err(|e| Error::io("read", file.path(), e))?;
    if read < bytes.len() {
        return Err(damaged(read as u64, format!("the file ends here, expected {length} bytes")));
    }
    let (head, body) = bytes.split_at(HEADER_BYTES);
    if head[..8] != MAGIC {
        return Err(damaged(0, "the magic is not that of a snapshot".to_string()));
    }
    let version = u32::from_le_bytes(head[8..12].try_into().expect("four bytes"));
    if version != VERSION {
        return Err(damaged(8, format!("a snapshot of version {version}, expected {VERSION}")));
    }
    let meta_bytes = u32::from_le_bytes(head[12..16].try_into().expect("four bytes")) as usize;
    let Some((meta, data)) = body.split_at_checked(meta_bytes) else {
        return Err(damaged(12, format!("{meta_bytes} bytes of meta, but the file has {length}")));
    };
    if head != header(meta, data) {
        return Err(damaged(16, format!("lengths or checksum do not fit the {length} bytes that are there")));
    }
    let parsed = serde_json::from_slice(meta).map_err(|e| damaged(HEADER_BYTES as u64, format!("meta: {e}")))?;
    Ok(StoredSnapshot { meta: parsed, data: data.to_vec() })
}
