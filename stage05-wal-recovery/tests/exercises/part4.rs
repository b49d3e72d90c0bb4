//! Part 4: a look at the newest segment, and what the frames behind the damage know.

use lab::records::records;
use lab::sim::{Lens, Sampling, SimDisk};
use stage05::behind::look_behind;
use stage05::decision::RecoveryMode::{AbsoluteConsistency, TolerateTornTail};
use stage05::decision::{Decision, Reason};
use stage05::frame::{FRAME_HEADER_BYTES, FrameHeader};
use stage05::header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use stage05::recovery_point::RecoveryPoint;
use stage05::rewriter::FrameRewriter;
use stage05::survey::{Survey, survey};
use stage05::verify::{Outcome, verify};
use stage05::{
    Access, Error, FormatError, Offset, PackOptions, PackedWriter, Part, Place, Record, Rewriter, SegmentName,
};

use crate::recovery_common::*;

/// What a look at these bytes finds, without a recovery point.
fn look(bytes: &[u8]) -> Survey {
    look_with(bytes, None)
}

fn look_with(bytes: &[u8], point: Option<&RecoveryPoint>) -> Survey {
    let file = on_disk(bytes).disk().open(&log_name(), Access::Read).unwrap();
    survey(&file, BASE, point, true).expect("the disk works")
}

fn flip(bytes: &[u8], position: u64) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[position as usize] ^= 0x10;
    flipped
}

fn decided(survey: &Survey) -> Decision {
    survey.decide(TolerateTornTail)
}

/// A segment without damage: every frame and record is counted, the look ends behind the last one, and there is nothing
/// to decide.
#[test]
fn s05p4_a_whole_segment_is_walked_to_its_end() {
    for written in [Written::new(), Written::synced_each(3), Written::with_unsynced(2, 4)] {
        let seen = look(&written.bytes);
        let frames = written.places.len() as u64 - 1;
        assert_eq!((seen.from, seen.end), (written.places[0], written.end()), "from the first frame to the last");
        assert_eq!((seen.frames, seen.records), (frames, 2 * frames), "frames and records");
        assert_eq!(seen.behind.data_end, written.end().position, "nothing lies behind the end");
        assert_eq!((decided(&seen), seen.decide(AbsoluteConsistency)), (Decision::End, Decision::End));
    }
}

/// Zeros up to the end of the file are room for more. One byte behind them that is not zero, and they are a hole.
#[test]
fn s05p4_zeros_are_the_end_only_if_nothing_is_behind_them() {
    let written = Written::synced_each(2);
    for zeros in [8, 100, 40_000, 100_000] {
        let mut bytes = [&written.bytes[..], &vec![0; zeros]].concat();
        assert_eq!(decided(&look(&bytes)), Decision::End, "{zeros} zeros");
        for place in [bytes.len() - 1, written.bytes.len() + 6] {
            bytes[place] = 1;
            let seen = look(&bytes);
            assert_eq!(seen.behind.data_end, place as u64 + 1, "behind the last byte that is not zero");
            assert_eq!(decided(&seen), Decision::TornTail, "{zeros} zeros, and a byte at {place}");
            bytes[place] = 0;
        }
    }
}

/// The power may fail at any byte of the last group. Whatever is left, the whole frames stay, and the rest is a torn
/// tail.
#[test]
fn s05p4_a_group_that_is_cut_at_any_byte_is_a_torn_tail() {
    let written = Written::with_unsynced(2, 2);
    for bytes in written.front(2).len()..=written.bytes.len() {
        let (seen, whole) = (look(&written.bytes[..bytes]), written.whole_frames(bytes));
        assert_eq!(seen.end, written.places[whole], "{bytes} bytes");
        let is_clean = written.front(whole).len() == bytes;
        let expected = if is_clean { Decision::End } else { Decision::TornTail };
        assert_eq!(decided(&seen), expected, "{bytes} bytes of {}", written.bytes.len());
    }
}

/// Frames that share a sync reach the disk in any order. A frame that is missing, with good ones of the same group behind
/// it, is a torn tail: nobody was answered.
#[test]
fn s05p4_a_hole_in_a_group_that_was_never_synced_is_a_torn_tail() {
    let written = Written::with_unsynced(2, 3);
    for missing in 2..4 {
        let (start, end) = (written.places[missing].position as usize, written.places[missing + 1].position as usize);
        let mut hole = written.bytes.clone();
        hole[start..end].fill(0);
        for bytes in [hole, flip(&written.bytes, start as u64 + 20), flip(&written.bytes, end as u64 - 12)] {
            let seen = look(&bytes);
            assert_eq!(seen.end, written.places[missing], "it ends in front of the damage");
            assert!(seen.behind.headers > 0, "headers behind it");
            assert_eq!(decided(&seen), Decision::TornTail, "frame {missing} is missing or damaged: {seen:?}");
        }
    }
}

/// The detector fires. A bit in a frame that was synced, as a later frame knows, is corruption, and the error names the
/// file, the place, the record and the watermark.
#[test]
fn s05p4_a_flipped_bit_below_the_watermark_is_corruption_at_its_place() {
    let written = Written::synced_each(4);
    for damaged in 0..3 {
        let place = written.places[damaged];
        for at in (place.position..written.places[damaged + 1].position).step_by(7) {
            let seen = look(&flip(&written.bytes, at));
            let context = format!("byte {at}, in frame {damaged}");
            assert_eq!(seen.watermark, written.places[3].offset, "{context}: the last frame's watermark");
            let Decision::Corrupt(reason @ Reason::BelowWatermark) = decided(&seen) else {
                panic!("{context}: corruption, not {:?}", decided(&seen));
            };
            match seen.into_error(reason) {
                Error::BadFrame { path, position, expected, cause: FormatError::NotTorn { synced_through, .. } } => {
                    assert!(path.ends_with(log_name()), "{context}: {}", path.display());
                    assert_eq!((position, expected), (place.position, place.offset), "{context}");
                    assert_eq!(synced_through, written.places[3].offset, "{context}");
                }
                other => panic!("{context}: {other}"),
            }
        }
    }
}

/// The same damage, and one frame behind it that may or may not know: the damage is corruption exactly if the first
/// record that is missing lies in front of the witness's watermark. The witness's header is enough; its body may be torn.
#[test]
fn s05p4_one_witness_decides() {
    for (knows, is_torn) in [(1, true), (2, true), (3, false), (5, false)] {
        let mut written = Written::with_unsynced(2, 3);
        let witness = written.end().position as usize;
        written.append(written.places[knows].offset, &records(written.end().offset, 4));
        let damaged = flip(&written.bytes, written.places[2].position + 30);
        for bytes in [damaged.len(), witness + FRAME_HEADER_BYTES + 3] {
            let seen = look(&damaged[..bytes]);
            let expected = if is_torn { Decision::TornTail } else { Decision::Corrupt(Reason::BelowWatermark) };
            assert_eq!(decided(&seen), expected, "{bytes} bytes; the last frame knows {knows} frames: {seen:?}");
        }
        let seen = look(&damaged[..witness + FRAME_HEADER_BYTES - 1]);
        assert_eq!(decided(&seen), Decision::TornTail, "the witness has lost a byte of its header");
    }
}

/// The witness may lie anywhere behind the damage, and so across the edge of whatever is looked at in one piece.
#[test]
fn s05p4_a_witness_is_found_wherever_it_lies() {
    for bytes in [32 * 1024, 64 * 1024, 128 * 1024] {
        for shift in (0..=FRAME_HEADER_BYTES + 8).step_by(8) {
            let mut written = Written::with_unsynced(1, 1);
            let from = written.places[1].position;
            // A record whose frame ends `shift` bytes in front of the edge; the witness begins there.
            let wanted = from + bytes as u64 - shift as u64;
            let room = (wanted - written.end().position) as usize - FRAME_HEADER_BYTES - 16;
            let durable = written.places[1].offset;
            written.append(durable, &[Record::new(1, vec![0x33; room])]);
            let witness = written.end();
            assert!(witness.position.abs_diff(wanted) <= 16, "{} for {wanted}", witness.position);
            written.append(witness.offset, &records(witness.offset, 1));
            let damaged = flip(&written.bytes, from + 5);
            let file = on_disk(&damaged).disk().open(&log_name(), Access::Read).unwrap();
            let behind = look_behind(&file, SALT, from).expect("the disk works");
            assert_eq!((behind.headers, behind.synced_through), (2, witness.offset), "a witness at {witness:?}");
            assert_eq!(behind.data_end, damaged.iter().rposition(|&byte| byte != 0).unwrap() as u64 + 1);
        }
    }
}

/// A value may be a whole log whose frames claim everything. Its salt is another one and its positions are wrong, so it
/// is no witness.
#[test]
fn s05p4_a_log_in_a_value_is_no_witness() {
    let mut inner = Written::synced_each(2);
    inner.append(Offset(u64::MAX / 2), &records(inner.end().offset, 2));
    for shift in 0..8 {
        let mut outer = Written::synced_each(2);
        let durable = outer.end().offset;
        outer.append(durable, &[Record::new(1, b"the group begins".to_vec())]);
        outer.append(durable, &[Record::new(1, [&vec![0x55; shift], &inner.bytes[..]].concat())]);
        let seen = look(&flip(&outer.bytes, outer.places[2].position + 30));
        assert_eq!((seen.behind.headers, seen.watermark), (1, durable), "shifted by {shift}");
        assert_eq!(decided(&seen), Decision::TornTail, "shifted by {shift}");
    }
}

/// The recovery point is where the look begins, and a witness. A segment that ends in front of it has lost records,
/// even if it ends at the end of a frame.
#[test]
fn s05p4_the_recovery_point_is_a_place_to_start_and_a_witness() {
    let written = Written::synced_each(5);
    let point = |frames: usize| RecoveryPoint { start: BASE, segment: BASE, durable: written.places[frames] };
    for frames in 0..=5 {
        let seen = look_with(&written.bytes, Some(&point(frames)));
        assert_eq!(
            (seen.from, seen.frames),
            (written.places[frames], 5 - frames as u64),
            "it knows of {frames} frames"
        );
        assert_eq!(decided(&seen), Decision::End);
        let known = written.places[4].offset.max(written.places[frames].offset);
        let expected = if frames == 5 { known } else { written.places[4].offset };
        assert_eq!(seen.watermark, expected, "the highest that anybody knows");
    }
    let cut = look_with(written.front(2), Some(&point(5)));
    assert_eq!(
        decided(&cut),
        Decision::Corrupt(Reason::RecordsMissing),
        "three frames are missing, and nothing is damaged"
    );
    let later =
        RecoveryPoint { start: BASE, segment: Offset(500), durable: Place { offset: Offset(500), position: 4096 } };
    let seen = look_with(&written.bytes, Some(&later));
    assert_eq!(seen.from, written.places[0], "the place is one in another segment");
    assert_eq!(decided(&seen), Decision::Corrupt(Reason::RecordsMissing), "a later segment is gone");
}

/// A recovery point that cannot be a place in this file is no place to start from. What it knows still counts.
#[test]
fn s05p4_a_place_that_cannot_be_is_not_started_from() {
    let written = Written::synced_each(3);
    let end = written.end();
    for position in [0, 8, end.position - 4, end.position + 8, !7] {
        let durable = Place { position, ..end };
        let seen = look_with(&written.bytes, Some(&RecoveryPoint { start: BASE, segment: BASE, durable }));
        assert_eq!((seen.from, seen.end, seen.frames), (written.places[0], end, 3), "a place at {position}");
    }
    let before = Place { offset: Offset(BASE.0 - 1), ..end };
    let seen = look_with(&written.bytes, Some(&RecoveryPoint { start: BASE, segment: BASE, durable: before }));
    assert_eq!(seen.from, written.places[0], "an offset in front of the segment");
}

/// Recovery writes again what may not be durable. `synced` says from where: everything in front of it is durable, and it
/// lies not far in front of the first frame that is not.
#[test]
fn s05p4_what_is_known_to_be_durable_is_told_and_is_true() {
    for (synced, unsynced) in [(0, 3), (1, 1), (2, 3), (50, 3), (5, 0)] {
        let written = Written::with_unsynced(synced, unsynced);
        let seen = look(&written.bytes);
        // The last frame that knows anything was written when all in front of it was durable.
        let known = if unsynced == 0 { synced - 1 } else { synced };
        assert!(
            seen.synced.offset <= written.places[known].offset,
            "{synced} synced, {unsynced} not: {:?}",
            seen.synced
        );
        let near = written.places[known.saturating_sub(2)];
        assert!(seen.synced.position >= near.position, "{synced} synced, {unsynced} not: {:?}, {near:?}", seen.synced);
        assert!(written.places.contains(&seen.synced), "the start of a frame: {:?}", seen.synced);
    }
}

/// A frame that is whole and has another offset than the one that is due: no crash does that, so it is no torn tail.
#[test]
fn s05p4_a_frame_in_the_place_of_another_is_no_torn_tail() {
    let mut written = Written::synced_each(2);
    let durable = written.end();
    let mut other = written.clone();
    *other.places.last_mut().unwrap() = Place { offset: durable.offset.plus(3), ..durable };
    other.append(durable.offset, &records(durable.offset.plus(3), 2));
    written.bytes = other.bytes;
    let seen = look(&written.bytes);
    assert_eq!((seen.end, decided(&seen)), (durable, Decision::Corrupt(Reason::WrongOffset)));
}

/// The disk of a log whose records up to 20 were rewritten, of which these are left, in a frame each, and every frame says
/// the same of what was synced. Behind them comes an empty segment.
fn disk_with_gaps(kept: &[u64], synced_through: Offset) -> SimDisk {
    let header = |base| SegmentHeader { base: Offset(base), salt: SALT, created_ms: 0 };
    let mut rewriter = FrameRewriter::new(header(0));
    let (mut bytes, mut starts) = (Vec::new(), Vec::new());
    for offset in kept {
        starts.push(bytes.len().max(SEGMENT_HEADER_BYTES));
        // As large as a frame has to be, so that each record has one of its own.
        rewriter.push(Offset(*offset), &Record::new(1, vec![0x66; 20_000]), &mut bytes);
    }
    rewriter.finish(&mut bytes);
    for start in starts {
        let at_its_place = &mut bytes[start..start + FRAME_HEADER_BYTES];
        let written: &[u8; FRAME_HEADER_BYTES] = (&*at_its_place).try_into().unwrap();
        let frame = FrameHeader::decode(written, SALT, start as u64).expect("a frame starts here");
        at_its_place.copy_from_slice(&FrameHeader { synced_through, ..frame }.encode(SALT, start as u64));
    }
    let newest = SegmentName::new(Offset(20)).file(Part::Log);
    let sim = SimDisk::with_files([(&*newest, &*header(20).encode())]);
    let file = sim.disk().create(&SegmentName::rewritten(Offset(0), Offset(20)).file(Part::Log)).unwrap();
    let mut writer = PackedWriter::new(file, PackOptions::default(), Offset(0), Offset(20)).unwrap();
    writer.write(&bytes).unwrap();
    writer.finish(1).unwrap();
    sim
}

/// In a segment that was compacted, the offsets of the frames have gaps, and the last records may be gone, though they were
/// synced. Nothing is missing from it that anybody could name.
#[test]
fn s05p4_what_compaction_took_away_is_not_missing() {
    for kept in [&[3, 4, 11][..], &[0, 19], &[7], &[]] {
        for synced_through in [0, 12, 20].map(Offset) {
            let seen = verify(&disk_with_gaps(kept, synced_through).disk()).expect("the disk works");
            let context = format!("of 20 records, {kept:?} are left; their frames know of {synced_through}");
            assert_eq!(seen.outcome, Outcome::Clean, "{context}: {:?}", seen.problems);
            let count = kept.len() as u64;
            assert_eq!((seen.frames, seen.records), (count, count), "{context}: frames and records");
        }
    }
}

/// All of it together: recover after a power cut, be cut off in the middle of that, recover again. What was synced is
/// there each time, and what recovery has served once stays.
#[test]
fn s05p4_what_recovery_serves_survives_the_next_power_cut() {
    let written = Written::with_unsynced(2, 2);
    for tail in [written.bytes.len(), written.bytes.len() - 5, written.places[3].position as usize - 30] {
        let sim = SimDisk::with_files([(&*log_name(), written.front(2))]);
        let file = sim.disk().open(&log_name(), Access::Write).unwrap();
        file.write_at(&written.bytes[written.front(2).len()..tail], written.front(2).len() as u64).unwrap();
        let begun = sim.trace().events().len();
        let served = recover(&sim).unwrap_or_else(|e| panic!("{tail} bytes: {e}")).end;
        assert_eq!(served, written.places[written.whole_frames(tail)], "{tail} bytes");
        let (trace, mut states) = (sim.trace(), 0);
        for state in trace.crash_states(Lens::TornWrite, Sampling { states_max: 20, seed: 3 }) {
            let context = format!("{tail} bytes, a power cut at point {} of {}", state.point, trace.events().len());
            if state.point < begun {
                continue;
            }
            states += 1;
            let again = recover(&state.disk).unwrap_or_else(|e| panic!("{context}: {e}"));
            assert!(again.end.offset >= written.places[2].offset, "{context}: {:?} is there", again.end);
            if state.point == trace.events().len() {
                assert_eq!(again.end, served, "{context}: it was served");
            }
            let frames = written.places.iter().position(|place| *place == again.end).expect("the end of a frame");
            assert_eq!(records_of(&again), written.records_in(frames), "{context}");
            assert_eq!(state.disk.durable(&log_name()).map(|bytes| bytes.len() >= SEGMENT_HEADER_BYTES), Some(true));
        }
        assert!(states > 0, "{tail} bytes: no crash");
    }
}
