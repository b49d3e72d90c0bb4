//! Opening: all three copies are looked at before anything is changed, and it takes two that can be believed.

use std::collections::VecDeque;
use std::sync::Arc;

use stage05::naive::lock;
use stage05::{Access, Disk, Error, Framed, Result, SegmentOptions};

use super::copy::{Copy, Found};
use super::{COPIES_MIN, DIRECTORIES, LocalTablet, QuorumState};
use crate::ids::BrokerId;

impl LocalTablet {
    /// Opens the tablet in `root`, or makes one. A copy that is lost, damaged or behind is filled from the others before
    /// this returns. One whose directory cannot be read or written is left out ([`LocalTablet::copies`] says why).
    ///
    /// # Errors
    ///
    /// If fewer than two copies are whole (T3): what is wrong with the first that is not, or [`Error::Damaged`] at `root`
    /// if they are missing. [`Error::Locked`] if the tablet is open elsewhere.
    pub fn open(root: &Arc<dyn Disk>, framed: Framed, options: SegmentOptions) -> Result<LocalTablet> {
        let lock = lock(root)?;
        let found = DIRECTORIES.map(|name| Found::look(root, name, &framed, &options));
        // The copies that count are those that can be believed. Nothing has been changed so far.
        let newest = found.iter().filter_map(Found::state).max_by_key(|state| state.age()).cloned();
        let state = QuorumState {
            term: found.iter().filter_map(Found::state).map(|state| state.term).max().unwrap_or_default(),
            ..newest.unwrap_or_default()
        };
        let is_new = is_new(&found);
        let mut copies = Vec::with_capacity(DIRECTORIES.len());
        for (found, (name, number)) in check_enough(root, found)?.into_iter().zip(DIRECTORIES.into_iter().zip(1..)) {
            // A directory that cannot be read is not made either.
            let access = if matches!(found, Found::Unreadable(_)) { Access::Read } else { Access::Write };
            let disk =
                root.directory(name, access).map_err(|e| Error::io("make the directory", root.path().join(name), e));
            let disk = if access == Access::Write { disk? } else { disk.unwrap_or_else(|_| Arc::clone(root)) };
            let mut copy = Copy::new(BrokerId(number), name, disk, framed.clone(), options);
            open_copy(&mut copy, found, &state);
            // Where there was nothing, nothing is lost.
            copy.is_intact |= is_new;
            copies.push(copy);
        }
        let mut tablet = LocalTablet {
            copies,
            state,
            leader: None,
            is_settling: false,
            now: 0,
            messages: VecDeque::new(),
            unanswered: 0,
            requests: 0,
            shared: Arc::default(),
            syncs_side_by_side: false,
            failure: None,
            _lock: lock,
        };
        tablet.check_copies()?;
        tablet.syncs_side_by_side = tablet.copies.iter().any(Copy::has_os_files);
        if !tablet.is_in_step() {
            tablet.elect()?;
        }
        tablet.show();
        Ok(tablet)
    }
}

/// Whether nothing was ever acknowledged. Nobody has heard of a controller; or only one directory has, as when it was about
/// to say its first word, and another one has nothing either.
fn is_new(found: &[Found; 3]) -> bool {
    let count = |is: fn(&Found) -> bool| found.iter().filter(|found| is(found)).count();
    let whole = count(|found| matches!(found, Found::Whole(..)));
    let stray = count(|found| matches!(found, Found::Stray(_)));
    let missing = count(|found| matches!(found, Found::Nothing));
    let has_records = found.iter().any(Found::has_records);
    !has_records && (stray + missing == found.len() || (whole == 1 && stray > 0))
}

/// Refuses to go on with so few copies that nobody can tell what is missing (T3).
fn check_enough(root: &Arc<dyn Disk>, found: [Found; 3]) -> Result<[Found; 3]> {
    let count = |is: fn(&Found) -> bool| found.iter().filter(|found| is(found)).count();
    let whole = count(|found| matches!(found, Found::Whole(..)));
    if whole >= COPIES_MIN || is_new(&found) {
        return Ok(found);
    }
    let missing = found.iter().zip(DIRECTORIES).filter(|(found, _)| found.state().is_none());
    let missing: Vec<&str> = missing.map(|(_, name)| name).collect();
    let first = found.into_iter().find_map(|found| match found {
        Found::Damaged(error) | Found::Unreadable(error) => Some(error),
        _ => None,
    });
    Err(first.unwrap_or_else(|| too_few(root, whole, &missing)))
}

/// What whoever opens the tablet is told if there are fewer copies than it takes.
pub(super) fn too_few(root: &Arc<dyn Disk>, whole: usize, missing: &[&str]) -> Error {
    let missing = missing.join(", ");
    let what = format!("of 3 copies, {whole} can be opened, and it takes {COPIES_MIN}; missing or damaged: {missing}");
    Error::Damaged { path: root.path().to_owned(), position: 0, what }
}

/// Opens a copy. One that is damaged is set aside, and begins anew.
fn open_copy(copy: &mut Copy, found: Found, newest: &QuorumState) {
    // A directory that somebody has put back from an older day knows of fewer starts, and has not promised the term in
    // which more were written down. It has lost what came after it.
    let starts = |state: &QuorumState| state.controller.brokers().get(&copy.broker).map(|known| known.incarnation);
    let has_all = |state: &QuorumState| state.term >= newest.written_in || starts(state) == starts(newest);
    copy.is_intact = found.state().is_some_and(has_all);
    match found {
        Found::Unreadable(error) => copy.leave_out(Arc::new(error)),
        Found::Damaged(_) => copy.begin_anew(),
        _ => copy.open(),
    }
}
