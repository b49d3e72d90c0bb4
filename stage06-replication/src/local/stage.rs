//! What stage 6 says about itself.

use std::sync::Arc;

use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::{Disk, Framed, GroupCommit, Offset, Options, Promise, Result, SegmentOptions, Stage};

use super::{DIRECTORIES, LocalReader, LocalTablet};

/// Stage 6: replication.
#[derive(Debug)]
pub struct Stage06;

impl Stage for Stage06 {
    const NAME: &'static str = "stage06";
    const TITLE: &'static str = "replication";
    const KEEPS: &'static [Promise] = &Promise::ALL;
    const MACHINES: &'static [&'static str] = &DIRECTORIES;

    type Log = GroupCommit<LocalTablet>;
    type Shared = GroupCommit<LocalTablet>;

    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        let tablet = LocalTablet::open(&disk, Framed::default(), SegmentOptions::default())?;
        Ok(GroupCommit::new(tablet, Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<LocalReader> {
        LocalReader::open(&disk, &Framed::default(), &SegmentOptions::default())
    }

    fn share(log: Self::Log) -> Self::Shared {
        log
    }

    fn open_small(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        let bytes = SEGMENT_HEADER_BYTES as u64 + 500;
        let options = SegmentOptions { index_interval_bytes: 200, ..SegmentOptions::with_segment_bytes(bytes) };
        Ok(GroupCommit::new(LocalTablet::open(&disk, Framed::default(), options)?, Options::default()))
    }

    fn delete_before(log: &mut Self::Log, limit: Offset) -> Result<()> {
        log.with_log(|tablet| tablet.delete_before(limit))
    }
}
