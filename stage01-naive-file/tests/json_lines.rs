//! The format: any bytes go in and come out, the file looks as the documentation says, and a bad line is told with its
//! place.

use std::borrow::Cow;

use lab::sim::SimDisk;
use proptest::prelude::*;
use stage01::{Error, Format, FormatError, JsonLines, Log, NaiveLog, Offset, Reader, Record, Stage, Stage01};

fn encode(offset: Offset, record: &Record<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    JsonLines.encode(offset, record, &mut frame);
    frame
}

proptest! {
    /// Any key, value, timestamp and offset become one line, and come back out of it as they went in.
    #[test]
    fn any_record_comes_back_from_one_line(
        offset: u64,
        timestamp_ms: u64,
        key: Option<Vec<u8>>,
        value in prop_oneof![any::<Vec<u8>>(), any::<String>().prop_map(String::into_bytes)],
        behind: Vec<u8>,
    ) {
        let record = Record { timestamp_ms, key: key.map(Cow::Owned), value: Cow::Owned(value) };
        let frame = encode(Offset(offset), &record);
        prop_assert_eq!(frame.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        prop_assert_eq!(frame.last(), Some(&b'\n'));
        prop_assert_eq!(JsonLines.decode(&frame).unwrap(), (Offset(offset), record));

        // The frame ends at its newline, whatever follows; without it, it goes on.
        let length = frame.len();
        let found = JsonLines.frame_len(&[frame.clone(), behind].concat()).unwrap();
        prop_assert_eq!(found, Some(length));
        for cut in [0, 1, length / 2, length - 1] {
            prop_assert_eq!(JsonLines.frame_len(&frame[..cut]).unwrap(), None);
            prop_assert!(JsonLines.is_torn_append(&frame[..cut], Offset(offset)), "cut at {}", cut);
        }
    }

    /// Whatever bytes a file holds, decoding them gives a record or an error, and never a panic.
    #[test]
    fn decoding_any_bytes_is_a_record_or_an_error(bytes: Vec<u8>, text in "\\{.{0,60}\\}\n") {
        let _ = JsonLines.decode(&bytes);
        let _ = JsonLines.decode(text.as_bytes());
        let _ = JsonLines.frame_len(&bytes);
        let _ = JsonLines.is_torn_append(&bytes, Offset(0));
    }
}

/// The file, byte by byte. It is a promise to everybody who reads it with another program, and to our later selves.
#[test]
fn the_file_is_what_the_documentation_shows() {
    let sim = SimDisk::new();
    let mut log = Stage01::open(sim.disk()).unwrap();
    let records = [
        Record::new(1736937000000, &b"text stays text"[..]).with_key(&b"k1"[..]),
        Record::new(1736937000001, &[0x00, 0xff][..]),
        Record::new(0, &b""[..]).with_key(&b""[..]),
        Record::new(u64::MAX, &b"\"quoted\" \\ and\n\tbroken"[..]).with_key(&[0xfe][..]),
        Record::new(2, "größer \u{1f4dc}".as_bytes()),
    ];
    log.append(&records).unwrap();
    let expected = r#"{"offset":0,"timestamp_ms":1736937000000,"key":"k1","value":"text stays text"}
{"offset":1,"timestamp_ms":1736937000001,"value_base64":"AP8="}
{"offset":2,"timestamp_ms":0,"key":"","value":""}
{"offset":3,"timestamp_ms":18446744073709551615,"key_base64":"/g==","value":"\"quoted\" \\ and\n\tbroken"}
{"offset":4,"timestamp_ms":2,"value":"größer 📜"}
"#;
    assert_eq!(String::from_utf8(sim.cached("log.jsonl").unwrap()).unwrap(), expected);
}

/// A line between two good ones, and what has to be said about it.
#[test]
fn a_bad_line_is_an_error_that_says_what_is_wrong_with_it() {
    let bad_lines = [
        ("{\"offset\":1,\"timestamp_ms\":0,\"value\":\"x\"", "EOF while parsing"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value\":\"x\"}}", "column 42 of the line: trailing characters"),
        ("{\"offset\":1,\"timestamp_ms\":0}", "neither `value` nor `value_base64`"),
        (
            "{\"offset\":1,\"timestamp_ms\":0,\"value\":\"x\",\"value_base64\":\"eA==\"}",
            "both `value` and `value_base64`",
        ),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value_base64\":\"not base64\"}", "`value_base64` is not Base64"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value_base64\":\"eA\"}", "`value_base64` is not Base64"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"key_base64\":\"/\",\"value\":\"\"}", "`key_base64` is not Base64"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value\":\"x\",\"headers\":[]}", "unknown field `headers`"),
        ("{\"offset\":1,\"value\":\"x\"}", "missing field `timestamp_ms`"),
        ("{\"offset\":-1,\"timestamp_ms\":0,\"value\":\"x\"}", "invalid value"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value\":7}", "invalid type"),
        ("{\"offset\":1,\"offset\":1,\"timestamp_ms\":0,\"value\":\"x\"}", "duplicate field `offset`"),
        ("[1,2]", "expected a frame starting with '{', found byte 0x5b"),
        ("", "expected a frame starting with '{', found byte 0x0a"),
    ];
    for (bad, complaint) in bad_lines {
        let first = encode(Offset(0), &Record::new(0, &b"first"[..]));
        let third = encode(Offset(2), &Record::new(0, &b"third"[..]));
        let file = [&first, bad.as_bytes(), b"\n", &third].concat();
        let sim = SimDisk::with_files([("log.jsonl", &file[..])]);
        let error = Stage01::open(sim.disk()).expect_err(bad);
        let Error::BadFrame { path, position, expected, .. } = &error else { panic!("{bad}: {error}") };
        assert_eq!((path.to_str(), *position, *expected), (Some("/sim/log.jsonl"), first.len() as u64, Offset(1)));
        assert!(error.to_string().contains(complaint), "{bad}\nexpected {complaint:?} in: {error}");
        assert_eq!(sim.cached("log.jsonl").unwrap(), file, "the file is left alone");
    }
}

/// A good line at a wrong place: somebody took a line out, or put one in.
#[test]
fn a_line_out_of_order_is_an_error_that_names_both_offsets() {
    let line = |offset| encode(Offset(offset), &Record::new(0, &b"value"[..]));
    for (offsets, expected, found) in [([0, 2], 1, 2), ([0, 0], 1, 0), ([1, 2], 0, 1)] {
        let file = offsets.map(line).concat();
        let sim = SimDisk::with_files([("log.jsonl", &file[..])]);
        let error = Stage01::open(sim.disk()).expect_err("a log with a gap");
        assert!(
            matches!(&error, Error::OutOfOrder { expected: e, found: f, .. } if (e.0, f.0) == (expected, found)),
            "{offsets:?}: {error}"
        );
    }
}

/// Only the beginning of the very next record is a torn append.
#[test]
fn a_torn_append_is_told_from_somebody_elses_bytes() {
    let next = Offset(12);
    for torn in [
        "",
        "{",
        "{\"off",
        "{\"offset\":1",
        "{\"offset\":12,\"timestamp_ms\":5,\"va",
        "{\"offset\":12,\"timestamp_ms\":\0\0",
    ] {
        assert!(JsonLines.is_torn_append(torn.as_bytes(), next), "{torn:?}");
    }
    for foreign in [
        "x",
        "{}",
        "{\"offset\":13",
        "{\"offset\":12}",
        "{ \"offset\":12",
        "{\"offset\":12,\"timestamp_ms\":5}\nx",
        "\0x",
    ] {
        assert!(!JsonLines.is_torn_append(foreign.as_bytes(), next), "{foreign:?}");
    }
}

/// Somebody cuts the file while it is open: a read says so, and says what is missing.
#[test]
fn a_file_that_shrinks_under_a_reader_is_an_error() {
    let sim = SimDisk::new();
    let disk = sim.disk();
    let mut log = NaiveLog::open(&disk, JsonLines).unwrap();
    log.append(&lab::records::records(Offset(0), 4)).unwrap();
    log.sync().unwrap();
    let third = log.starts()[3];
    disk.open("log.jsonl", stage01::Access::Write).unwrap().truncate(third).unwrap();
    assert!(log.reader().read(Offset(2)).unwrap().is_some());
    let error = log.reader().read(Offset(3)).expect_err("a record that was cut away");
    assert!(matches!(error, Error::Truncated { length, expected: Offset(3), .. } if length == third), "{error}");
}

/// A line may be as long as a frame, and no longer, however long the file says that it is.
#[test]
fn a_line_without_an_end_is_too_long() {
    let file = vec![b'{'; stage01::FRAME_BYTES_MAX + 100];
    let sim = SimDisk::with_files([("log.jsonl", &file[..])]);
    let error = Stage01::open(sim.disk()).expect_err("a line that never ends");
    assert!(matches!(error, Error::BadFrame { cause: FormatError::TooLong { .. }, .. }), "{error}");
}
