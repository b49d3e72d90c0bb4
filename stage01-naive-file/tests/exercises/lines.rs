//! Part 1: one line a record.

use std::borrow::Cow;

use lab::records::record;
use stage01::{Format, FormatError, JsonLines, Offset, Record};

use crate::line;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("a line is text")
}

/// A record becomes one line of JSON: offset, timestamp, key if there is one, value, and a newline at the very end. The
/// file is a promise to everybody who reads it with another program, so each byte is compared.
#[test]
fn s01p1_a_record_is_one_line_with_its_newline_last() {
    let with_key = Record::new(1736937000000, &b"text stays text"[..]).with_key(&b"k1"[..]);
    let expected = "{\"offset\":7,\"timestamp_ms\":1736937000000,\"key\":\"k1\",\"value\":\"text stays text\"}\n";
    assert_eq!(text(line(7, &with_key)), expected, "a record with a key");

    let escapes = Record::new(u64::MAX, &b"\"quoted\" \\ and\n\tbroken"[..]);
    let expected =
        "{\"offset\":0,\"timestamp_ms\":18446744073709551615,\"value\":\"\\\"quoted\\\" \\\\ and\\n\\tbroken\"}\n";
    assert_eq!(text(line(0, &escapes)), expected, "a line break in a value must not become one in the file");

    let empty = Record::new(0, &b""[..]).with_key(&b""[..]);
    let expected = "{\"offset\":2,\"timestamp_ms\":0,\"key\":\"\",\"value\":\"\"}\n";
    assert_eq!(text(line(2, &empty)), expected, "an empty key is a key");
}

/// The frames of an append go into one buffer. Encoding puts a record behind what is there, and touches nothing else.
#[test]
fn s01p1_encoding_appends_to_the_buffer() {
    let mut buffer = line(0, &record(Offset(0)));
    let first = buffer.clone();
    JsonLines.encode(Offset(1), &record(Offset(1)), &mut buffer);
    assert_eq!(text(buffer), text([first, line(1, &record(Offset(1)))].concat()), "two lines in one buffer");
}

/// JSON has no bytes. What is not valid UTF-8 is written in Base64, under a name of its own that says so.
#[test]
fn s01p1_bytes_that_are_no_text_go_under_the_base64_name() {
    let bytes = Record::new(1, &[0x00, 0xff][..]);
    assert_eq!(text(line(1, &bytes)), "{\"offset\":1,\"timestamp_ms\":1,\"value_base64\":\"AP8=\"}\n");
    let key = Record::new(2, "größer \u{1f4dc}".as_bytes()).with_key(&[0xfe][..]);
    let expected = "{\"offset\":2,\"timestamp_ms\":2,\"key_base64\":\"/g==\",\"value\":\"größer \u{1f4dc}\"}\n";
    assert_eq!(text(line(2, &key)), expected, "key and value each have the name that they need");
}

/// What goes in comes out, whatever bytes it has: this is the first thing that a log owes its producers.
#[test]
fn s01p1_any_bytes_come_back_as_they_went_in() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let odd: [&[u8]; 9] = [b"", b"\n", b"\r\n", b"\"", b"\\u0041", b"aGk=", b"\xff", b"\xed\xa0\x80", &every_byte];
    let pairs = odd.iter().flat_map(|value| odd.map(|key| Record::new(0, *value).with_key(key)));
    let all = odd.iter().map(|value| Record::new(u64::MAX, *value)).chain(pairs);
    for (offset, record) in (0..).zip(all.chain((0..64).map(|offset| record(Offset(offset))))) {
        let line = line(offset, &record);
        let decoded = JsonLines.decode(&line).unwrap_or_else(|e| panic!("{e}, in {}", line.escape_ascii()));
        assert_eq!(decoded, (Offset(offset), record), "out of the line {}", line.escape_ascii());
    }
}

/// A scan of a million records must not copy a million values: a text without escapes is used where it lies, in the
/// line.
#[test]
fn s01p1_plain_text_is_borrowed_from_the_line() {
    let line = line(3, &Record::new(0, &b"no escapes in it"[..]).with_key(&b"nor here"[..]));
    let (_, record) = JsonLines.decode(&line).expect("a good line");
    let inside = |bytes: &[u8]| line.as_ptr_range().contains(&bytes.as_ptr());
    assert!(matches!(record.value, Cow::Borrowed(value) if inside(value)), "the value was copied: {record:?}");
    assert!(matches!(record.key, Some(Cow::Borrowed(key)) if inside(key)), "the key was copied: {record:?}");
}

/// A frame ends with its newline. As long as there is none, the frame goes on beyond the bytes at hand, which is not an
/// error: the reader will fetch more.
#[test]
fn s01p1_a_frame_ends_at_its_newline() {
    for offset in 0..16 {
        let frame = line(offset, &record(Offset(offset)));
        for behind in [&b""[..], b"{\"offset\":", b"\n\n", b"\0\xff"] {
            let found = JsonLines.frame_len(&[&frame, behind].concat()).expect("a frame starts here");
            assert_eq!(found, Some(frame.len()), "the frame of record {offset}, in front of {behind:?}");
        }
        for cut in [0, 1, 2, frame.len() / 2, frame.len() - 1] {
            let found = JsonLines.frame_len(&frame[..cut]).expect("no byte of it is wrong");
            assert_eq!(found, None, "the first {cut} bytes of record {offset}");
        }
    }
}

/// A file that is not a log is refused at its first byte, before anybody reads megabytes in search of a newline.
#[test]
fn s01p1_what_does_not_start_like_a_line_is_refused_at_its_first_byte() {
    for bytes in [&b"x"[..], b"\n", b" {\"offset\":0", b"\0", b"\0\0\0\n", b"[1]\n"] {
        match JsonLines.frame_len(bytes) {
            Err(FormatError::BadStart { expected: '{', found }) => assert_eq!(found, bytes[0]),
            other => panic!("expected BadStart for {:?}, got {other:?}", bytes.escape_ascii().to_string()),
        }
    }
}

/// Our writer gives each key and value exactly one of its two names. A line that has both, or no value, or Base64 that
/// is none, was made by somebody else: it is an error that names the field, and never a guess.
#[test]
fn s01p1_a_line_that_our_writer_never_makes_is_an_error() {
    let bad = [
        ("{\"offset\":1,\"timestamp_ms\":0}\n", "neither `value` nor `value_base64`"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"key\":\"k\"}\n", "neither `value` nor `value_base64`"),
        (
            "{\"offset\":1,\"timestamp_ms\":0,\"value\":\"x\",\"value_base64\":\"eA==\"}\n",
            "both `value` and `value_base64`",
        ),
        (
            "{\"offset\":1,\"timestamp_ms\":0,\"key\":\"\",\"key_base64\":\"\",\"value\":\"x\"}\n",
            "both `key` and `key_base64`",
        ),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value_base64\":\"not base64\"}\n", "`value_base64` is not Base64"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value_base64\":\"eA\"}\n", "`value_base64` is not Base64"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"key_base64\":\"/\",\"value\":\"\"}\n", "`key_base64` is not Base64"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value\":\"x\",\"headers\":[]}\n", "headers"),
        ("{\"offset\":1,\"timestamp_ms\":0,\"value\":\"x\"}}\n", "column"),
        ("{\"offset\":1,\"value\":\"x\"}\n", "timestamp_ms"),
    ];
    for (line, named) in bad {
        match JsonLines.decode(line.as_bytes()) {
            Err(FormatError::Malformed(what)) => assert!(what.contains(named), "{line}expected “{named}” in: {what}"),
            other => panic!("expected a malformed line, got {other:?} out of {line}"),
        }
    }
}

/// The name of a field says what its text is, and not the other way round. Base64 of bytes that are text is not what
/// our writer makes, but its meaning is plain, so it is read.
#[test]
fn s01p1_base64_of_text_is_read() {
    let (offset, record) = JsonLines
        .decode(b"{\"offset\":1,\"timestamp_ms\":0,\"key_base64\":\"\",\"value_base64\":\"eA==\"}\n")
        .expect("a line with one value");
    assert_eq!((offset, record), (Offset(1), Record::new(0, &b"x"[..]).with_key(&b""[..])));
}
