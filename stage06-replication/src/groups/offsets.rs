//! The committed offsets: what the records of `__consumer_offsets` come to.
//!
//! A map, and the log that it is made from, as in the key-value store of stage 5. And as there, a log that only grows has
//! to be shortened. Kafka compacts it record by record. That takes offsets away in the middle, and our followers stand on
//! it that each batch begins where the one in front of it ends. So we do what the store does: now and then, everything is
//! written once more, and what is in front of it can go.
//!
//! Commits go on meanwhile, so a checkpoint is no picture of one moment. It need not be:
//!
//! ```text
//!   ... X=3  Y=5 | begins | X=9 | kept X=3 | kept Y=5 | complete | ...
//!                                 passed over: X was committed since the checkpoint began
//! ```
//!
//! Whoever reads from `begins` on comes to X=9 and Y=5. So does whoever reads from anywhere in front of it, since what is
//! kept is what it knows already.

use std::collections::{BTreeMap, BTreeSet};

use stage05::Offset;

use super::record::{Committed, OffsetRecord, Slot};

/// What one committed offset takes beside its text, in bytes.
const SLOT_BYTES: usize = 128;

/// The committed offsets of a tablet's groups.
///
/// - They are a function of the tablet's records, and of nothing else.
/// - They are the same for every point to begin at that is not behind [`Offsets::begin`], once the records have been
///   applied up to where that was said.
#[derive(Clone, Debug, Default)]
pub struct Offsets {
    groups: BTreeMap<String, BTreeMap<(String, u32), Committed>>,
    slots: u64,
    bytes: usize,
    open: Option<OpenCheckpoint>,
    begin: Option<Offset>,
}

/// A checkpoint that has begun.
#[derive(Clone, Debug)]
struct OpenCheckpoint {
    began: Offset,
    parts: u64,
    /// What was committed or given up since.
    touched: BTreeSet<Slot>,
}

impl Offsets {
    /// Learns what the record at this offset says. They have to come in order.
    pub fn apply(&mut self, at: Offset, record: OffsetRecord) {
        match record {
            OffsetRecord::Committed(slot, committed) => {
                self.touch(&slot);
                self.insert(slot, committed);
            }
            OffsetRecord::Expired(slot) => {
                self.touch(&slot);
                self.remove(&slot);
            }
            // One that had begun before has no end: its coordinator is gone, or has given it up.
            OffsetRecord::CheckpointBegins => {
                self.open = Some(OpenCheckpoint { began: at, parts: 0, touched: BTreeSet::new() });
            }
            OffsetRecord::Kept(slot, committed) => {
                let Some(open) = &mut self.open else { return };
                open.parts += 1;
                if !open.touched.contains(&slot) {
                    self.insert(slot, committed);
                }
            }
            OffsetRecord::CheckpointComplete(parts) => {
                // A part may have been refused, and the end may not.
                if let Some(open) = self.open.take_if(|open| open.parts == parts) {
                    self.begin = Some(open.began);
                }
            }
        }
    }

    fn touch(&mut self, slot: &Slot) {
        if let Some(open) = &mut self.open {
            open.touched.insert(slot.clone());
        }
    }

    fn insert(&mut self, slot: Slot, committed: Committed) {
        self.bytes += bytes_of(&slot, &committed);
        let Slot { group, topic, partition } = slot.clone();
        match self.groups.entry(group).or_default().insert((topic, partition), committed) {
            Some(before) => self.bytes -= bytes_of(&slot, &before),
            None => self.slots += 1,
        }
    }

    fn remove(&mut self, slot: &Slot) {
        let Some(group) = self.groups.get_mut(&slot.group) else { return };
        if let Some(before) = group.remove(&(slot.topic.clone(), slot.partition)) {
            self.bytes -= bytes_of(slot, &before);
            self.slots -= 1;
        }
        if group.is_empty() {
            self.groups.remove(&slot.group);
        }
    }

    /// Where the last complete checkpoint begins: the records in front of it can go. `None` if there is none.
    pub fn begin(&self) -> Option<Offset> {
        self.begin
    }

    /// How far a group has come in a partition.
    pub fn get(&self, slot: &Slot) -> Option<&Committed> {
        self.groups.get(&slot.group)?.get(&(slot.topic.clone(), slot.partition))
    }

    /// How far a group has come, by topic and partition.
    pub fn of_group(&self, group: &str) -> impl Iterator<Item = (&(String, u32), &Committed)> {
        self.groups.get(group).into_iter().flatten()
    }

    /// The groups that have committed anything.
    pub fn groups(&self) -> impl Iterator<Item = &String> {
        self.groups.keys()
    }

    /// All that is known, as the parts of a checkpoint. It may be asked for at any time after [`Offsets::apply`] had the
    /// beginning: what was committed in between is passed over by whoever reads it.
    pub fn parts(&self) -> Vec<OffsetRecord> {
        self.all().map(|(slot, committed)| OffsetRecord::Kept(slot, committed.clone())).collect()
    }

    fn all(&self) -> impl Iterator<Item = (Slot, &Committed)> {
        self.groups.iter().flat_map(|(group, slots)| {
            slots.iter().map(|((topic, partition), committed)| {
                let (group, topic, partition) = (group.clone(), topic.clone(), *partition);
                (Slot { group, topic, partition }, committed)
            })
        })
    }

    /// How many offsets there are.
    pub fn len(&self) -> u64 {
        self.slots
    }

    /// Whether nothing is committed.
    pub fn is_empty(&self) -> bool {
        self.slots == 0
    }

    /// How many bytes they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes more they would take with this one committed.
    pub fn growth(&self, slot: &Slot, committed: &Committed) -> usize {
        let before = self.get(slot).map_or(0, |before| bytes_of(slot, before));
        bytes_of(slot, committed).saturating_sub(before)
    }

    /// What was committed at or before `limit_ms` for groups that nobody uses, at most `count_max` of it, as records that
    /// give it up.
    pub fn expired(&self, limit_ms: u64, count_max: usize, is_used: impl Fn(&str) -> bool) -> Vec<OffsetRecord> {
        let is_old = |(slot, committed): &(Slot, &Committed)| committed.at_ms <= limit_ms && !is_used(&slot.group);
        self.all().filter(is_old).take(count_max).map(|(slot, _)| OffsetRecord::Expired(slot)).collect()
    }
}

/// How many bytes a committed offset takes, about.
pub(super) fn bytes_of(slot: &Slot, committed: &Committed) -> usize {
    slot.group.len() + slot.topic.len() + committed.note.len() + SLOT_BYTES
}
