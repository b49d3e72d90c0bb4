//! What stage 4 says about itself.

use std::sync::Arc;

use stage03::{Disk, GroupCommit, Offset, Options, Promise, Result, Stage};

use crate::json_segments::JsonSegments;
use crate::options::SegmentOptions;
use crate::reader::SegmentedReader;
use crate::segmented_log::SegmentedLog;

/// Stage 4: segments.
#[derive(Debug)]
pub struct Stage04;

impl Stage for Stage04 {
    const NAME: &'static str = "stage04";
    const TITLE: &'static str = "segments";
    const KEEPS: &'static [Promise] = &[
        Promise::SurvivesKill,
        Promise::SurvivesPowerCut,
        Promise::SurvivesFailedSync,
        Promise::SurvivesFullDisk,
        Promise::FindsInLogTime,
        Promise::OpensInConstantTime,
        Promise::DeletesOldData,
    ];

    type Log = GroupCommit<SegmentedLog<JsonSegments>>;
    type Shared = GroupCommit<SegmentedLog<JsonSegments>>;

    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        let log = SegmentedLog::open(&disk, JsonSegments, SegmentOptions::default())?;
        Ok(GroupCommit::new(log, Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<SegmentedReader<JsonSegments>> {
        SegmentedReader::open(&disk, JsonSegments, &SegmentOptions::default())
    }

    fn share(log: Self::Log) -> Self::Shared {
        log
    }

    fn open_small(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        let options = SegmentOptions { index_interval_bytes: 100, ..SegmentOptions::with_segment_bytes(400) };
        Ok(GroupCommit::new(SegmentedLog::open(&disk, JsonSegments, options)?, Options::default()))
    }

    fn delete_before(log: &mut Self::Log, limit: Offset) -> Result<()> {
        log.with_log(|log| log.delete_before(limit))
    }
}
