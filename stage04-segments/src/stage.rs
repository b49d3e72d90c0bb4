//! What stage 4 says about itself.

use std::sync::Arc;

use stage03::{Disk, GroupCommit, Options, Promise, Result, Stage};

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
}
