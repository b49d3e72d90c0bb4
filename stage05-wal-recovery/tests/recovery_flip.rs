//! Bits that are not as they were written: torn tail or corruption? The watermark decides.

mod recovery_common;

use lab::records::records;
use lab::sim::SimDisk;
use recovery_common::*;
use stage05::decision::RecoveryMode::TolerateTornTail;
use stage05::frame::{FRAME_HEADER_BYTES, FrameHeader};
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::recovery_point::RECOVERY_POINT;
use stage05::{Error, FormatError, Record};

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

/// The detector has to *fire*. Pebble's watermark was zero for a year where nobody had configured a histogram, and all
/// tests of undamaged logs were green (Pebble #6031).
#[test]
fn a_flipped_bit_in_a_frame_that_was_synced_is_corruption_at_its_place() {
    let written = Written::synced_each(3);
    for frame in 0..2 {
        let place = written.places[frame];
        for bit in place.position as usize * 8..written.places[frame + 1].position as usize * 8 {
            let context = format!("bit {} of byte {}, frame {frame}", bit % 8, bit / 8);
            let refused = assert_refused(&on_disk(&flip(&written.bytes, bit)), TolerateTornTail, &context);
            let Error::BadFrame { position, expected, cause: FormatError::NotTorn { synced_through, .. }, .. } =
                refused
            else {
                panic!("{context}: {refused}")
            };
            let knows = written.places[2].offset;
            assert_eq!((position, expected, synced_through), (place.position, place.offset, knows), "{context}");
        }
    }
}

/// No frame says that the last group was synced: none follows it. If its header tells of an older watermark, damage in
/// it looks like a torn append, and whoever wants to tell the two needs a recovery point.
#[test]
fn a_flipped_bit_in_the_last_frame_is_a_torn_tail_unless_the_recovery_point_says_that_it_was_synced() {
    let written = Written::synced_each(3);
    for bit in written.places[2].position as usize * 8..written.bytes.len() * 8 {
        let context = format!("bit {} of byte {}", bit % 8, bit / 8);
        let flipped = flip(&written.bytes, bit);
        assert_recovers(&on_disk(&flipped), &written, 2, &context);
        // The recovery point of a log that was synced and went on, without a frame behind it that would know.
        let synced = with_point(&flipped, written.places[2]);
        assert_recovers(&synced, &written, 2, &context);
    }
    // A recovery point behind the damage: opening does not read what lies in front of it, the other mode does.
    let flipped = flip(&written.bytes, written.places[2].position as usize * 8);
    let closed = with_point(&flipped, written.end());
    assert_eq!(recover(&closed).unwrap().end, written.end());
    assert_refused(&closed, stage05::decision::RecoveryMode::AbsoluteConsistency, "a clean close, then a flipped bit");
}

/// Frames of one group reach the disk in any order. "A good frame follows, so it is corruption" is wrong (Pebble #453).
#[test]
fn a_bad_frame_in_front_of_good_ones_of_the_same_unsynced_group_is_a_torn_tail() {
    let written = Written::with_unsynced(2, 3);
    for frame in 2..5 {
        let (start, end) = (written.places[frame].position as usize, written.places[frame + 1].position as usize);
        for bit in start * 8..end * 8 {
            let context = format!("bit {} of byte {}, frame {frame}", bit % 8, bit / 8);
            assert_recovers(&on_disk(&flip(&written.bytes, bit)), &written, frame, &context);
        }
        let mut hole = written.bytes.clone();
        hole[start..end].fill(0);
        assert_recovers(&on_disk(&hole), &written, frame, &format!("frame {frame} did not arrive"));
    }
}

/// The same damage, and one frame far behind that was written after a sync: now it is corruption.
#[test]
fn one_frame_that_was_written_after_the_sync_makes_it_corruption() {
    for (watermark, is_torn) in [(2, true), (3, false), (4, false), (5, false)] {
        let mut written = Written::with_unsynced(2, 3);
        let synced_through = written.places[watermark].offset;
        written.append(synced_through, &records(written.end().offset, 2));
        let damaged = flip(&written.bytes, written.places[2].position as usize * 8 + 100);
        let context = format!("the last frame knows that {watermark} frames were synced");
        match is_torn {
            true => drop(assert_recovers(&on_disk(&damaged), &written, 2, &context)),
            false => drop(assert_refused(&on_disk(&damaged), TolerateTornTail, &context)),
        }
    }
}

/// A frame's body can be torn when its header is whole, and what the header knows counts.
#[test]
fn the_watermark_of_a_frame_whose_own_body_is_torn_counts() {
    let mut written = Written::with_unsynced(1, 2);
    written.append(written.places[2].offset, &records(written.end().offset, 8));
    let mut damaged = flip(&written.bytes, written.places[1].position as usize * 8 + 100);
    damaged.truncate(written.places[3].position as usize + FRAME_HEADER_BYTES + 8);
    assert_refused(&on_disk(&damaged), TolerateTornTail, "the witness has lost its body");
    damaged.truncate(written.places[3].position as usize + FRAME_HEADER_BYTES - 1);
    assert_recovers(&on_disk(&damaged), &written, 1, "the witness has lost a byte of its header");
}

/// A value may hold whatever it likes: a whole log, at any alignment, whose frames claim that everything was synced.
#[test]
fn a_log_in_a_value_is_no_witness_and_no_frame() {
    let mut inner = Written::synced_each(3);
    inner.append(stage05::Offset(u64::MAX / 2), &records(inner.end().offset, 2));
    for shift in 0..8 {
        let mut outer = Written::synced_each(2);
        let value = [&vec![0x55; shift], &inner.bytes[..]].concat();
        let durable = outer.end().offset;
        outer.append(durable, &[Record::new(1, b"the group begins".to_vec())]);
        outer.append(durable, &[Record::new(1, value)]);
        assert_recovers(&outer.on_disk(), &outer, 4, "whole");
        // The first frame of the group is torn; the value with its log lies behind.
        let torn = flip(&outer.bytes, outer.places[2].position as usize * 8 + 100);
        assert_recovers(&on_disk(&torn), &outer, 2, &format!("shifted by {shift}"));
        // The frame's own header is gone, and what is left begins with the log.
        let gone = outer.places[3].position as usize;
        let torn = [&outer.bytes[..gone], &inner.bytes[SEGMENT_HEADER_BYTES..]].concat();
        assert_recovers(&on_disk(&torn), &outer, 3, "frames of another log");
    }
}

/// The same frame, written by this log to this file, at another place: a disk that misdirected a write.
#[test]
fn a_frame_of_this_file_at_another_position_is_none() {
    let written = Written::synced_each(3);
    let frame = &written.bytes[written.places[1].position as usize..written.places[2].position as usize];
    let copied = [&written.bytes[..], frame].concat();
    assert_recovers(&on_disk(&copied), &written, 3, "copied to the end");
}

/// A frame that is good in every way, and has another offset than the one that is due: no crash does that.
#[test]
fn a_frame_with_another_offset_is_corruption_and_not_a_torn_tail() {
    for wrong in [-1i64, 1, 1000] {
        let mut written = Written::synced_each(2);
        let mut header = [0; FRAME_HEADER_BYTES];
        let start = written.places[1].position as usize;
        header.copy_from_slice(&written.bytes[start..start + FRAME_HEADER_BYTES]);
        let header = FrameHeader::decode(&header, SALT, start as u64).unwrap();
        let offset = stage05::Offset(header.base_offset.0.wrapping_add_signed(wrong));
        let moved = FrameHeader { base_offset: offset, ..header }.encode(SALT, start as u64);
        written.bytes[start..start + FRAME_HEADER_BYTES].copy_from_slice(&moved);
        let refused = assert_refused(&written.on_disk(), TolerateTornTail, &format!("{wrong}"));
        assert!(matches!(refused, Error::OutOfOrder { found, .. } if found == offset), "{refused}");
    }
}

/// The block in front: without its salt nothing can be told, so any bit of it is an error.
#[test]
fn a_flipped_bit_of_the_segments_header_is_an_error_even_if_the_segment_is_empty() {
    let (empty, written) = (Written::new(), Written::synced_each(1));
    for bit in (0..64 * 8).chain((64 * 8..SEGMENT_HEADER_BYTES * 8).step_by(311)) {
        for bytes in [&empty.bytes, &written.bytes] {
            let refused = assert_refused(&on_disk(&flip(bytes, bit)), TolerateTornTail, &format!("bit {bit}"));
            assert!(matches!(refused, Error::Damaged { position: 0, .. }), "{refused}");
        }
    }
}

/// It may be the only witness of the last group, so it is not made anew from what is there.
#[test]
fn a_flipped_bit_of_the_recovery_point_is_an_error_that_names_the_file() {
    let written = Written::synced_each(2);
    let whole = with_point(&written.bytes, written.end());
    for bit in 0..whole.cached(RECOVERY_POINT).unwrap().len() as u64 * 8 {
        let sim: SimDisk = with_point(&written.bytes, written.end());
        sim.flip_bit(RECOVERY_POINT, bit);
        let refused = assert_refused(&sim, TolerateTornTail, &format!("bit {bit}"));
        assert!(matches!(&refused, Error::Damaged { path, .. } if path.ends_with(RECOVERY_POINT)), "{refused}");
    }
}
