//! What stage 5 says about itself.

use std::sync::Arc;

use stage04::{
    Disk, GroupCommit, Offset, Options, Promise, Result, SegmentOptions, SegmentedLog, SegmentedReader, Stage,
};

use crate::framed::Framed;
use crate::header::SEGMENT_HEADER_BYTES;

/// Stage 5: recovery of a write-ahead log.
#[derive(Debug)]
pub struct Stage05;

impl Stage for Stage05 {
    const NAME: &'static str = "stage05";
    const TITLE: &'static str = "WAL recovery";
    const KEEPS: &'static [Promise] = &[
        Promise::SurvivesKill,
        Promise::SurvivesPowerCut,
        Promise::SurvivesTornWrite,
        Promise::SurvivesFlippedBit,
        Promise::SurvivesFailedSync,
        Promise::SurvivesFullDisk,
        Promise::FindsInLogTime,
        Promise::OpensInConstantTime,
        Promise::DeletesOldData,
    ];

    type Log = GroupCommit<SegmentedLog<Framed>>;
    type Shared = GroupCommit<SegmentedLog<Framed>>;

    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        let log = SegmentedLog::open(&disk, Framed::default(), SegmentOptions::default())?;
        Ok(GroupCommit::new(log, Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<SegmentedReader<Framed>> {
        SegmentedReader::open(&disk, Framed::default(), &SegmentOptions::default())
    }

    fn share(log: Self::Log) -> Self::Shared {
        log
    }

    fn open_small(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        let bytes = SEGMENT_HEADER_BYTES as u64 + 500;
        let options = SegmentOptions { index_interval_bytes: 200, ..SegmentOptions::with_segment_bytes(bytes) };
        let log = SegmentedLog::open(&disk, Framed::default(), options)?;
        Ok(GroupCommit::new(log, Options::default()))
    }

    fn delete_before(log: &mut Self::Log, limit: Offset) -> Result<()> {
        log.with_log(|log| log.delete_before(limit))
    }
}
