//! Part 3: the decision table, and the recovery point, which is part of the evidence.

use lab::sim::{Lens, Sampling, SimDisk};
use stage05::decision::Decision::{Corrupt, CutAcknowledged, End, RecreateEmpty, Skip, TornTail};
use stage05::decision::Found::{BadBody, BadHeader, EndOfFile, Hole, WrongOffset, Zeros};
use stage05::decision::HeaderBlock::{Bad, Good, Unfinished};
use stage05::decision::RecoveryMode::{AbsoluteConsistency, PointInTime, SkipAny, TolerateTornTail};
use stage05::decision::Segment::{Newest, Sealed};
use stage05::decision::{Decision, Evidence, Found, HeaderBlock, Reason, RecoveryMode, Segment, decide};
use stage05::recovery_point::{RECOVERY_POINT, RecoveryPoint};
use stage05::{Offset, Place};

use crate::recovery_common::site;

const MODES: [RecoveryMode; 4] = [AbsoluteConsistency, TolerateTornTail, PointInTime, SkipAny];
const DAMAGE: [Found; 3] = [Hole, BadHeader, BadBody];
const ALL_FOUND: [Found; 6] = [EndOfFile, Zeros, Hole, BadHeader, BadBody, WrongOffset];

/// Decides a case of the newest segment with a good header.
fn newest(found: Found, below_watermark: bool, mode: RecoveryMode) -> Decision {
    decide(Evidence { segment: Newest, header: Good, found, below_watermark, mode })
}

/// A segment that ends where it should is whole in every mode, and the newest may have zeros behind its records. A sealed
/// one was cut to its records when it was sealed, so zeros in it are damage.
#[test]
fn s05p3_a_whole_segment_is_whole_in_every_mode() {
    for mode in MODES {
        assert_eq!(newest(EndOfFile, false, mode), End, "{mode:?}");
        assert_eq!(newest(Zeros, false, mode), End, "{mode:?}, zeros behind the records");
        let sealed = |found| decide(Evidence { segment: Sealed, header: Good, found, below_watermark: false, mode });
        assert_eq!(sealed(EndOfFile), End, "{mode:?}, sealed");
        assert_ne!(sealed(Zeros), End, "{mode:?}, zeros in a sealed segment");
    }
}

/// Damage behind everything that was synced is an append that nobody was answered. It is cut, except for somebody who
/// has said that there must not be any.
#[test]
fn s05p3_damage_above_the_watermark_is_a_torn_tail() {
    for found in DAMAGE {
        assert_eq!(newest(found, false, TolerateTornTail), TornTail, "{found:?}");
        assert_eq!(newest(found, false, PointInTime), TornTail, "{found:?}");
        assert_eq!(newest(found, false, AbsoluteConsistency), Corrupt(Reason::TornTail), "{found:?}");
    }
}

/// Damage in front of a watermark has taken records that were acknowledged: an error that says so. A segment that merely
/// ends in front of a watermark has lost them too, though no byte of it is bad.
#[test]
fn s05p3_damage_below_the_watermark_is_corruption() {
    for mode in [TolerateTornTail, AbsoluteConsistency] {
        for found in DAMAGE {
            assert_eq!(newest(found, true, mode), Corrupt(Reason::BelowWatermark), "{found:?}, {mode:?}");
        }
        for found in [EndOfFile, Zeros] {
            assert_eq!(newest(found, true, mode), Corrupt(Reason::RecordsMissing), "{found:?}, {mode:?}");
        }
        for below in [false, true] {
            let said = newest(WrongOffset, below, mode);
            assert_eq!(said, Corrupt(Reason::WrongOffset), "a good frame in the place of another, {mode:?}");
        }
    }
}

/// A sealed segment was synced before the next one got its name, so no crash explains damage in it, and no mode cuts it:
/// later segments would hang in the air.
#[test]
fn s05p3_a_sealed_segment_is_never_changed() {
    for mode in [AbsoluteConsistency, TolerateTornTail, PointInTime] {
        for below_watermark in [false, true] {
            let sealed = |header, found| decide(Evidence { segment: Sealed, header, found, below_watermark, mode });
            for found in [Zeros, Hole, BadHeader, BadBody, WrongOffset] {
                assert_eq!(sealed(Good, found), Corrupt(Reason::Sealed), "{found:?}, {mode:?}");
            }
            for (header, found) in
                [Unfinished, Bad].into_iter().flat_map(|header| ALL_FOUND.map(|found| (header, found)))
            {
                let said = sealed(header, found);
                assert_eq!(said, Corrupt(Reason::SegmentHeader), "header {header:?}, {found:?}, {mode:?}");
            }
        }
        let short = Evidence { segment: Sealed, header: Good, found: EndOfFile, below_watermark: true, mode };
        assert_eq!(decide(short), Corrupt(Reason::RecordsMissing), "it ends too early, {mode:?}");
    }
}

/// A file that ends inside its first block, or has nothing but zeros, may be one that was never finished: it is made
/// again, if nobody knows of a record in it. Any other header that is not good makes the whole file unreadable.
#[test]
fn s05p3_a_file_that_was_never_finished_is_made_once_more() {
    let case = |header: HeaderBlock, found, below_watermark, mode| {
        decide(Evidence { segment: Newest, header, found, below_watermark, mode })
    };
    for found in [EndOfFile, Zeros] {
        for mode in [TolerateTornTail, PointInTime] {
            assert_eq!(case(Unfinished, found, false, mode), RecreateEmpty, "{found:?}, {mode:?}");
        }
        let said = case(Unfinished, found, false, AbsoluteConsistency);
        assert_eq!(said, Corrupt(Reason::SegmentHeader), "{found:?}: nothing is put up with");
    }
    for mode in [TolerateTornTail, AbsoluteConsistency] {
        for found in ALL_FOUND {
            let said = case(Unfinished, found, true, mode);
            assert_eq!(said, Corrupt(Reason::SegmentHeader), "{found:?}, {mode:?}: it had records");
            for below in [false, true] {
                let said = case(Bad, found, below, mode);
                assert_eq!(said, Corrupt(Reason::SegmentHeader), "{found:?}, {mode:?}: another header");
            }
        }
        for found in [Hole, BadHeader, BadBody, WrongOffset] {
            let said = case(Unfinished, found, false, mode);
            assert_eq!(said, Corrupt(Reason::SegmentHeader), "{found:?}, {mode:?}: something was written behind it");
        }
    }
}

/// One mode alone lets acknowledged records go, and one passes over damage. Everybody else gets an error.
#[test]
fn s05p3_what_was_acknowledged_goes_in_one_mode_alone() {
    for found in ALL_FOUND {
        assert_eq!(newest(found, true, PointInTime), CutAcknowledged, "{found:?}");
        let bad = Evidence { segment: Newest, header: Bad, found, below_watermark: false, mode: PointInTime };
        assert_eq!(decide(bad), CutAcknowledged, "{found:?} behind a bad header");
        if matches!(found, EndOfFile | Zeros) {
            let unfinished = Evidence { header: Unfinished, below_watermark: true, ..bad };
            assert_eq!(decide(unfinished), CutAcknowledged, "{found:?} behind a header that is not whole");
        }
        for segment in [Newest, Sealed] as [Segment; 2] {
            for header in [Unfinished, Bad] {
                let evidence = Evidence { segment, header, found, below_watermark: false, mode: SkipAny };
                assert_eq!(decide(evidence), Skip, "{evidence:?}");
            }
            let damaged = Evidence { segment, header: Good, found, below_watermark: true, mode: SkipAny };
            assert_eq!(decide(damaged), Skip, "{damaged:?}");
        }
    }
    assert_eq!(newest(WrongOffset, false, PointInTime), CutAcknowledged, "a good frame in the place of another");
}

const POINT: RecoveryPoint =
    RecoveryPoint { start: Offset(7), segment: Offset(900), durable: Place { offset: Offset(1000), position: 8192 } };

fn with_point(bytes: &[u8]) -> SimDisk {
    SimDisk::with_files([(RECOVERY_POINT, bytes)])
}

/// What was written is what is read, for any numbers.
#[test]
fn s05p3_a_recovery_point_comes_back() {
    let most = Place { offset: Offset(u64::MAX), position: u64::MAX };
    let largest = RecoveryPoint { start: Offset(u64::MAX), segment: Offset(u64::MAX), durable: most };
    for point in [POINT, RecoveryPoint { start: Offset(0), ..POINT }, largest] {
        let written = point.encode();
        let read = RecoveryPoint::read(&with_point(written.as_bytes()).disk());
        assert_eq!(read.expect("the text that was written"), Some(point), "{written}");
        let sim = SimDisk::new();
        point.write(&site(&sim)).expect("the disk takes it");
        assert_eq!(sim.cached(RECOVERY_POINT).as_deref(), Some(written.as_bytes()), "the file");
        assert_eq!(sim.names(), [RECOVERY_POINT], "no other file is left");
    }
}

/// It may be the only witness that the last group was synced. So there is one text for each recovery point, and any
/// other text is an error: a flipped bit, a cut, a space too many, a line too many.
#[test]
fn s05p3_a_recovery_point_that_is_not_byte_for_byte_right_is_an_error() {
    let text = POINT.encode();
    let read = |bytes: &[u8]| RecoveryPoint::read(&with_point(bytes).disk());
    assert_eq!(read(text.as_bytes()).expect("the text that was written"), Some(POINT));
    for bit in 0..text.len() * 8 {
        let mut flipped = text.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let found = read(&flipped);
        assert!(found.is_err(), "bit {bit} is flipped: {found:?}");
    }
    for bytes in 0..text.len() {
        let found = read(&text.as_bytes()[..bytes]);
        assert!(found.is_err(), "{bytes} bytes: {found:?}");
    }
    let others = [
        format!("{text}\n"),
        format!("{text}more\n"),
        text.replace("start 7", "start  7"),
        text.replace("start 7", "start 07"),
        text.replace("start 7", "start +7"),
        text.replace('\n', "\r\n"),
    ];
    for other in others {
        let found = read(other.as_bytes());
        assert!(found.is_err(), "{other:?}: {found:?}");
    }
}

/// The file is replaced at each roll, with the power failing whenever it likes. What is there afterwards is the old one
/// or the new one, whole, and once `write` has returned it is the new one.
#[test]
fn s05p3_a_recovery_point_is_the_old_one_or_the_new_one_after_any_crash() {
    let sim = with_point(POINT.encode().as_bytes());
    let new = RecoveryPoint { segment: Offset(1000), ..POINT };
    new.write(&site(&sim)).expect("the disk takes it");
    let trace = sim.trace();
    let written = trace.events().len();
    let mut states = 0;
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        for state in trace.crash_states(lens, Sampling { states_max: 60, seed: 5 }) {
            let found = RecoveryPoint::read(&state.disk.disk());
            let found =
                found.unwrap_or_else(|e| panic!("{lens:?} at point {} leaves no recovery point: {e}", state.point));
            let is_right = found == Some(new) || (found == Some(POINT) && state.point < written);
            assert!(is_right, "{lens:?} at point {} of {written} leaves {found:?}", state.point);
            states += 1;
        }
    }
    assert!(states > 8, "{states} states");
}

/// A disk that refuses is an error, and leaves the old recovery point and no half of a new one.
#[test]
fn s05p3_a_recovery_point_that_cannot_be_written_leaves_the_old_one() {
    let old = POINT.encode();
    let sim = with_point(old.as_bytes());
    sim.set_space(old.len() as u64 + 10);
    let new = RecoveryPoint { segment: Offset(1000), ..POINT };
    let error = new.write(&site(&sim)).expect_err("there is no room for it");
    assert!(error.to_string().contains("recovery-point"), "the error names the file: {error}");
    assert_eq!(sim.cached(RECOVERY_POINT).as_deref(), Some(old.as_bytes()), "the old one");
    assert_eq!(sim.names(), [RECOVERY_POINT], "nothing else is left");
}
