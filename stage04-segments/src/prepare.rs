//! Making the next segment's file ready: real zeros, written and synced before they are needed.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use stage03::{DiskFile, Error, Offset, Result};

use crate::name::{Part, SegmentName, TEMPORARY_SUFFIX};
use crate::options::{PREPARED_BYTES_MAX, Preparation, SegmentOptions};
use crate::recycle::Recycler;
use crate::site::Site;

/// The file that a thread has filled, until it becomes a segment.
pub(crate) const PREPARED: &str = "prepared";

/// How many zeros are written at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Makes the files of new segments.
#[derive(Debug)]
pub(crate) struct Preparer {
    site: Site,
    segment_bytes: u64,
    preparation: Preparation,
    pub(crate) recycler: Arc<Recycler>,
    background: Option<Background>,
}

#[derive(Debug)]
struct Background {
    orders: Sender<()>,
    ready: Receiver<Result<()>>,
    thread: JoinHandle<()>,
    /// A file was ordered, and not taken yet.
    is_ordered: bool,
}

impl Preparer {
    pub(crate) fn new(site: Site, options: &SegmentOptions) -> Preparer {
        let preparation = options.preparation;
        let recycler = Arc::new(Recycler::new(site.clone(), options));
        let segment_bytes = options.segment_bytes_max.min(PREPARED_BYTES_MAX);
        Preparer { site, segment_bytes, preparation, recycler, background: None }
    }

    /// Orders the file of the segment after the newest. Returns at once.
    pub(crate) fn order_next(&mut self) {
        if self.preparation == Preparation::InBackground {
            let Preparer { site, recycler, segment_bytes, .. } = self;
            let start = || start(site.clone(), Arc::clone(recycler), *segment_bytes);
            let background = self.background.get_or_insert_with(start);
            background.is_ordered = background.orders.send(()).is_ok();
        }
    }

    /// Makes the segment that starts at `base`, with `header` at its front, and gives it its name, durably. Whoever
    /// looks at the directory sees the whole file, or none.
    pub(crate) fn make(&mut self, base: Offset, header: &[u8]) -> Result<Arc<dyn DiskFile>> {
        let name = SegmentName::new(base).file(Part::Log);
        let file = match self.take_prepared(&name)? {
            Some(file) => file,
            None if self.preparation == Preparation::AtRoll => self.prepare_now(&name)?,
            None => self.site.create_temporary(&name)?,
        };
        if !header.is_empty() {
            file.write_at(header, 0).map_err(|e| Error::io("write the header", file.path(), e))?;
        }
        file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
        self.site.publish(&name)
    }

    /// A file of zeros under the temporary name of the segment.
    fn prepare_now(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        let file = match self.recycler.take(&format!("{name}{TEMPORARY_SUFFIX}"))? {
            Some(spare) => spare,
            None => self.site.create_temporary(name)?,
        };
        if fill(&file, self.segment_bytes).is_err() {
            // No room for zeros; there may be room for records.
            file.truncate(0).map_err(|e| Error::io("cut zeros off", file.path(), e))?;
        }
        Ok(file)
    }

    /// The file that the thread has filled, under the temporary name of the segment; none if it could not be filled. A
    /// disk without room for a file of zeros may still have room for records.
    fn take_prepared(&mut self, name: &str) -> Result<Option<Arc<dyn DiskFile>>> {
        let Some(background) = self.background.as_mut().filter(|background| background.is_ordered) else {
            return Ok(None);
        };
        background.is_ordered = false;
        if !matches!(background.ready.recv(), Ok(Ok(()))) {
            return Ok(None);
        }
        let temporary = format!("{name}{TEMPORARY_SUFFIX}");
        let rename = self.site.disk.rename(PREPARED, &temporary);
        rename.map_err(|e| Error::io("rename a prepared file to", self.site.disk.path().join(&temporary), e))?;
        self.site.open(&temporary, stage03::Access::Write).map(Some)
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        if let Some(Background { orders, ready, thread, .. }) = self.background.take() {
            drop((orders, ready));
            // If it panicked, there is no prepared file, and nobody is left who wants one.
            let _ = thread.join();
            let _ = self.site.remove(PREPARED);
        }
        self.recycler.close();
    }
}

fn start(site: Site, recycler: Arc<Recycler>, segment_bytes: u64) -> Background {
    let (orders, incoming) = channel();
    let (outgoing, ready) = channel();
    let thread = thread::spawn(move || {
        for () in incoming {
            let prepared = prepare(&site, &recycler, segment_bytes);
            if prepared.is_err() {
                // Half a file of zeros is in the way of the records. If it cannot be removed, the next open tries again.
                let _ = site.remove(PREPARED);
            }
            if outgoing.send(prepared).is_err() {
                return;
            }
        }
    });
    Background { orders, ready, thread, is_ordered: false }
}

fn prepare(site: &Site, recycler: &Recycler, bytes: u64) -> Result<()> {
    site.remove(PREPARED)?;
    let file = match recycler.take(PREPARED)? {
        Some(spare) => spare,
        None => site.disk.create(PREPARED).map_err(|e| Error::io("create", site.disk.path().join(PREPARED), e))?,
    };
    fill(&file, bytes)?;
    file.sync_data().map_err(|e| Error::io("sync", file.path(), e))
}

/// Makes all of a file zeros, and as long as that, whatever is in it.
fn fill(file: &Arc<dyn DiskFile>, bytes: u64) -> Result<()> {
    let zeros = vec![0; CHUNK_BYTES.min(usize::try_from(bytes).unwrap_or(CHUNK_BYTES))];
    let mut position = 0;
    while position < bytes {
        let chunk = &zeros[..zeros.len().min((bytes - position) as usize)];
        let written = file.write_at(chunk, position);
        written.map_err(|e| Error::io(format!("write zeros at byte {position}"), file.path(), e))?;
        position += chunk.len() as u64;
    }
    // The segment whose file this was may have been larger.
    match file.length().map_err(|e| Error::io("ask for the length", file.path(), e))? > bytes {
        true => file.truncate(bytes).map_err(|e| Error::io("cut", file.path(), e)),
        false => Ok(()),
    }
}
