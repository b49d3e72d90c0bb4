//! Stub.
use std::sync::{Arc, Mutex, PoisonError};

use stage03::{Offset, Reader, Record, Result, Scan, Visibility};

use crate::name::SegmentName;
use crate::site::Site;
use crate::storage::Storage;
use crate::view::{SealedSegment, Shared, View};

#[derive(Clone, Debug, Default)]
pub(crate) struct NewestTimes(Arc<Mutex<u64>>);

impl NewestTimes {
    pub(crate) fn new(_: SegmentName) -> NewestTimes {
        NewestTimes::default()
    }
    pub(crate) fn open<R: Reader>(_: &Site, _: SegmentName, _: &R) -> Result<NewestTimes> {
        Ok(NewestTimes::default())
    }
    pub(crate) fn note(&self, _: Offset, records: &[Record<'_>], _: u64) {
        let mut l = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for r in records {
            *l = (*l).max(r.timestamp_ms)
        }
    }
    pub(crate) fn save(&self, _: &Site) {}
    pub(crate) fn seal(&self, _: &Site) {}
}
#[derive(Clone, Debug, Default)]
pub(crate) struct SealedTimes(u64);
impl SealedTimes {
    pub(crate) fn open<S: Storage>(shared: &Shared<S>, segment: &SealedSegment<S>) -> Result<SealedTimes> {
        let mut scan = shared.reader_of(segment)?.scan(segment.sealed.name.base)?;
        let mut l = 0;
        while let Some(e) = scan.next()? {
            l = l.max(e.record.timestamp_ms)
        }
        Ok(SealedTimes(l))
    }
    pub(crate) fn largest_timestamp_ms(&self) -> u64 {
        self.0
    }
}
pub(crate) fn offset_for_time<S: Storage>(_: &Shared<S>, _: &View<S>, _: Visibility, _: u64) -> Result<Option<Offset>> {
    Ok(None)
}
