//! What stage 3 says about itself.

use std::sync::Arc;

use stage02::{Disk, GroupCommit, JsonLines, Options, Promise, Result, Stage};

use crate::indexed_log::IndexedLog;
use crate::reader::IndexedReader;

/// Stage 3: a sparse index.
#[derive(Debug)]
pub struct Stage03;

impl Stage for Stage03 {
    const NAME: &'static str = "stage03";
    const TITLE: &'static str = "sparse index";
    const KEEPS: &'static [Promise] = &[
        Promise::SurvivesKill,
        Promise::SurvivesPowerCut,
        Promise::SurvivesFailedSync,
        Promise::SurvivesFullDisk,
        Promise::FindsInLogTime,
    ];

    type Log = GroupCommit<IndexedLog>;
    type Shared = GroupCommit<IndexedLog>;

    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        Ok(GroupCommit::new(IndexedLog::open(&disk, JsonLines)?, Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<IndexedReader> {
        IndexedReader::open(&disk, JsonLines)
    }

    fn share(log: Self::Log) -> Self::Shared {
        log
    }
}
