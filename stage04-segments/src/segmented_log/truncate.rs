//! Cutting the end of a log off, for whoever has records that nobody else has.
//!
//! A follower that led before may have records at its end which the new leader does not have. They have to go, for
//! good, before it takes the leader's. That is the opposite of deletion: the newest go first.
//!
//! 1. The newest segment is ended: every byte that is left is durable.
//! 2. What is left of the segment with the cut is copied into a file with a temporary name, and synced.
//! 3. The storage takes back what it has said about the records that go ([`Storage::before_cut`]).
//! 4. The segments behind go, the newest first, each durably before the next (S4).
//! 5. The indexes of the segment with the cut go. If that is not durable in a crash and step 6 is, the time index knows of
//!    more records than there are; whoever opens the log finds that out (T4).
//! 6. The copy gets the segment's name, durably. It is the newest segment now.
//!
//! A crash leaves all of the log, or a part from its start on that reaches to the cut or further: no hole, and nothing
//! but whole segments until step 6, which is one rename. Whoever meets the longer log cuts it again. When all six are
//! done, no crash brings anything back that was behind the cut.
//!
//! Why a copy, where shortening the file would do? Readers hold snapshots, which never change (S5), and a sealed segment
//! may be mapped into memory, where a file that gets shorter is the end of the process. The copy costs as much as half a
//! segment on average, once in a change of leaders.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stage03::{Access, DiskFile, Error, Log, Offset, Place, Reader, Result, Visibility};

use super::{SegmentedLog, first_timestamp_ms};
use crate::name::{Part, SegmentName};
use crate::site::Site;
use crate::storage::{SegmentWriter, Storage};
use crate::times::TimesWriter;
use crate::view::{Shared, View};

/// How much is copied at a time.
const COPY_BYTES: u64 = 64 * 1024;

/// Where a log is cut.
#[derive(Debug)]
struct Cut {
    /// The segments that go, the newest first.
    behind: Vec<SegmentName>,
    /// The segment that ends at the cut, its number in the view, and its file.
    name: SegmentName,
    slot: usize,
    file: Arc<dyn DiskFile>,
    place: Place,
}

impl<S: Storage> SegmentedLog<S> {
    /// Removes the records from `end` on, and those in front of it that lie in one piece with the record at `end`.
    /// Returns the offset behind the last record that is left, and what is left is durable. Nothing is removed if the
    /// log ends at `end` or in front of it; everything, if it starts behind.
    ///
    /// A reader that has begun sees its own snapshot to the end, cut or not. One that begins now sees the shorter log:
    /// what was shown as durable *is* taken back here, which L4 forbids. So whoever cuts has to keep readers in front
    /// of whatever may be cut; that is what a high watermark is for.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the cut, or a segment behind it, was rewritten: nothing has changed then. Once removing has
    /// begun, an error ends this log ([`Error::Poisoned`]); opened again, it may be the whole log or a part of it that
    /// reaches to `end` or further.
    pub fn truncate(&mut self, end: Offset) -> Result<Offset> {
        self.check_sound()?;
        let shared = Arc::clone(&self.shared);
        // Nobody deletes or rewrites a segment meanwhile.
        let mut upkeep = shared.lock_maintenance()?;
        let view = shared.view();
        let end = end.max(view.start());
        if end >= self.next_offset() {
            return self.sync();
        }
        let cut = Cut::find(&shared, &view, end)?;
        self.cut(&shared, &view, &cut).map_err(|error| {
            let error = upkeep.fail(error);
            if let Error::Poisoned { cause } = &error {
                self.failure = Some(Arc::clone(cause));
            }
            error
        })?;
        upkeep.clean_until = upkeep.clean_until.min(cut.place.offset);
        Ok(cut.place.offset)
    }

    fn cut(&mut self, shared: &Shared<S>, view: &View<S>, cut: &Cut) -> Result<()> {
        let Shared { site, storage, .. } = shared;
        let file = cut.name.file(Part::Log);
        self.newest.seal()?;
        let copy = site.create_temporary(&file)?;
        copy_front(&cut.file, &copy, cut.place.position)?;
        copy.sync_data().map_err(|e| Error::io("sync", copy.path(), e))?;
        storage.before_cut(site, &cut.name, cut.place)?;
        // Nobody derives a file from these segments any more: another one will have its name.
        view.sealed[cut.slot..].iter().for_each(|segment| *segment.lock_cut() = true);
        for name in &cut.behind {
            remove_derived(site, *name)?;
            site.remove(&name.file(Part::Log))?;
            site.sync_directory()?;
        }
        remove_derived(site, cut.name)?;
        let file = site.publish(&file)?;
        shared.recycler.forget(cut.name);
        self.newest = storage.open_newest(site, &cut.name, file)?;
        self.newest_name = cut.name;
        self.times = TimesWriter::open(site, &cut.name, storage, &self.newest.reader())?;
        self.first_timestamp_ms = first_timestamp_ms(storage, &self.newest, cut.name.base)?;
        shared.newest_bytes.store(self.newest.end_position(), Ordering::Relaxed);
        shared.change_view(|view| View {
            sealed: view.sealed[..cut.slot].to_vec(),
            newest: self.newest.reader(),
            newest_times: self.times.times.clone(),
            newest_name: cut.name,
        });
        Ok(())
    }
}

impl Cut {
    /// The cut in front of the record at `end`, which is one of the log's. Nothing is changed.
    fn find<S: Storage>(shared: &Shared<S>, view: &View<S>, end: Offset) -> Result<Cut> {
        let slot = view.slot_of(end);
        let sealed = view.sealed[slot..].iter().map(|segment| segment.sealed.name);
        let mut names: Vec<SegmentName> = sealed.chain([view.newest_name]).collect();
        if let Some(rewritten) = names.iter().find(|name| name.is_rewritten()) {
            let path = shared.site.disk.path().join(rewritten.file(Part::Log));
            return Err(Error::io("cut off a rewritten segment", path, std::io::ErrorKind::Unsupported.into()));
        }
        let name = names.remove(0);
        names.reverse();
        let file = shared.site.open(&name.file(Part::Log), Access::Read)?;
        let newest = view.newest.clone().with_visibility(Visibility::Written);
        let place = match view.sealed.get(slot) {
            Some(segment) => shared.storage.place_to_cut(shared.reader_of(segment)?, end)?,
            None => shared.storage.place_to_cut(&newest, end)?,
        };
        match place {
            Some(place) => Ok(Cut { behind: names, name, slot, file, place }),
            None => Err(Error::Gap { path: file.path().to_owned(), expected: end, found: newest.end() }),
        }
    }
}

/// Takes the names of what was derived from a segment away. Not durable yet. A file that stayed would be believed to be
/// about the next segment with this base.
fn remove_derived(site: &Site, name: SegmentName) -> Result<()> {
    [Part::Index, Part::TimeIndex].iter().try_for_each(|part| site.remove(&name.file(*part)))
}

/// Copies the first `bytes` bytes.
fn copy_front(from: &Arc<dyn DiskFile>, to: &Arc<dyn DiskFile>, bytes: u64) -> Result<()> {
    let mut window = vec![0; COPY_BYTES.min(bytes) as usize];
    let mut position = 0;
    while position < bytes {
        let wanted = &mut window[..COPY_BYTES.min(bytes - position) as usize];
        let read = from.read_at(wanted, position).and_then(|read| match read {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        });
        let read = read.map_err(|e| Error::io(format!("read at byte {position}"), from.path(), e))?;
        let written = to.write_at(&wanted[..read], position);
        written.map_err(|e| Error::io(format!("write at byte {position}"), to.path(), e))?;
        position += read as u64;
    }
    Ok(())
}
