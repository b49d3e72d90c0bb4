//! The committed offsets, against a map; and every way in which a checkpoint can be torn.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stage05::Offset;
use stage06::groups::offsets::Offsets;
use stage06::groups::record::{Committed, OffsetRecord, Slot};

fn slot(number: u32) -> Slot {
    Slot { group: format!("g{}", number % 2), topic: "t".into(), partition: number }
}

fn committed(offset: u64) -> Committed {
    Committed { offset, leader_epoch: 0, note: String::new(), at_ms: offset }
}

type Map = BTreeMap<Slot, Committed>;

fn map_of(offsets: &Offsets) -> Map {
    let mut map = Map::new();
    for group in offsets.groups() {
        for ((topic, partition), committed) in offsets.of_group(group) {
            let slot = Slot { group: group.clone(), topic: topic.clone(), partition: *partition };
            map.insert(slot, committed.clone());
        }
    }
    assert_eq!(map.len() as u64, offsets.len());
    map
}

/// What happens to the tablet. Every coordinator but the last one dies somewhere.
#[derive(Clone, Debug)]
enum Event {
    Commit(u32, u64),
    Expire(u32),
    /// A checkpoint begins, whatever became of the one before.
    Begin,
    /// The next part of the checkpoint that was begun.
    Part,
    /// A part of it that is refused, so that it is not in the log.
    LostPart,
    /// Its end, if all parts are through.
    Complete,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..6_u32, 0..1_000_u64).prop_map(|(slot, offset)| Event::Commit(slot, offset)),
        2 => (0..6_u32).prop_map(Event::Expire),
        2 => Just(Event::Begin),
        6 => Just(Event::Part),
        1 => Just(Event::LostPart),
        4 => Just(Event::Complete),
    ]
}

/// The log that comes of it, and after each record the map that it stands for.
#[derive(Default)]
struct History {
    log: Vec<OffsetRecord>,
    maps: Vec<Map>,
    map: Map,
    offsets: Offsets,
    parts: Option<(Vec<OffsetRecord>, u64)>,
}

impl History {
    fn write(&mut self, record: OffsetRecord) {
        self.offsets.apply(Offset(self.log.len() as u64), record.clone());
        self.log.push(record);
        self.maps.push(self.map.clone());
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Commit(number, offset) => {
                self.map.insert(slot(number), committed(offset));
                self.write(OffsetRecord::Committed(slot(number), committed(offset)));
            }
            Event::Expire(number) => {
                self.map.remove(&slot(number));
                self.write(OffsetRecord::Expired(slot(number)));
            }
            Event::Begin => {
                self.write(OffsetRecord::CheckpointBegins);
                let parts = self.offsets.parts();
                let count = parts.len() as u64;
                self.parts = Some((parts, count));
            }
            Event::Part => {
                if let Some(part) = self.parts.as_mut().and_then(|(parts, _)| parts.pop()) {
                    self.write(part);
                }
            }
            Event::LostPart => drop(self.parts.as_mut().map(|(parts, _)| parts.pop())),
            Event::Complete => {
                if let Some((_, count)) = self.parts.take_if(|(parts, _)| parts.is_empty()) {
                    self.write(OffsetRecord::CheckpointComplete(count));
                }
            }
        }
    }
}

fn read(log: &[OffsetRecord], from: usize, to: usize) -> Offsets {
    let mut offsets = Offsets::default();
    (from..to).for_each(|at| offsets.apply(Offset(at as u64), log[at].clone()));
    offsets
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Whatever prefix of the log a coordinator finds, and wherever in front of the last complete checkpoint of that prefix
    /// the log has been cut: it comes to the same offsets.
    #[test]
    fn every_prefix_of_the_log_gives_the_offsets_that_were_committed_by_then(events in prop::collection::vec(event(), 0..60)) {
        let mut history = History::default();
        events.into_iter().for_each(|event| history.take(event));
        for to in 1..=history.log.len() {
            let whole = read(&history.log, 0, to);
            prop_assert_eq!(&map_of(&whole), &history.maps[to - 1], "the whole log up to {}", to);
            let Some(begin) = whole.begin() else { continue };
            for from in 0..=begin.0 as usize {
                let rest = read(&history.log, from, to);
                let at = format!("from {from} to {to} of {:?}", history.log);
                prop_assert_eq!(&map_of(&rest), &history.maps[to - 1], "{}", at);
                prop_assert_eq!(rest.begin(), whole.begin(), "{}", at);
            }
        }
    }
}

fn apply_all(records: Vec<OffsetRecord>) -> Offsets {
    let end = records.len();
    read(&records, 0, end)
}

#[test]
fn what_was_committed_since_a_checkpoint_began_is_newer_than_what_it_keeps() {
    let offsets = apply_all(vec![
        OffsetRecord::CheckpointBegins,
        OffsetRecord::Committed(slot(1), committed(9)),
        OffsetRecord::Expired(slot(2)),
        OffsetRecord::Kept(slot(1), committed(3)),
        OffsetRecord::Kept(slot(2), committed(4)),
        OffsetRecord::Kept(slot(3), committed(5)),
        OffsetRecord::CheckpointComplete(3),
    ]);
    assert_eq!(map_of(&offsets), Map::from([(slot(1), committed(9)), (slot(3), committed(5))]));
    assert_eq!(offsets.begin(), Some(Offset(0)));
}

#[test]
fn a_checkpoint_of_which_a_part_is_missing_is_none() {
    let records = |parts| {
        vec![
            OffsetRecord::Committed(slot(1), committed(3)),
            OffsetRecord::CheckpointBegins,
            OffsetRecord::Kept(slot(1), committed(3)),
            OffsetRecord::CheckpointComplete(parts),
        ]
    };
    assert_eq!(apply_all(records(1)).begin(), Some(Offset(1)));
    assert_eq!(apply_all(records(2)).begin(), None);
}

#[test]
fn a_checkpoint_that_another_coordinator_began_is_not_completed_by_this_one() {
    let offsets = apply_all(vec![
        OffsetRecord::CheckpointBegins,
        OffsetRecord::Committed(slot(1), committed(3)),
        OffsetRecord::CheckpointBegins,
        OffsetRecord::Kept(slot(1), committed(3)),
        OffsetRecord::CheckpointComplete(1),
    ]);
    assert_eq!(offsets.begin(), Some(Offset(2)));
}

#[test]
fn offsets_that_nobody_uses_expire_and_others_do_not() {
    let mut offsets = Offsets::default();
    (0..4).for_each(|number| {
        offsets.apply(Offset(number), OffsetRecord::Committed(slot(number as u32), committed(10 * number)));
    });
    // Partitions 0 and 2 are read by the group g0, 1 and 3 by g1.
    assert_eq!(offsets.expired(20, 10, |group| group == "g1"), [slot(0), slot(2)].map(OffsetRecord::Expired));
    assert_eq!(offsets.expired(19, 10, |_| false), [slot(0), slot(1)].map(OffsetRecord::Expired));
    assert_eq!(offsets.expired(40, 3, |_| false).len(), 3);
}

#[test]
fn what_offsets_take_is_known_whatever_was_committed_and_given_up() {
    let note = |offset: u64, note: &str| Committed { note: note.into(), ..committed(offset) };
    let mut offsets = Offsets::default();
    let growth = offsets.growth(&slot(1), &note(1, "a note"));
    offsets.apply(Offset(0), OffsetRecord::Committed(slot(1), note(1, "a note")));
    assert_eq!(offsets.bytes(), growth);
    assert_eq!(offsets.growth(&slot(1), &note(2, "a longer note")), "longer ".len());
    assert_eq!(offsets.growth(&slot(1), &note(2, "")), 0);
    offsets.apply(Offset(1), OffsetRecord::Committed(slot(1), note(2, "")));
    assert_eq!(offsets.bytes(), growth - "a note".len());
    offsets.apply(Offset(2), OffsetRecord::Expired(slot(1)));
    assert_eq!((offsets.bytes(), offsets.len(), offsets.is_empty()), (0, 0, true));
}
