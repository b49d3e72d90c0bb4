//! What a log has of its producers, written down beside its segments, so that nobody has to read all of it for that.
//!
//! ```text
//! producers 1
//! start 0                  the log began here
//! end 1000                 a segment begins here; the file is called 00000000000000001000.producers
//! epoch 7                  of the last batch in front of the end
//! has_forgotten false      what is known in front of the end, as `producers::lines` has it
//! 4711 2 0:990..992 2:995..997
//! crc 1a2b3c4d             of all that is in front of this line
//! ```
//!
//! A snapshot is an aid, and never the truth. The log is that, and a snapshot is used if the log bears it out:
//!
//! - **N1** In front of `end`, the log has a batch of this `epoch`. An epoch has one leader, which writes an offset once,
//!   behind all that it has. So an epoch at an offset names everything in front of it (see [`Epochs`](crate::epochs)).
//!   If the log was cut since, and has got other batches, the one in front of `end` has another epoch.
//! - **N2** The log does not begin in front of `start`: what it had there, the snapshot would not know. One that began
//!   anew may begin further in front than before.
//!
//! Nothing else has to be so. A log that begins behind `start` by now forgets what was in front. A snapshot that is
//! missing, torn, damaged, or of batches that are gone, is passed over for an older one, or for the whole log: it costs
//! time. So no snapshot is synced, none has to go before or after anything else, and an append does not fail because its
//! snapshot could not be written. Nobody hears of that: the next segment is the next attempt.
//!
//! Kafka has such a file for each segment too (`.snapshot`), and believes one if its checksum is right. So it has to take
//! care that they go with the batches that they are about.

use std::fmt::Write;
use std::io;
use std::sync::Arc;

use stage05::{Access, Disk, Offset, Result, SegmentName};

use super::TabletReader;
use crate::ids::LeaderEpoch;
use crate::producers::Producers;

/// What the name of a snapshot ends with, behind its end. To a log of stage 5, such a file is nobody's.
pub const SNAPSHOT_SUFFIX: &str = ".producers";

/// How many are kept. The log may be cut behind the one before the last, or that may be damaged.
const KEPT: usize = 3;

/// A longer file is no snapshot: each number at its longest, and the most of them, are 1.5 MB.
pub const BYTES_MAX: u64 = 2 * 1024 * 1024;

/// What a log has of which producers from its start up to a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Where the log began.
    pub start: Offset,
    /// Where the segment begins.
    pub end: Offset,
    /// The epoch of the last batch in front of it.
    pub epoch: LeaderEpoch,
    /// The producers of all batches in between.
    pub producers: Producers,
}

impl Snapshot {
    /// The text of the file.
    pub fn encode(&self) -> String {
        let Snapshot { start, end, epoch: LeaderEpoch(epoch), producers } = self;
        let mut text = format!("producers 1\nstart {start}\nend {end}\nepoch {epoch}\n");
        producers.write_lines(&mut text);
        let crc = crc32fast::hash(text.as_bytes());
        // To write to a string cannot fail.
        let _ = writeln!(text, "crc {crc:08x}");
        text
    }

    /// The other way round. There is one text for each snapshot, and anything else is `None`.
    pub fn decode(bytes: &[u8]) -> Option<Snapshot> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (front, _) = text.split_at(text.rfind("crc ")?);
        let mut lines = front.lines().skip(1);
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.trim_start().parse::<u64>().ok();
        let (start, end) = (Offset(field("start")?), Offset(field("end")?));
        let epoch = LeaderEpoch(field("epoch")?.try_into().ok()?);
        let snapshot = Snapshot { start, end, epoch, producers: Producers::from_lines(lines, end)? };
        (snapshot.encode() == text).then_some(snapshot)
    }

    /// Whether it tells of the batches that the log has (N1, N2).
    fn is_of(&self, log: &TabletReader) -> Result<bool> {
        let last = self.end.0.checked_sub(1).map(Offset);
        match last.filter(|last| (log.start()..log.end()).contains(last)) {
            Some(last) => Ok(self.start <= log.start() && log.epoch_at(last)? == Some(self.epoch)),
            None => Ok(false),
        }
    }
}

/// The snapshots in a log's directory.
#[derive(Debug)]
pub(super) struct Snapshots {
    disk: Arc<dyn Disk>,
}

impl Snapshots {
    pub(super) fn in_directory(disk: &Arc<dyn Disk>) -> Snapshots {
        Snapshots { disk: Arc::clone(disk) }
    }

    /// Which batches the log has of which producers, and maybe some that it has given up since. What is behind the newest
    /// snapshot of this log is read, and if there is none, all of it.
    ///
    /// # Errors
    ///
    /// The log cannot be read.
    pub(super) fn look_up(&self, log: &TabletReader) -> Result<Producers> {
        match self.newest_of(log)? {
            Some(snapshot) => log.producers_from(snapshot.end, snapshot.producers),
            None => log.producers(),
        }
    }

    /// The newest snapshot that tells of this log.
    fn newest_of(&self, log: &TabletReader) -> Result<Option<Snapshot>> {
        for end in self.ends().into_iter().rev() {
            if let Some(snapshot) = self.read(end)
                && snapshot.is_of(log)?
            {
                return Ok(Some(snapshot));
            }
        }
        Ok(None)
    }

    /// Writes a snapshot, and removes those that it leaves nothing to do for. If that fails, there is none.
    pub(super) fn write(&self, snapshot: &Snapshot) {
        let name = name_of(snapshot.end);
        // What has the name is about a log that was cut since, or says the same.
        let _ = self.disk.remove(&name);
        let written = self.disk.create(&name).and_then(|file| file.write_at(snapshot.encode().as_bytes(), 0));
        match written {
            Ok(()) => self.remove_old(snapshot.end),
            // What is there of it is in nobody's way, but it takes room.
            Err(_) => drop(self.disk.remove(&name)),
        }
    }

    /// Keeps the newest ones up to `end`. Whatever is behind the newest segment was cut.
    fn remove_old(&self, end: Offset) {
        let ends = self.ends();
        let (kept, cut) = ends.split_at(ends.partition_point(|other| *other <= end));
        for gone in kept.iter().rev().skip(KEPT).chain(cut) {
            let _ = self.disk.remove(&name_of(*gone));
        }
    }

    /// The ends of all that are there, the smallest first.
    fn ends(&self) -> Vec<Offset> {
        let names = self.disk.list().unwrap_or_default();
        names.iter().filter_map(|name| name.strip_suffix(SNAPSHOT_SUFFIX)?.parse().ok()).map(Offset).collect()
    }

    /// A snapshot, if it is there and whole.
    fn read(&self, end: Offset) -> Option<Snapshot> {
        Snapshot::decode(&self.bytes_of(&name_of(end)).ok()?)
    }

    fn bytes_of(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.disk.open(name, Access::Read)?;
        // Nothing has vouched for the length yet.
        let mut bytes = vec![0; file.length()?.min(BYTES_MAX) as usize];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

fn name_of(end: Offset) -> String {
    format!("{}{SNAPSHOT_SUFFIX}", SegmentName::new(end))
}
