//! Part 1: a frame's header, and the two checksums. The bytes here are made without the code of the stage.

use stage05::frame::{BATCH_BYTES_MAX, FRAME_HEADER_BYTES, FrameHeader, HAS_GAPS, IS_BATCH};
use stage05::{FormatError, Offset};

const SALT: u64 = 0x5a17_0000_1234_5678;
const POSITION: u64 = 8192;
const BODY: &[u8] = b"the records of a frame";

/// A header for `BODY`, with a number in each field.
fn header() -> FrameHeader {
    let mut header = FrameHeader {
        body_bytes: BODY.len() as u32,
        base_offset: Offset(1000),
        count: 2,
        epoch: 3,
        synced_through: Offset(990),
        base_timestamp_ms: 1_700_000_000_000,
        max_timestamp_ms: 1_700_000_000_007,
        attributes: 0,
        body_crc: 0,
    };
    header.body_crc = body_crc(&header, BODY);
    header
}

/// The body's checksum as the format has it.
fn body_crc(header: &FrameHeader, body: &[u8]) -> u32 {
    let mut covered = header.count.to_le_bytes().to_vec();
    covered.extend(header.base_timestamp_ms.to_le_bytes());
    covered.extend(header.max_timestamp_ms.to_le_bytes());
    covered.extend(header.attributes.to_le_bytes());
    covered.extend(body);
    crc32fast::hash(&covered)
}

/// The header's bytes as the format has them.
fn bytes_of(header: &FrameHeader, salt: u64, position: u64) -> [u8; FRAME_HEADER_BYTES] {
    let mut fields = header.body_bytes.to_le_bytes().to_vec();
    fields.extend(header.base_offset.0.to_le_bytes());
    fields.extend(header.count.to_le_bytes());
    fields.extend(header.epoch.to_le_bytes());
    fields.extend(header.synced_through.0.to_le_bytes());
    fields.extend(header.base_timestamp_ms.to_le_bytes());
    fields.extend(header.max_timestamp_ms.to_le_bytes());
    fields.extend(header.attributes.to_le_bytes());
    fields.extend(header.body_crc.to_le_bytes());
    let covered = [&fields[..], &salt.to_le_bytes(), &position.to_le_bytes()].concat();
    let bytes = [&crc32fast::hash(&covered).to_le_bytes()[..], &fields].concat();
    bytes.try_into().expect("the fields of a header are 52 bytes")
}

/// What is read at a frame's place is what was written there, field by field.
#[test]
fn s05p1_a_header_comes_back_from_where_it_was_written() {
    for (salt, position) in [(SALT, POSITION), (0, 4096), (u64::MAX, u64::MAX - 7)] {
        let bytes = bytes_of(&header(), salt, position);
        assert_eq!(FrameHeader::decode(&bytes, salt, position).expect("a good header"), header());
        assert_eq!(header().encode(salt, position), bytes, "the bytes of the header at {position}");
    }
}

/// A header that lies where it was not written is none: a block of another file, an old one, or a log in a value. The
/// salt and the position are in no field, and the checksum covers both.
#[test]
fn s05p1_a_header_from_elsewhere_is_none() {
    let bytes = bytes_of(&header(), SALT, POSITION);
    for (salt, position) in [(SALT + 1, POSITION), (SALT ^ 1 << 63, POSITION), (SALT, POSITION + 8), (SALT, 0)] {
        let found = FrameHeader::decode(&bytes, salt, position);
        assert!(matches!(found, Err(FormatError::HeaderChecksum { .. })), "salt {salt:x}, at {position}: {found:?}");
    }
}

/// No flipped bit of a header passes, and it is the checksum that says so: no field is looked at before that.
#[test]
fn s05p1_no_flipped_bit_of_a_header_passes() {
    let good = bytes_of(&header(), SALT, POSITION);
    for bit in 0..FRAME_HEADER_BYTES * 8 {
        let mut bytes = good;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let said = u32::from_le_bytes(bytes[..4].try_into().unwrap());
        match FrameHeader::decode(&bytes, SALT, POSITION) {
            Err(FormatError::HeaderChecksum { expected, found }) => {
                assert!(expected == said && found != said, "bit {bit}: expected {expected:#x}, found {found:#x}");
            }
            other => panic!("bit {} of byte {}: a checksum that does not fit, not {other:?}", bit % 8, bit / 8),
        }
    }
}

/// Zeros are the end of what was written, and have an answer of their own. One bit that is set, and they are damage.
#[test]
fn s05p1_a_header_of_zeros_is_the_end_and_no_frame() {
    let mut bytes = [0; FRAME_HEADER_BYTES];
    let found = FrameHeader::decode(&bytes, SALT, POSITION);
    assert!(matches!(found, Err(FormatError::Zeros)), "a header of zeros: {found:?}");
    bytes[FRAME_HEADER_BYTES - 1] = 0x80;
    let found = FrameHeader::decode(&bytes, SALT, POSITION);
    assert!(matches!(found, Err(FormatError::HeaderChecksum { .. })), "one bit is set: {found:?}");
}

/// A right checksum makes nothing possible that is impossible. A body of nothing or of gigabytes, more records than
/// there is room for, attributes of another version: all of them are refused, and what is just within the limits is not.
#[test]
fn s05p1_what_no_writer_writes_is_refused_under_a_right_checksum() {
    let decoded = |header: FrameHeader| FrameHeader::decode(&bytes_of(&header, SALT, POSITION), SALT, POSITION);
    for bytes in [0, BATCH_BYTES_MAX as u32 + 1, u32::MAX] {
        let found = decoded(FrameHeader { body_bytes: bytes, count: 1, ..header() });
        let is_refused = matches!(found, Err(FormatError::ImpossibleLength { bytes: said, bytes_max })
            if said == u64::from(bytes) && bytes_max == BATCH_BYTES_MAX as u64);
        assert!(is_refused, "a body of {bytes} bytes: {found:?}");
    }
    let all = HAS_GAPS | IS_BATCH;
    for attributes in [all, 4, 1 << 31] {
        match decoded(FrameHeader { attributes, ..header() }) {
            Err(FormatError::UnknownAttributes { found, known }) => assert_eq!((found, known), (attributes, all)),
            other => panic!("attributes {attributes:#x}: {other:?}"),
        }
    }
    // Three times the last of these counts is 2, if nobody looks at the bits that are lost.
    let counts = [(30, 0, 5), (30, 11, 5), (2, 1, 5), (30, 10, u64::MAX - 9), (30, u32::MAX, 5), (30, 0x5555_5556, 5)];
    for (bytes, count, base) in counts {
        let found = decoded(FrameHeader { body_bytes: bytes, count, base_offset: Offset(base), ..header() });
        let is_refused = matches!(found, Err(FormatError::ImpossibleCount { count: said, .. }) if said == count);
        assert!(is_refused, "{count} records from {base} on in {bytes} bytes: {found:?}");
    }
    for (bytes, count, base) in [(30, 10, 5), (3, 1, 0), (BATCH_BYTES_MAX as u32, 1, 5), (30, 10, u64::MAX - 10)] {
        let good = FrameHeader { body_bytes: bytes, count, base_offset: Offset(base), ..header() };
        assert_eq!(decoded(good).unwrap_or_else(|e| panic!("{good:?}: {e}")), good);
    }
    let with_gaps = FrameHeader { attributes: HAS_GAPS, ..header() };
    assert_eq!(decoded(with_gaps).expect("gaps are known"), with_gaps);
    let batch = FrameHeader { attributes: IS_BATCH, body_bytes: 30, count: 1000, ..header() };
    assert_eq!(decoded(batch).expect("the records of a batch may be compressed"), batch);
}

/// A frame that is longer than what is left of the file is refused before anybody asks for its bytes.
#[test]
fn s05p1_a_frame_fits_into_what_is_left_of_the_file_or_is_refused() {
    for (body_bytes, frame_bytes) in
        [(1, 64), (8, 64), (9, 72), (22, 80), (BATCH_BYTES_MAX as u32, 8 * 1024 * 1024 + 56)]
    {
        let header = FrameHeader { body_bytes, ..header() };
        header.check_fits(frame_bytes).unwrap_or_else(|e| panic!("{body_bytes} bytes fit into {frame_bytes}: {e}"));
        header.check_fits(u64::MAX).unwrap_or_else(|e| panic!("{body_bytes} bytes fit anywhere: {e}"));
        for left in [frame_bytes - 1, 56, 55, 0] {
            match header.check_fits(left) {
                Err(FormatError::ImpossibleLength { bytes, bytes_max }) => {
                    assert_eq!(
                        (bytes, bytes_max),
                        (body_bytes.into(), left.saturating_sub(56)),
                        "{left} bytes are left"
                    );
                }
                other => panic!("a body of {body_bytes} bytes in {left}: {other:?}"),
            }
        }
    }
}

/// The body that was written passes. One with a flipped bit does not, nor one with anything but zeros behind it.
#[test]
fn s05p1_a_body_that_is_not_the_one_that_was_written_is_refused() {
    let header = header();
    let padded = [BODY, &[0, 0]].concat();
    header.check_body(&padded).expect("the body that was written");
    header.check_body(BODY).expect("the same without its padding");
    for bit in 0..BODY.len() * 8 {
        let mut bytes = padded.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = header.check_body(&bytes);
        let said = header.body_crc;
        let is_refused =
            matches!(found, Err(FormatError::BodyChecksum { expected, found }) if expected == said && found != said);
        assert!(is_refused, "bit {bit}: {found:?}");
    }
    let found = header.check_body(&[BODY, &[0, 7]].concat());
    assert!(matches!(found, Err(FormatError::Padding { found: 7 })), "a 7 behind the body: {found:?}");
}

/// The body's checksum is the producer's: it covers what the producer said. What the log stamps on later (where in the
/// log, when synced, under whom) changes nothing, so that a follower need not compute it again.
#[test]
fn s05p1_the_body_checksum_covers_what_the_producer_said_and_nothing_else() {
    let whole = header();
    let crc = whole.body_crc_of(BODY);
    assert_eq!(crc, whole.body_crc, "the checksum over count, both timestamps, attributes and body");
    for covered in [
        FrameHeader { count: 3, ..whole },
        FrameHeader { base_timestamp_ms: 1, ..whole },
        FrameHeader { max_timestamp_ms: 1, ..whole },
        FrameHeader { attributes: HAS_GAPS, ..whole },
    ] {
        assert_ne!(covered.body_crc_of(BODY), crc, "{covered:?} says something else to a reader of the body");
    }
    for stamped in [
        FrameHeader { base_offset: Offset(7), ..whole },
        FrameHeader { epoch: 7, ..whole },
        FrameHeader { synced_through: Offset(7), ..whole },
        FrameHeader { body_crc: 7, ..whole },
    ] {
        assert_eq!(stamped.body_crc_of(BODY), crc, "{stamped:?} has the same body");
    }
}
