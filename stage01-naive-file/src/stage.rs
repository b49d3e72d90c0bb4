//! What every stage of the course says about itself, in a form that the laboratory can hold it to.

use std::sync::{Arc, Mutex};

use crate::disk::Disk;
use crate::error::Result;
use crate::json_lines::JsonLines;
use crate::log::{Log, SharedLog};
use crate::naive::{NaiveLog, NaiveReader};
use crate::offset::Offset;

/// Something that a log may promise. A stage keeps it or does not; the laboratory checks both answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// Every acknowledged record is there after the process was killed, and the log opens and goes on.
    SurvivesKill,
    /// The same after a power cut that keeps, of each file, some prefix of the writes that were not synced.
    SurvivesPowerCut,
    /// The same after a power cut in which each unsynced sector reached the disk or did not, in any order.
    SurvivesTornWrite,
    /// One flipped bit anywhere in the log's files is noticed: never a wrong record, never a silently missing one.
    SurvivesFlippedBit,
    /// Once a sync has failed, no record is acknowledged that the failure may have lost.
    SurvivesFailedSync,
    /// A disk that fills up in the middle of an append loses no acknowledged record, before or after.
    SurvivesFullDisk,
    /// Reading one record costs no more than the logarithm of the log's length.
    FindsInLogTime,
    /// Opening costs the same however long the log is.
    OpensInConstantTime,
    /// Old records can be given up and their space comes back.
    DeletesOldData,
    /// Every acknowledged record is there after the machine and its disk are gone.
    SurvivesMachineLoss,
}

impl Promise {
    /// All promises, in the order in which the course comes to them.
    pub const ALL: [Promise; 10] = [
        Promise::SurvivesKill,
        Promise::SurvivesPowerCut,
        Promise::SurvivesTornWrite,
        Promise::SurvivesFlippedBit,
        Promise::SurvivesFailedSync,
        Promise::SurvivesFullDisk,
        Promise::FindsInLogTime,
        Promise::OpensInConstantTime,
        Promise::DeletesOldData,
        Promise::SurvivesMachineLoss,
    ];

    /// The promise in a few words, for tables.
    pub fn title(self) -> &'static str {
        match self {
            Promise::SurvivesKill => "survives a kill",
            Promise::SurvivesPowerCut => "survives a power cut",
            Promise::SurvivesTornWrite => "survives a torn write",
            Promise::SurvivesFlippedBit => "survives a flipped bit",
            Promise::SurvivesFailedSync => "survives a failed sync",
            Promise::SurvivesFullDisk => "survives a full disk",
            Promise::FindsInLogTime => "finds an offset in O(log n)",
            Promise::OpensInConstantTime => "opens in O(1)",
            Promise::DeletesOldData => "deletes old data",
            Promise::SurvivesMachineLoss => "survives a machine",
        }
    }
}

/// A stage of the course: a log, how to open it, and what it promises.
pub trait Stage: 'static {
    /// The name of the stage's package.
    const NAME: &'static str;
    /// The one idea of the stage.
    const TITLE: &'static str;
    /// The promises that this stage keeps. It breaks the others, and a test shows how.
    const KEEPS: &'static [Promise];
    /// The directories below the log's own that stand for a machine each, where a stage keeps copies. All others have
    /// everything in one place.
    const MACHINES: &'static [&'static str] = &[];

    /// The stage's log.
    type Log: Log;
    /// The stage's log, shared among threads.
    type Shared: SharedLog + 'static;

    /// Opens the stage's log in `disk`, or makes one.
    fn open(disk: Arc<dyn Disk>) -> Result<Self::Log>;

    /// Opens the stage's log in `disk` for reading alone.
    fn open_reader(disk: Arc<dyn Disk>) -> Result<<Self::Log as Log>::Reader>;

    /// Gives the log to many threads.
    fn share(log: Self::Log) -> Self::Shared;

    /// Opens the stage's log as [`Stage::open`] does, with files of a few hundred bytes: a stage that begins a new file
    /// now and then does so after a few records here, so that the laboratory's tests cross every boundary.
    fn open_small(disk: Arc<dyn Disk>) -> Result<Self::Log> {
        Self::open(disk)
    }

    /// Gives up old records: none at or behind `limit`, and of those in front of it as many as the stage can do without
    /// rewriting a file. A stage that has no such operation does nothing.
    fn delete_before(log: &mut Self::Log, limit: Offset) -> Result<()> {
        let _ = (log, limit);
        Ok(())
    }
}

/// Stage 1: a naive file.
#[derive(Debug)]
pub struct Stage01;

impl Stage for Stage01 {
    const NAME: &'static str = "stage01";
    const TITLE: &'static str = "naive file";
    const KEEPS: &'static [Promise] = &[Promise::SurvivesKill, Promise::SurvivesPowerCut];

    type Log = NaiveLog;
    type Shared = Mutex<NaiveLog>;

    fn open(disk: Arc<dyn Disk>) -> Result<NaiveLog> {
        NaiveLog::open(&disk, JsonLines)
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<NaiveReader> {
        NaiveReader::open(&disk, JsonLines)
    }

    fn share(log: NaiveLog) -> Mutex<NaiveLog> {
        Mutex::new(log)
    }
}
