//! Reading a log of segments: find the segment, read it, go on with the next.

use std::sync::Arc;

use stage03::{Disk, Entry, Error, Offset, Reader, Result, Scan, Visibility};

use crate::directory;
use crate::options::SegmentOptions;
use crate::storage::Storage;
use crate::view::{Shared, View};

/// A reader of a [`SegmentedLog`](crate::SegmentedLog).
#[derive(Debug)]
pub struct SegmentedReader<S: Storage> {
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) visibility: Visibility,
}

impl<S: Storage> Clone for SegmentedReader<S> {
    fn clone(&self) -> Self {
        SegmentedReader { shared: Arc::clone(&self.shared), visibility: self.visibility }
    }
}

impl<S: Storage> SegmentedReader<S> {
    /// Opens the log in `disk` for reading alone: nothing is locked, cut, made, removed or synced. The reader sees the
    /// records that are whole now, and does not notice what another process appends or deletes later.
    pub fn open(disk: &Arc<dyn Disk>, storage: S, options: &SegmentOptions) -> Result<SegmentedReader<S>> {
        let shared = directory::open_for_reading(disk, storage, options)?;
        Ok(SegmentedReader::new(Arc::new(shared)))
    }

    pub(crate) fn new(shared: Arc<Shared<S>>) -> SegmentedReader<S> {
        SegmentedReader { shared, visibility: Visibility::default() }
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.shared.view().sealed.len() + 1
    }

    /// A scan of the segments of one moment.
    pub(crate) fn scan_view(&self, view: Arc<View<S>>, from: Offset) -> Result<SegmentedScan<S>> {
        Shared::check_start(&view, from)?;
        let end = view.end(self.visibility);
        let slot = view.slot_of(from);
        let mut scan = SegmentedScan {
            shared: Arc::clone(&self.shared),
            visibility: self.visibility,
            slot,
            current: None,
            next: from,
            end,
            view,
        };
        if from < end {
            scan.open_segment()?;
        }
        Ok(scan)
    }
}

impl<S: Storage> Reader for SegmentedReader<S> {
    type Scan = SegmentedScan<S>;

    fn scan(&self, from: Offset) -> Result<SegmentedScan<S>> {
        self.scan_view(self.shared.view(), from)
    }

    fn end(&self) -> Offset {
        self.shared.view().end(self.visibility)
    }

    fn start(&self) -> Offset {
        self.shared.view().start()
    }

    fn with_visibility(self, visibility: Visibility) -> Self {
        SegmentedReader { visibility, ..self }
    }

    fn read(&self, offset: Offset) -> Result<Option<stage03::Record<'static>>> {
        let mut scan = self.scan(offset)?;
        // In a segment that was compacted, the record may be gone, and the scan starts with the next one that is left.
        Ok(scan.next()?.filter(|entry| entry.offset == offset).map(|entry| entry.record.into_owned()))
    }
}

/// A scan over the segments of one view.
pub struct SegmentedScan<S: Storage> {
    shared: Arc<Shared<S>>,
    view: Arc<View<S>>,
    visibility: Visibility,
    /// The segment that is read; behind the last sealed one comes the newest.
    slot: usize,
    current: Option<<S::Reader as Reader>::Scan>,
    /// Behind the last record that was returned.
    next: Offset,
    end: Offset,
}

impl<S: Storage> SegmentedScan<S> {
    /// Behind the last record that was looked for, whether it was there or not.
    pub(crate) fn reached(&self) -> Offset {
        self.next
    }

    /// Starts to read the segment in `slot`, from `next` on.
    fn open_segment(&mut self) -> Result<()> {
        let scan = match self.view.sealed.get(self.slot) {
            Some(segment) => self.shared.reader_of(segment)?.scan(self.next)?,
            None => self.view.newest.clone().with_visibility(self.visibility).scan(self.next)?,
        };
        self.current = Some(scan);
        Ok(())
    }

    /// Goes on behind a segment that was read to its end, if it did end where it has to.
    fn next_segment(&mut self) -> Result<()> {
        let Some(segment) = self.view.sealed.get(self.slot) else {
            let path = self.shared.site.disk.path().join(self.view.newest_name.file(crate::Part::Log));
            return Err(Error::Gap { path, expected: self.next, found: self.end });
        };
        let sealed = &segment.sealed;
        if self.next != sealed.end && !sealed.name.is_rewritten() {
            let path = sealed.file.path().to_owned();
            return Err(Error::Gap { path, expected: self.next, found: sealed.end });
        }
        self.slot += 1;
        self.next = sealed.end;
        self.current = None;
        Ok(())
    }
}

impl<S: Storage> Scan for SegmentedScan<S> {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        if self.is_at_end()? {
            return Ok(None);
        }
        let Some(scan) = &mut self.current else { return Ok(None) };
        let entry = scan.next()?;
        if let Some(entry) = &entry {
            self.next = entry.offset.next();
        }
        Ok(entry)
    }

    fn is_at_end(&mut self) -> Result<bool> {
        loop {
            if self.next >= self.end {
                return Ok(true);
            }
            let Some(scan) = &mut self.current else {
                self.open_segment()?;
                continue;
            };
            if !scan.is_at_end()? {
                return Ok(false);
            }
            self.next_segment()?;
        }
    }
}

impl<S: Storage> std::fmt::Debug for SegmentedScan<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentedScan").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}
