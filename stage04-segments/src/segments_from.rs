//! Reading segment by segment, by the storage's own means.

use std::sync::Arc;

use stage03::{Offset, Reader, Result, Visibility};

use crate::reader::SegmentedReader;
use crate::storage::Storage;
use crate::view::{Shared, View};

/// A segment, for whoever reads it by other means than a scan of records.
#[derive(Clone, Debug)]
pub struct SegmentAt<R> {
    /// Reads it.
    pub reader: R,
    /// The offset of its first record.
    pub base: Offset,
    /// The offset behind its last one, as far as the reader sees.
    pub end: Offset,
}

/// The segments of one moment, one after the other.
#[derive(Debug)]
pub struct SegmentsFrom<S: Storage> {
    shared: Arc<Shared<S>>,
    view: Arc<View<S>>,
    visibility: Visibility,
    slot: usize,
}

impl<S: Storage> SegmentedReader<S> {
    /// The segments from the one on that `offset` falls into. They are those of this moment (S5), whatever becomes of
    /// the log while they are read.
    ///
    /// # Errors
    ///
    /// [`Error::Deleted`](stage03::Error::Deleted) if the log starts behind `offset`.
    pub fn segments_from(&self, offset: Offset) -> Result<SegmentsFrom<S>> {
        let view = self.shared.view();
        Shared::check_start(&view, offset)?;
        let slot = view.slot_of(offset);
        Ok(SegmentsFrom { shared: Arc::clone(&self.shared), view, visibility: self.visibility, slot })
    }
}

impl<S: Storage> Iterator for SegmentsFrom<S> {
    type Item = Result<SegmentAt<S::Reader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let View { sealed, newest, newest_name, .. } = &*self.view;
        let slot = self.slot;
        self.slot += 1;
        if let Some(segment) = sealed.get(slot) {
            let (base, end) = (segment.sealed.name.base, segment.sealed.end);
            let reader = self.shared.reader_of(segment).cloned();
            return Some(reader.map(|reader| SegmentAt { reader, base, end }));
        }
        (slot == sealed.len()).then(|| {
            let reader = newest.clone().with_visibility(self.visibility);
            Ok(SegmentAt { base: newest_name.base, end: reader.end(), reader })
        })
    }
}
