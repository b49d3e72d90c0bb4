//! A segment whose last bytes did not arrive.

mod recovery_common;

use lab::records::{record_of, records};
use recovery_common::*;
use stage05::Offset;
use stage05::decision::RecoveryMode;
use stage05::header::SEGMENT_HEADER_BYTES;

const FRAMES: usize = 4;

/// The last three frames share a sync that did not come, so each of them may be the one that is torn.
#[test]
fn a_tail_that_is_cut_at_any_byte_leaves_the_longest_prefix_of_whole_frames() {
    let written = Written::with_unsynced(1, 3);
    for cut in written.front(1).len()..=written.bytes.len() {
        let frames = written.whole_frames(cut);
        let sim = on_disk(&written.bytes[..cut]);
        let context = format!("cut at byte {cut}");
        let first = assert_recovers(&sim, &written, frames, &context);
        let torn = cut - written.front(frames).len();
        assert_eq!(first.report.cut.is_some(), !written.bytes[cut - torn..cut].iter().all(|&b| b == 0), "{context}");

        let once = sim.cached(&log_name());
        let second = assert_recovers(&sim, &written, frames, &format!("{context}, opened twice"));
        assert_eq!(second.report.cut, None, "{context}, opened twice");
        assert_eq!(sim.cached(&log_name()), once, "{context}, opened twice");

        append_to(&second, &records(second.end.offset, 3));
        let third = recover(&sim).unwrap();
        let expected: Vec<_> = [written.records_in(frames), &records(second.end.offset, 3)].concat();
        assert_eq!(records_of(&third), expected, "{context}, appended");
    }
}

/// A file system may give a file its length before its bytes: then a part of the tail reads as zeros.
#[test]
fn a_tail_that_is_zero_from_any_byte_on_leaves_the_longest_prefix_of_whole_frames() {
    let written = Written::with_unsynced(1, 3);
    for cut in written.front(1).len()..=written.bytes.len() {
        let mut bytes = written.bytes.clone();
        bytes[cut..].fill(0);
        bytes.extend_from_slice(&[0; 300]);
        // Some frames end in zeros, and are whole without them.
        let is_whole = |frames: &usize| bytes.starts_with(written.front(*frames));
        let frames = (1..=FRAMES).rev().find(is_whole).unwrap();
        assert_recovers(&on_disk(&bytes), &written, frames, &format!("zeros from byte {cut} on"));
    }
}

/// The bytes that are cut are kept in a file that says where they were.
#[test]
fn what_is_cut_is_kept_and_the_report_says_where() {
    let written = Written::with_unsynced(2, 2);
    let cut = written.bytes.len() - 5;
    let sim = on_disk(&[&written.bytes[..cut], &[0; 1000][..]].concat());
    let report = recover(&sim).unwrap().report;
    let kept = report.cut.expect("a cut");
    let end = written.places[3];
    let name = format!("{:020}.torn-{}", BASE.0, end.position);
    assert_eq!((kept.position, kept.saved_as.as_ref()), (end.position, Some(&name)));
    assert_eq!(kept.lost, end.offset..end.offset, "nothing that was acknowledged");
    let tail = &written.bytes[end.position as usize..cut];
    let tail = &tail[..tail.iter().rposition(|&byte| byte != 0).unwrap() + 1];
    assert_eq!(kept.bytes, tail.len() as u64);
    assert_eq!(sim.durable(&name).as_deref(), Some(tail), "durable, up to the last byte that is not zero");
    assert_eq!((report.frames, report.records), (3, 6));
    assert_eq!(report.watermark, written.places[2].offset);
    assert_eq!(report.bytes_scanned, (cut - SEGMENT_HEADER_BYTES) as u64 - (cut as u64 - end.position - kept.bytes));
}

/// Two crashes with the same place and other bytes leave two files; a crash between the copy and the cut leaves one.
#[test]
fn a_kept_tail_is_never_overwritten_and_never_kept_twice() {
    let written = Written::with_unsynced(1, 1);
    let start = written.places[1].position;
    let sim = on_disk(&written.bytes[..written.bytes.len() - 9]);
    let cut = recover(&sim).unwrap().report.cut.unwrap();
    let file = site(&sim).open(&log_name(), stage05::Access::Write).unwrap();
    for (tail, number) in [(&b"another tail"[..], ".2"), (b"a third tail", ".3"), (b"another tail", ".2")] {
        file.write_at(tail, start).unwrap();
        let again = recover(&sim).unwrap().report.cut.unwrap();
        assert_eq!(again.saved_as, Some(format!("{}{number}", cut.saved_as.clone().unwrap())), "{tail:?}");
        assert_eq!(sim.durable(&again.saved_as.unwrap()).unwrap(), tail);
    }
    assert_eq!(sim.names().len(), 4);
}

/// iggy's journal once had this: a long tail, a crash, a shorter log, a shorter append that ended just where a frame of
/// the old tail began; and at the next open records came back from the dead.
#[test]
fn a_frame_of_an_old_tail_does_not_come_back_behind_a_new_one_of_its_length() {
    let old = Written::with_unsynced(1, 4);
    for torn in 1..4 {
        // The first frames of the tail are whole, one is torn, and whole ones follow.
        let mut bytes = old.bytes.clone();
        let hole = old.places[torn].position as usize;
        bytes[hole + 8] ^= 1;
        let sim = on_disk(&bytes);
        let recovered = assert_recovers(&sim, &old, torn, &format!("frame {torn} is torn"));
        // The same records: the same lengths, and frames that begin in the same places.
        append_to(&recovered, &old.records[torn * 2..torn * 2 + 2]);
        let again = recover(&sim).unwrap();
        assert_eq!(again.end, old.places[torn + 1], "frame {torn} was torn, and one was written in its place");
        assert_eq!(records_of(&again), old.records_in(torn + 1));
    }
}

/// The tail of a file that was made ready with zeros is as long as the file, and only zeros of it are no tail.
#[test]
fn zeros_behind_the_last_frame_are_no_tail_and_stay() {
    let written = Written::synced_each(2);
    for zeros in [1, 7, 8, 55, 56, 57, 512, 100_000] {
        let sim = on_disk(&[&written.bytes[..], &vec![0; zeros]].concat());
        let recovered = assert_recovers(&sim, &written, 2, &format!("{zeros} zeros"));
        assert_eq!(recovered.report.cut, None);
        assert_eq!(sim.cached(&log_name()).unwrap().len(), written.bytes.len() + zeros, "{zeros} zeros");
    }
}

/// A single byte that is not zero, far behind, was written by somebody: it is kept, and nothing stays of it.
#[test]
fn one_byte_that_is_not_zero_makes_a_tail() {
    let written = Written::synced_each(2);
    for at in [0, 1, 55, 56, 4095, 70_000, 99_999] {
        let mut bytes = [&written.bytes[..], &[0; 100_000]].concat();
        bytes[written.bytes.len() + at] = 1;
        let cut = assert_recovers(&on_disk(&bytes), &written, 2, &format!("byte {at}")).report.cut.unwrap();
        assert_eq!(cut.bytes, at as u64 + 1);
        let refused = assert_refused(&on_disk(&bytes), RecoveryMode::AbsoluteConsistency, &format!("byte {at}"));
        assert!(refused.to_string().contains(&format!("at byte {}", written.bytes.len())), "{refused}");
    }
}

/// Frames of every size, over and under the pieces in which the file is read.
#[test]
fn frames_larger_than_the_window_are_recovered() {
    let mut written = Written::new();
    for (i, bytes) in [70_000, 100, 64 * 1024 - 120, 200_000, 10, 65_536, 1_000_000].into_iter().enumerate() {
        let offset = written.end().offset;
        written.append(offset, &[record_of(Offset(i as u64), bytes), record_of(Offset(i as u64), 1)]);
    }
    assert_recovers(&written.on_disk(), &written, written.places.len() - 1, "large frames");
}
