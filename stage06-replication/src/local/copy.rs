//! One copy of the tablet: a directory, the log in it, and the replica that goes by it.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use stage05::site::Site;
use stage05::{Access, Disk, Error, Framed, Offset, Result, SegmentOptions};

use super::quorum_state::QuorumState;
use crate::ids::{BrokerId, LeaderEpoch};
use crate::replica::{Output, Replica};
use crate::replica_log::ReplicaLog;
use crate::tablet_log::{TabletLog, TabletReader};

/// What is put behind the names of the files of a copy that is damaged. Its records come from the others; its bytes stay
/// for whoever wants to know what happened.
pub const DAMAGED_SUFFIX: &str = ".damaged";

/// What was found in a directory, before anything was changed.
#[derive(Debug)]
pub(super) enum Found {
    /// No log.
    Nothing,
    /// A log without the controller's word: a new one, or one that was being filled.
    Stray(TabletReader),
    /// A log that opens, and what the controller has said.
    Whole(TabletReader, QuorumState),
    /// Something that cannot be right: a copy of another directory has to take its place.
    Damaged(Error),
    /// The directory cannot be read. What is in it is left alone.
    Unreadable(Error),
}

impl Found {
    /// Looks into the directory `name` of `root`.
    pub(super) fn look(root: &Arc<dyn Disk>, name: &str, framed: &Framed, options: &SegmentOptions) -> Found {
        let found = match root.directory(name, Access::Read) {
            Ok(disk) => Found::look_into(&disk, framed, options),
            Err(e) => Err(Error::io("open the directory", root.path().join(name), e)),
        };
        found.unwrap_or_else(|error| match error {
            Error::Io { cause, .. } if cause.kind() == ErrorKind::NotFound => Found::Nothing,
            Error::Io { .. } => Found::Unreadable(error),
            _ => Found::Damaged(error),
        })
    }

    fn look_into(disk: &Arc<dyn Disk>, framed: &Framed, options: &SegmentOptions) -> Result<Found> {
        let reader = TabletReader::open(disk, framed.clone(), options)?;
        Ok(match QuorumState::read(disk)? {
            Some(state) => Found::Whole(reader, state),
            None => Found::Stray(reader),
        })
    }

    /// What the controller has said, if it can be believed.
    pub(super) fn state(&self) -> Option<&QuorumState> {
        match self {
            Found::Whole(_, state) => Some(state),
            _ => None,
        }
    }

    /// Whether there is a record that could be lost.
    pub(super) fn has_records(&self) -> bool {
        matches!(self, Found::Whole(reader, _) | Found::Stray(reader) if reader.end() > Offset(0))
    }
}

/// A copy at work.
#[derive(Debug)]
pub(super) struct Copy {
    /// Its broker: 1, 2 or 3.
    pub(super) broker: BrokerId,
    /// The name of its directory.
    pub(super) name: &'static str,
    site: Site,
    framed: Framed,
    options: SegmentOptions,
    /// The log; `None` for a copy that is left out.
    pub(super) log: Option<TabletLog>,
    /// Why it is left out.
    pub(super) left_out: Option<Arc<Error>>,
    /// It has everything that it ever said it has.
    pub(super) is_intact: bool,
    /// What decides for it, once somebody leads.
    pub(super) replica: Option<Replica>,
    /// [`Output::Sync`] was asked for.
    pub(super) wants_sync: bool,
    /// A fetch that waits until its leader has more.
    pub(super) waiting_fetch: Option<Output>,
}

impl Copy {
    /// The copy in `disk`, which is not open yet.
    pub(super) fn new(
        broker: BrokerId,
        name: &'static str,
        disk: Arc<dyn Disk>,
        framed: Framed,
        options: SegmentOptions,
    ) -> Copy {
        let site = Site { disk, access: Access::Write, index_interval_bytes: options.index_interval_bytes };
        Copy {
            broker,
            name,
            site,
            framed,
            options,
            log: None,
            left_out: None,
            is_intact: false,
            replica: None,
            wants_sync: false,
            waiting_fetch: None,
        }
    }

    /// Opens the log that is there, or a new one. If that fails, the copy is left out.
    pub(super) fn open(&mut self) {
        match TabletLog::open(&self.site.disk, self.framed.clone(), self.options) {
            Ok(log) => self.log = Some(log),
            Err(error) => self.leave_out(Arc::new(error)),
        }
    }

    /// Sets aside what is damaged, and begins an empty log in its place.
    pub(super) fn begin_anew(&mut self) {
        (self.log, self.is_intact) = (None, false);
        match set_aside(&self.site) {
            Ok(()) => self.open(),
            Err(error) => self.leave_out(Arc::new(error)),
        }
    }

    /// How new its log is: of two logs of one tablet, the greater one has what the other has, and more (as in Raft).
    pub(super) fn last(&self) -> Option<(Option<LeaderEpoch>, Offset)> {
        self.log.as_ref().map(|log| (log.last_epoch(), log.end()))
    }

    /// Does without the copy from now on.
    pub(super) fn leave_out(&mut self, cause: Arc<Error>) {
        (self.log, self.replica, self.waiting_fetch) = (None, None, None);
        (self.left_out, self.wants_sync) = (Some(cause), false);
    }

    /// Makes everything durable that was appended.
    pub(super) fn flush(&mut self) -> Result<Offset> {
        self.wants_sync = false;
        match &mut self.log {
            Some(log) => log.sync(),
            None => Ok(Offset(0)),
        }
    }

    /// Whether its word counts among those who decide: it is there, and has lost nothing.
    pub(super) fn may_vote(&self) -> bool {
        self.log.is_some() && self.is_intact
    }

    /// Writes down what the controller says.
    pub(super) fn note(&self, state: &QuorumState) -> Result<()> {
        state.write(&self.site)
    }

    /// The directory, for messages.
    pub(super) fn path(&self) -> PathBuf {
        self.site.disk.path().to_owned()
    }

    /// Whether the operating system has the files, and not the laboratory.
    pub(super) fn has_os_files(&self) -> bool {
        let Ok(names) = self.site.disk.list() else { return false };
        let log = names.iter().find(|name| name.ends_with(".log"));
        log.and_then(|log| self.site.disk.open(log, Access::Read).ok()).is_some_and(|file| file.os_file().is_some())
    }
}

/// Gives every file of a damaged copy another name. The log that is begun then makes the names durable with its own. A
/// crash in between leaves a copy that is short of records or of the controller's word: the others have more, and lead.
fn set_aside(site: &Site) -> Result<()> {
    for name in site.list()?.iter().filter(|name| !name.ends_with(DAMAGED_SUFFIX)) {
        let renamed = site.disk.rename(name, &format!("{name}{DAMAGED_SUFFIX}"));
        renamed.map_err(|e| Error::io("rename", site.disk.path().join(name), e))?;
    }
    Ok(())
}
