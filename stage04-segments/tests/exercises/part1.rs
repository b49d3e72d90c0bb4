//! Part 1: names, and rules that look at numbers.

use std::time::Duration;

use stage04::roll::{Fill, Incoming, should_roll};
use stage04::{Offset, Part, Retention, RollReason, SegmentFacts, SegmentName, SegmentOptions};

const PARTS: [Part; 3] = [Part::Log, Part::Index, Part::TimeIndex];

/// A directory is all that a log has when it is opened, and the names in it have to say which segments there are. What
/// `file` makes of a name, `parse` reads again.
#[test]
fn s04p1_a_name_comes_back_from_each_of_its_files() {
    for base in [0, 7, 1000, u64::MAX] {
        for name in [SegmentName::new(Offset(base)), SegmentName::rewritten(Offset(base), Offset(u64::MAX))] {
            for part in PARTS {
                assert_eq!(SegmentName::parse(&name.file(part)), Some((name, part)), "{}", name.file(part));
            }
        }
    }
}

/// A file with any other name is somebody else's, or is not whole yet, and must not become a part of the log. Numbers
/// have 20 digits, no sign, and fit into 64 bits.
#[test]
fn s04p1_what_is_no_name_of_ours_is_nobodys() {
    let names = [
        "",
        ".log",
        "log.jsonl",
        "prepared",
        "1000.log",
        "0000000000000001000.log",
        "000000000000000001000.log",
        "00000000000000001000",
        "00000000000000001000.",
        "00000000000000001000.txt",
        "00000000000000001000.log.new",
        "00000000000000001000.log.",
        "+0000000000000001000.log",
        " 0000000000000001000.log",
        "-00000000000000001000.log",
        "99999999999999999999.log",
        "00000000000000001000-00000000000000002000-00000000000000003000.packed",
        "00000000000000001000-3000.packed",
    ];
    for name in names {
        assert_eq!(SegmentName::parse(name), None, "{name:?} is no file of a segment");
    }
}

/// Records as they were written are in a `.log`, rewritten ones in a `.packed` that names its end. The one with the
/// name of the other would be read by the wrong code.
#[test]
fn s04p1_only_a_rewritten_segment_is_packed() {
    for name in ["00000000000000001000.packed", "00000000000000001000-00000000000000003000.log"] {
        assert_eq!(SegmentName::parse(name), None, "{name:?} is no file of a segment");
    }
}

fn options() -> SegmentOptions {
    SegmentOptions {
        segment_bytes_max: 1000,
        segment_age_max: Duration::from_millis(500),
        index_bytes_max: 80,
        offsets_max: 100,
        ..SegmentOptions::default()
    }
}

/// A segment with ten records and much room, and a batch that fits.
fn fill() -> Fill {
    Fill { base: Offset(5000), next: Offset(5010), bytes: 400, index_bytes: 16, first_timestamp_ms: Some(10_000) }
}

fn incoming() -> Incoming {
    Incoming { records: 2, bytes: 100, timestamp_ms: 10_100 }
}

fn assert_rolls(fill: Fill, incoming: Incoming, expected: Option<RollReason>) {
    assert_eq!(should_roll(&fill, &incoming, &options()), expected, "{fill:?}, {incoming:?}, {:?}", options());
}

/// A segment goes on as long as nothing speaks against it: each new file costs two syncs and an open file.
#[test]
fn s04p1_a_segment_with_room_goes_on() {
    assert_rolls(fill(), incoming(), None);
}

/// A segment that would become longer than the limit ends before the batch; one that becomes exactly as long does not.
#[test]
fn s04p1_a_segment_without_room_for_the_batch_ends() {
    for (bytes, expected) in [(900, None), (901, Some(RollReason::Full)), (1001, Some(RollReason::Full))] {
        assert_rolls(Fill { bytes, ..fill() }, incoming(), expected);
    }
}

/// A segment ends when the batch is younger than its first record by more than the age limit. The timestamps are the
/// producers': a batch that is older than the first record makes nothing old, and no first record makes nothing old.
#[test]
fn s04p1_a_segment_with_an_old_record_ends() {
    for (timestamp_ms, expected) in [(10_500, None), (10_501, Some(RollReason::Old)), (3, None)] {
        assert_rolls(fill(), Incoming { timestamp_ms, ..incoming() }, expected);
    }
    assert_rolls(Fill { first_timestamp_ms: None, ..fill() }, Incoming { timestamp_ms: u64::MAX, ..incoming() }, None);
}

/// A segment whose index has reached its limit ends.
#[test]
fn s04p1_a_segment_with_a_full_index_ends() {
    for (index_bytes, expected) in [(79, None), (80, Some(RollReason::IndexFull)), (81, Some(RollReason::IndexFull))] {
        assert_rolls(Fill { index_bytes, ..fill() }, incoming(), expected);
    }
}

/// An index counts offsets from the base, and the *last* record of the batch has to be near enough, not the first.
#[test]
fn s04p1_a_segment_whose_offsets_would_go_too_far_ends() {
    for (next, records, expected) in [
        (5098, 2, None),
        (5099, 1, None),
        (5099, 2, Some(RollReason::OffsetSpan)),
        (5100, 1, Some(RollReason::OffsetSpan)),
        (5010, 90, None),
        (5010, 91, Some(RollReason::OffsetSpan)),
    ] {
        assert_rolls(Fill { next: Offset(next), ..fill() }, Incoming { records, ..incoming() }, expected);
    }
}

/// An empty segment never ends, whatever comes: the next one would have the same name, and be as empty.
#[test]
fn s04p1_an_empty_segment_never_ends() {
    let empty = Fill { next: fill().base, index_bytes: u64::MAX, ..fill() };
    assert_rolls(empty, Incoming { records: 1 << 40, bytes: 1 << 40, timestamp_ms: u64::MAX }, None);
}

/// Options and timestamps may be as large as a number can be. No sum may go round and be small again.
#[test]
fn s04p1_the_rules_do_not_overflow() {
    let full = Fill { bytes: u64::MAX - 5, ..fill() };
    assert_rolls(full, Incoming { bytes: u64::MAX - 5, ..incoming() }, Some(RollReason::Full));
    let last = Fill { base: Offset(u64::MAX - 3), next: Offset(u64::MAX - 1), ..fill() };
    assert_rolls(last, Incoming { records: 50, ..incoming() }, None);
    assert_rolls(fill(), Incoming { records: 0, ..incoming() }, None);
}

/// Sealed segments of 100 bytes and ten records each, whose youngest records have these timestamps.
fn sealed(timestamps: &[u64]) -> Vec<SegmentFacts> {
    let facts = |(ends, largest_timestamp_ms): (u64, &u64)| SegmentFacts {
        end: Offset(ends * 10),
        stored_bytes: 100,
        largest_timestamp_ms: *largest_timestamp_ms,
    };
    (1..).zip(timestamps).map(facts).collect()
}

const ALL: Offset = Offset(u64::MAX);

fn by_age(ms: u64) -> Retention {
    Retention { age_max: Some(Duration::from_millis(ms)), bytes_min: None }
}

fn by_bytes(bytes: u64) -> Retention {
    Retention { age_max: None, bytes_min: Some(bytes) }
}

/// A segment goes when its *youngest* record is older than the limit, and not at the limit.
#[test]
fn s04p1_segments_go_when_all_of_them_is_too_old() {
    let sealed = sealed(&[1000, 2000, 3000]);
    for (now_ms, expected) in [(1500, 0), (1501, 1), (2500, 1), (2501, 2), (9999, 3), (0, 0)] {
        let count = by_age(500).deletable(&sealed, 100, now_ms, ALL);
        assert_eq!(count, expected, "segments to delete at {now_ms} ms, with an age limit of 500 ms, of {sealed:?}");
    }
}

/// By size, a segment goes only if what is left without it, the newest one included, is still as much as was asked for.
#[test]
fn s04p1_by_size_the_log_never_falls_short() {
    let sealed = sealed(&[1, 1, 1]);
    for (bytes_min, expected) in
        [(1000, 0), (351, 0), (350, 0), (250, 1), (251, 0), (151, 1), (150, 2), (50, 3), (0, 3)]
    {
        let count = by_bytes(bytes_min).deletable(&sealed, 50, 0, ALL);
        assert_eq!(count, expected, "segments to delete if {bytes_min} bytes have to stay, of 50 and {sealed:?}");
    }
}

/// What is left of a log has no hole (S4): the first segment that has to stay keeps all that come behind it.
#[test]
fn s04p1_nothing_goes_from_behind_a_segment_that_stays() {
    let sealed = sealed(&[1000, 9000, 1000, 1000]);
    assert_eq!(by_age(500).deletable(&sealed, 100, 5000, ALL), 1, "the second of {sealed:?} is young at 5000 ms");
}

/// Whatever the rules say, records at or behind the limit stay: somebody has not read them yet.
#[test]
fn s04p1_no_rule_goes_beyond_the_limit() {
    let sealed = sealed(&[1, 1, 1]);
    for (limit, expected) in [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (30, 3)] {
        for rule in [by_age(5), by_bytes(0)] {
            let count = rule.deletable(&sealed, 100, 100_000, Offset(limit));
            assert_eq!(count, expected, "segments of ten records to delete in front of record {limit}, by {rule:?}");
        }
    }
}

/// A rule that is not on lets nothing go; of two that are on, one is enough.
#[test]
fn s04p1_one_rule_is_enough_and_none_is_not() {
    let sealed = sealed(&[1000, 2000, 3000]);
    assert_eq!(Retention::default().deletable(&sealed, 100, u64::MAX, ALL), 0, "without a rule");
    let both = Retention { age_max: Some(Duration::from_millis(500)), bytes_min: Some(350) };
    assert_eq!(both.deletable(&sealed, 150, 2501, ALL), 2, "one is too much, and the second too old: {both:?}");
}
