//! Part 2: numbers in few bytes, and the records of a body.

use lab::records::{record, records};
use lab::sim::SimDisk;
use stage05::body::{BodyCursor, put_record};
use stage05::encoder::Encoder;
use stage05::frame::{FrameHeader, HAS_GAPS};
use stage05::frame_scan::FrameScan;
use stage05::varint::{put, take, unzigzag, zigzag};
use stage05::{Access, FormatError, Offset, Place, Record, Scan};

/// Numbers, and the bytes that stand for them.
const NUMBERS: [(u64, &[u8]); 9] = [
    (0, &[0]),
    (1, &[1]),
    (127, &[0x7f]),
    (128, &[0x80, 0x01]),
    (300, &[0xac, 0x02]),
    (16_383, &[0xff, 0x7f]),
    (16_384, &[0x80, 0x80, 0x01]),
    (1 << 63, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
    (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
];

/// Seven bits in each byte, the lowest first, and the top bit where more follow. Other programs read these bytes.
#[test]
fn s05p2_a_number_takes_the_bytes_that_it_needs() {
    for (number, bytes) in NUMBERS {
        let mut out = vec![0xee];
        put(number, &mut out);
        assert_eq!(out, [&[0xee], bytes].concat(), "the bytes of {number}, behind what was there");
    }
}

/// A number comes back, and the place moves behind it. One that breaks off, or that needs more than 64 bits, is none:
/// the bytes may be anybody's.
#[test]
fn s05p2_a_number_comes_back_or_is_none() {
    for (number, bytes) in NUMBERS.into_iter().rev() {
        let (row, mut at) = ([&[0xee], bytes, &[0xee]].concat(), 1);
        assert_eq!((take(&row, &mut at), at), (Some(number), 1 + bytes.len()), "{bytes:x?}");
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(take(cut, &mut 0), None, "{number} without its last byte: {cut:x?}");
    }
    let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(take(&over, &mut 0), None, "a number of 65 bits");
    assert_eq!(take(&[0x80; 11], &mut 0), None, "a number that goes on and on");
    assert_eq!(take(&[0x80; 11][..10], &mut 0), None, "ten bytes, and more to follow");
}

/// Two timestamps are near each other, on either side. So differences near 0 are small numbers, negative ones too.
#[test]
fn s05p2_a_difference_near_zero_is_a_small_number() {
    let pairs = [(0, 0), (-1, 1), (1, 2), (-2, 3), (2, 4), (-64, 127), (64, 128), (i64::MAX, u64::MAX - 1)];
    for (difference, number) in pairs.into_iter().chain([(i64::MIN, u64::MAX)]) {
        assert_eq!(zigzag(difference), number, "{difference}");
        assert_eq!(unzigzag(number), difference, "{number}");
    }
}

/// The bytes of single records, as the format has them. No key is another thing than an empty one.
#[test]
fn s05p2_a_record_lies_in_a_body_as_the_format_says() {
    let value = || Record::new(1000, b"abc".to_vec());
    let cases = [
        (None, value(), &[0, 0, 3, b'a', b'b', b'c'][..]),
        (None, Record::new(998, b"".to_vec()), &[3, 0, 0]),
        (None, Record::new(1064, b"".to_vec()).with_key(b"".to_vec()), &[0x80, 1, 1, 0]),
        (Some(0), value().with_key(b"k".to_vec()), &[0, 0, 2, b'k', 3, b'a', b'b', b'c']),
        (Some(300), value(), &[0xac, 2, 0, 0, 3, b'a', b'b', b'c']),
    ];
    for (gap, record, bytes) in cases {
        let mut body = vec![0xee];
        put_record(gap, 1000, &record, &mut body);
        assert_eq!(body, [&[0xee], bytes].concat(), "{record:?} with the gap {gap:?}, behind what was there");
    }
}

fn header(count: u32, attributes: u32) -> FrameHeader {
    FrameHeader {
        body_bytes: 0,
        base_offset: Offset(1000),
        count,
        epoch: 0,
        synced_through: Offset(0),
        base_timestamp_ms: 1000,
        max_timestamp_ms: 0,
        attributes,
        body_crc: 0,
    }
}

/// All records of a body, or what the cursor complains about.
fn read(header: &FrameHeader, body: &[u8], end: Offset) -> Result<Vec<(Offset, Record<'static>)>, FormatError> {
    let mut cursor = BodyCursor::new(header).up_to(end);
    let mut found = Vec::new();
    while let Some((offset, record)) = cursor.next(body)? {
        found.push((offset, record.into_owned()));
    }
    Ok(found)
}

/// Whatever a record holds, it comes back: any bytes, with and without a key, at the ends of time.
#[test]
fn s05p2_records_come_back_whatever_they_hold() {
    let mut all = records(Offset(1000), 30);
    all.push(Record::new(0, vec![0; 300]).with_key(Vec::new()));
    all.push(Record::new(u64::MAX, Vec::new()).with_key(vec![0xff; 200]));
    all.push(Record::new(1 << 63, b"x".to_vec()));
    let mut body = Vec::new();
    all.iter().for_each(|record| put_record(None, 1000, record, &mut body));
    let found = read(&header(all.len() as u32, 0), &body, Offset(u64::MAX)).expect("the records that were put in");
    let expected: Vec<_> = (1000..).map(Offset).zip(all).collect();
    assert_eq!(found, expected);
}

/// A body whose checksum fits may still be another program's. Lengths that lie, numbers that do not end: an error each
/// time, never a panic, and never a record that was not there.
#[test]
fn s05p2_a_body_that_holds_no_records_is_refused() {
    let mut body = Vec::new();
    let whole = records(Offset(1000), 3);
    whole.iter().for_each(|record| put_record(None, 1000, record, &mut body));
    for bytes in 0..body.len() {
        let found = read(&header(3, 0), &body[..bytes], Offset(u64::MAX));
        assert!(matches!(found, Err(FormatError::Malformed(_))), "{bytes} bytes of {}: {found:?}", body.len());
    }
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let lies = [
        [&[0], &most[..], &[0; 20]].concat(),
        [&[0, 0], &most[..], &[0; 20]].concat(),
        [&[0, 0xff, 0xff, 0xff, 0xff, 0x0f], &[0; 20][..]].concat(),
        vec![0, 0, 2, b'x'],
        vec![0, 3, b'x'],
        vec![0, 0, 0, 0xee],
    ];
    for lie in lies {
        let found = read(&header(1, 0), &lie, Offset(u64::MAX));
        assert!(matches!(found, Err(FormatError::Malformed(_))), "{lie:x?}: {found:?}");
    }
}

/// In a frame that was rewritten each record says how far it is from the one before. The first is 0 away from the
/// frame's own offset, all others at least 1, and none reaches the end that the log knows.
#[test]
fn s05p2_offsets_with_gaps_ascend_and_stay_in_front_of_the_end() {
    let body_of = |gaps: &[u64]| {
        let mut body = Vec::new();
        gaps.iter().for_each(|gap| put_record(Some(*gap), 1000, &record(Offset(4)), &mut body));
        (header(gaps.len() as u32, HAS_GAPS), body)
    };
    let (header, body) = body_of(&[0, 1, 7, 300]);
    let found = read(&header, &body, Offset(1309)).expect("offsets that ascend");
    let offsets: Vec<u64> = found.iter().map(|(offset, _)| offset.0).collect();
    assert_eq!(offsets, [1000, 1001, 1008, 1308]);
    for (gaps, end) in [(&[1, 1][..], u64::MAX), (&[0, 0], u64::MAX), (&[0, u64::MAX], u64::MAX), (&[0, 9], 1009)] {
        let (header, body) = body_of(gaps);
        let found = read(&header, &body, Offset(end));
        assert!(matches!(found, Err(FormatError::Malformed(_))), "gaps {gaps:?} in front of {end}: {found:?}");
    }
}

/// The whole way: an append is encoded into frames, and a scan that starts at any of them gives the records back.
#[test]
fn s05p2_what_an_append_encodes_a_scan_gives_back() {
    const SALT: u64 = 77;
    let (all, start) = (records(Offset(1000), 100), Place { offset: Offset(1000), position: 4096 });
    let mut encoder = Encoder::default();
    let end = encoder.encode(start, SALT, Offset(1000), &all);
    let file = [&[0; 4096], encoder.bytes()].concat();
    assert!(encoder.starts().len() > 3, "{} frames", encoder.starts().len());
    let sim = SimDisk::with_files([("frames", &file[..])]);
    for first in encoder.starts() {
        let file = sim.disk().open("frames", Access::Read).unwrap();
        let mut scan = FrameScan::new(file, SALT, *first, end.position, 100).up_to(end.offset);
        for offset in (first.offset.0..1100).map(Offset) {
            let entry = scan.next().unwrap_or_else(|e| panic!("record {offset}: {e}")).expect("a record");
            assert_eq!((entry.offset, entry.record), (offset, record(offset)), "a scan from {first:?}");
        }
        assert_eq!(scan.next().expect("no error at the end"), None, "a scan from {first:?}");
    }
}
