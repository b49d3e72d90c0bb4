//! Compaction by key: of the records with the same key, the latest stays.
//!
//! A log of changes has one record for each change; whoever wants to know how things are needs the last change of each
//! key alone. A compacted log still has that, and a reader that starts at its beginning arrives at the same state as one
//! that read every change. It is how Kafka keeps its consumers' offsets.
//!
//! What stays stays where it was: the same offset, the same order. Only gaps appear.
//!
//! Two passes, as in Kafka's `LogCleaner`. The first reads the *dirty* part, which came since the last compaction, and
//! notes the latest offset of each key; when the memory for that is used up, it stops, and the rest waits for the next
//! time. The second rewrites the segments from the log's beginning to there, without the records that a later one of the
//! same key has made obsolete.
//!
//! A record with a key and an empty value is a **tombstone**: it says that the key is gone. It makes older records
//! obsolete as any other does, and then has to stay for a while itself, so that a reader that has seen the old value
//! learns of its end, too. When it is older than the horizon, it goes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stage03::{Access, Entry, Offset, Reader, Record, Result, Scan, Visibility};

use crate::maintenance::Maintenance;
use crate::name::Part;
use crate::packed::{PackOptions, PackedFile};
use crate::reader::SegmentedReader;
use crate::storage::{Rewriter, Storage};
use crate::view::{SealedSegment, Upkeep};

/// How to compact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactOptions {
    /// The most memory for keys, in bytes. With less, more rounds are needed; one key is always noted.
    pub key_bytes_max: usize,
    /// How long a tombstone stays, by its own timestamp (Kafka's `delete.retention.ms`).
    pub tombstone_age_max: Duration,
    /// Rewritten neighbours become one segment as long as they were no larger than this together.
    pub segment_bytes_max: u64,
    /// How the rewritten segments are packed; `None`: as they were (Kafka's `compression.type=producer`).
    pub pack: Option<PackOptions>,
}

impl Default for CompactOptions {
    fn default() -> CompactOptions {
        CompactOptions {
            key_bytes_max: 128 * 1024 * 1024,
            tombstone_age_max: Duration::from_secs(24 * 60 * 60),
            segment_bytes_max: 64 * 1024 * 1024,
            pack: None,
        }
    }
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The records in front of this offset are compacted now.
    pub clean_until: Offset,
    /// Records that are left in the segments that were rewritten.
    pub kept: u64,
    /// Records that are gone.
    pub dropped: u64,
}

/// What a key's entry in the map takes besides the key, more or less.
const MAP_ENTRY_BYTES: usize = 64;

/// The latest offset of each key of the dirty part.
#[derive(Debug, Default)]
struct Latest {
    offsets: HashMap<Vec<u8>, Offset>,
    bytes: usize,
    /// Behind the last record that was looked at.
    until: Offset,
}

impl Latest {
    /// Takes note of a record; false if there is no memory left for it.
    fn note(&mut self, entry: &Entry<'_>, bytes_max: usize) -> bool {
        if let Some(key) = &entry.record.key {
            match self.offsets.get_mut(&**key) {
                Some(latest) => *latest = entry.offset,
                None => {
                    let bytes = self.bytes + key.len() + MAP_ENTRY_BYTES;
                    if bytes > bytes_max && !self.offsets.is_empty() {
                        return false;
                    }
                    self.bytes = bytes;
                    self.offsets.insert(key.to_vec(), entry.offset);
                }
            }
        }
        self.until = entry.offset.next();
        true
    }

    /// Whether a later record has the same key.
    fn is_obsolete(&self, offset: Offset, record: &Record<'_>) -> bool {
        record.key.as_deref().and_then(|key| self.offsets.get(key)).is_some_and(|latest| *latest > offset)
    }
}

/// What one round of compaction needs to know of each record.
struct Round<'a> {
    latest: Latest,
    options: &'a CompactOptions,
    now_ms: u64,
    compacted: Compacted,
}

impl Round<'_> {
    fn keeps(&self, offset: Offset, record: &Record<'_>) -> bool {
        let age_ms = u128::from(self.now_ms.saturating_sub(record.timestamp_ms));
        let is_tombstone = record.key.is_some() && record.value.is_empty();
        // A tombstone that this round has not looked at may have older records in front of it that stay.
        let may_go = is_tombstone && offset < self.latest.until && age_ms > self.options.tombstone_age_max.as_millis();
        !may_go && !self.latest.is_obsolete(offset, record)
    }
}

impl<S: Storage> Maintenance<S> {
    /// Compacts the sealed segments: the first time since the log was opened all of them, later what came since.
    /// `now_ms` is the time in milliseconds since the epoch.
    ///
    /// Only segments whose records go are written anew. What is not sealed yet waits; [`SegmentedLog::roll`] seals it.
    ///
    /// [`SegmentedLog::roll`]: crate::SegmentedLog::roll
    pub fn compact(&self, now_ms: u64, options: &CompactOptions) -> Result<Compacted> {
        let mut upkeep = self.shared.lock_maintenance()?;
        let sealed = self.shared.view().sealed.clone();
        let latest = self.latest_offsets(&sealed, upkeep.clean_until, options)?;
        let compacted = Compacted { clean_until: latest.until, ..Compacted::default() };
        let mut round = Round { latest, options, now_ms, compacted };
        let reached = sealed.partition_point(|segment| segment.sealed.name.base < round.latest.until);
        for group in groups(&sealed[..reached], options.segment_bytes_max) {
            self.compact_group(group, &mut round, &mut upkeep)?;
        }
        upkeep.clean_until = round.compacted.clean_until;
        Ok(round.compacted)
    }

    /// The first pass.
    fn latest_offsets(
        &self,
        sealed: &[Arc<SealedSegment<S>>],
        clean_until: Offset,
        options: &CompactOptions,
    ) -> Result<Latest> {
        let end = sealed.last().map_or(Offset(0), |segment| segment.sealed.end);
        let reader = SegmentedReader::new(Arc::clone(&self.shared));
        let from = clean_until.max(reader.start());
        let mut latest = Latest { until: from, ..Latest::default() };
        let mut scan = reader.with_visibility(Visibility::Durable).scan(from)?;
        while let Some(entry) = scan.next()? {
            if entry.offset >= end {
                break;
            }
            if !latest.note(&entry, options.key_bytes_max) {
                return Ok(latest);
            }
        }
        latest.until = latest.until.max(end);
        Ok(latest)
    }

    /// The second pass, for segments that become one. If all their records stay, nothing is written.
    fn compact_group(&self, group: &[Arc<SealedSegment<S>>], round: &mut Round<'_>, upkeep: &mut Upkeep) -> Result<()> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
        if !self.has_obsolete(group, round)? {
            return Ok(());
        }
        let base = first.sealed.name.base;
        let pack = round.options.pack.map_or_else(|| self.pack_of(group), Ok)?;
        let mut rewriting = self.begin_rewriting(base..last.sealed.end, pack)?;
        let mut rewriter = self.shared.storage.rewriter(base)?;
        let mut bytes = Vec::new();
        let mut largest_timestamp_ms = 0;
        for segment in group {
            self.shared.visit_records(segment, |Entry { offset, record, .. }| {
                if !round.keeps(*offset, record) {
                    round.compacted.dropped += 1;
                    return Ok(());
                }
                round.compacted.kept += 1;
                largest_timestamp_ms = largest_timestamp_ms.max(record.timestamp_ms);
                rewriter.push(*offset, record, &mut bytes);
                rewriting.write(&bytes)?;
                bytes.clear();
                Ok(())
            })?;
        }
        rewriter.finish(&mut bytes);
        rewriting.write(&bytes)?;
        self.replace(group, rewriting, largest_timestamp_ms, upkeep)
    }

    /// How segments are packed, as their files say. If one of them is compressed, so is what they become: it must not
    /// grow again.
    fn pack_of(&self, group: &[Arc<SealedSegment<S>>]) -> Result<PackOptions> {
        let mut packs = Vec::new();
        for name in group.iter().map(|segment| segment.sealed.name).filter(|name| name.is_rewritten()) {
            let file = self.shared.site.open(&name.file(Part::Log), Access::Read)?;
            packs.push(PackedFile::open(file)?.options());
        }
        Ok(packs.into_iter().max_by_key(|pack| pack.compression).unwrap_or_default())
    }

    fn has_obsolete(&self, group: &[Arc<SealedSegment<S>>], round: &Round<'_>) -> Result<bool> {
        for segment in group {
            let mut scan = self.shared.reader_of(segment)?.scan(segment.sealed.name.base)?;
            while let Some(entry) = scan.next()? {
                if !round.keeps(entry.offset, &entry.record) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// Divides segments into runs of neighbours: each as long as it can be without exceeding `bytes_max` or the offsets that
/// an index can count.
fn groups<S: Storage>(segments: &[Arc<SealedSegment<S>>], bytes_max: u64) -> Vec<&[Arc<SealedSegment<S>>]> {
    let mut groups = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (slot, segment) in segments.iter().enumerate() {
        let span = segment.sealed.end.0 - segments[start].sealed.name.base.0;
        let length = segment.sealed.file.length().unwrap_or(segment.stored_bytes);
        if slot > start && (bytes + length > bytes_max || span > u64::from(u32::MAX)) {
            groups.push(&segments[start..slot]);
            (start, bytes) = (slot, 0);
        }
        bytes += length;
    }
    if start < segments.len() {
        groups.push(&segments[start..]);
    }
    groups
}
