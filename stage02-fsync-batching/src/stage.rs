//! What stage 2 says about itself.

use std::sync::Arc;

use stage01::{Disk, NaiveLog, NaiveReader, Promise, Result, Stage, Stage01};

use crate::group_commit::GroupCommit;
use crate::options::Options;

/// Stage 2: fsync batching.
#[derive(Debug)]
pub struct Stage02;

impl Stage for Stage02 {
    const NAME: &'static str = "stage02";
    const TITLE: &'static str = "fsync batching";
    const KEEPS: &'static [Promise] =
        &[Promise::SurvivesKill, Promise::SurvivesPowerCut, Promise::SurvivesFailedSync, Promise::SurvivesFullDisk];

    type Log = GroupCommit<NaiveLog>;
    type Shared = GroupCommit<NaiveLog>;

    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        Ok(GroupCommit::new(Stage01::open(disk)?, Options::default()))
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<NaiveReader> {
        Stage01::open_reader(disk)
    }

    fn share(log: Self::Log) -> Self::Shared {
        log
    }
}
