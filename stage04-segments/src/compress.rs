//! Compressing sealed segments: the same bytes, packed.

use stage03::{Error, Result};

use crate::maintenance::Maintenance;
use crate::packed::{Compression, PackOptions};
use crate::rewrite::Rewriting;
use crate::storage::{Sealed, Storage};
use crate::view::SealedSegment;

/// How many bytes are copied at a time.
const COPY_BYTES: usize = 64 * 1024;

impl<S: Storage> Maintenance<S> {
    /// Packs and compresses every sealed segment that was not rewritten yet. Returns how many bytes that gave back.
    ///
    /// Producers do not pay for it, as they would if each batch were compressed on its way in, and the newest records,
    /// which are read most, stay as they are.
    pub fn compress(&self) -> Result<u64> {
        let mut upkeep = self.shared.lock_maintenance()?;
        let options = PackOptions { compression: Compression::Lz4, ..PackOptions::default() };
        let mut saved = 0;
        for segment in &self.shared.view().sealed {
            let SealedSegment { sealed, stored_bytes, .. } = &**segment;
            if sealed.name.is_rewritten() {
                continue;
            }
            // Damage that is packed gets a checksum that is right: look at every record first.
            let mut largest_timestamp_ms = 0;
            self.shared.visit_records(segment, |entry| {
                largest_timestamp_ms = entry.record.timestamp_ms.max(largest_timestamp_ms);
                Ok(())
            })?;
            let mut packing = self.begin_rewriting(sealed.name.base..sealed.end, options)?;
            copy(sealed, &mut packing)?;
            self.replace(std::slice::from_ref(segment), packing, largest_timestamp_ms, &mut upkeep)?;
            let view = self.shared.view();
            let packed_bytes = view.sealed[view.slot_of(sealed.name.base)].stored_bytes;
            saved += stored_bytes.saturating_sub(packed_bytes);
        }
        Ok(saved)
    }
}

fn copy(sealed: &Sealed, packing: &mut Rewriting) -> Result<()> {
    let mut window = vec![0; COPY_BYTES];
    let mut position = 0;
    loop {
        let read = sealed.file.read_at(&mut window, position);
        let read = read.map_err(|e| Error::io(format!("read at byte {position}"), sealed.file.path(), e))?;
        if read == 0 {
            return Ok(());
        }
        packing.write(&window[..read])?;
        position += read as u64;
    }
}
