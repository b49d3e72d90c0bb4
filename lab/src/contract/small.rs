//! Any stage, with files as small as it can make them.

use std::marker::PhantomData;
use std::sync::Arc;

use stage01::{Disk, Log, Offset, Promise, Result, Stage};

/// The stage, opened by [`Stage::open_small`]: a log of a few dozen records has many files.
#[derive(Debug)]
pub struct Small<S>(PhantomData<S>);

impl<S: Stage> Stage for Small<S> {
    const NAME: &'static str = S::NAME;
    const TITLE: &'static str = S::TITLE;
    const KEEPS: &'static [Promise] = S::KEEPS;
    const MACHINES: &'static [&'static str] = S::MACHINES;

    type Log = S::Log;
    type Shared = S::Shared;

    fn open(disk: Arc<dyn Disk>) -> Result<S::Log> {
        S::open_small(disk)
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<<S::Log as Log>::Reader> {
        S::open_reader(disk)
    }

    fn share(log: S::Log) -> S::Shared {
        S::share(log)
    }

    fn delete_before(log: &mut S::Log, limit: Offset) -> Result<()> {
        S::delete_before(log, limit)
    }
}
