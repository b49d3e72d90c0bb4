//! Record batches: what is taken, what is refused, and what is stamped.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use proptest::prelude::*;
use stage06::Offset;
use stage06::batch::Sequence;
use stage06::ids::LeaderEpoch;
use stage06::tablet_log::sequence::sequence_of;
use stage06::wire::batch_check::{BATCH_BYTES_MAX, fetched_batches, new_batch};
use stage06::wire::batch_error::BatchError;
use stage06::wire::record_batch::{HEADER_BYTES, Header, stamp};
use stage06::wire::records::first_since;

fn varint(value: i64, out: &mut Vec<u8>) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

/// A batch of values, a record each, a millisecond apart.
pub(crate) fn batch(values: &[&[u8]], timestamp: i64) -> Vec<u8> {
    let mut records = Vec::new();
    for (at, value) in (0_i64..).zip(values) {
        let mut record = vec![0];
        varint(at, &mut record);
        varint(at, &mut record);
        varint(-1, &mut record);
        varint(value.len() as i64, &mut record);
        record.extend_from_slice(value);
        varint(0, &mut record);
        varint(record.len() as i64, &mut records);
        records.extend_from_slice(&record);
    }
    let last = values.len() as i32 - 1;
    let mut batch = vec![0; HEADER_BYTES];
    batch.extend_from_slice(&records);
    let length = batch.len() as i32 - 12;
    put(&mut batch, 8, &length.to_be_bytes());
    put(&mut batch, 12, &(-1_i32).to_be_bytes());
    put(&mut batch, 16, &[2]);
    put(&mut batch, 23, &last.to_be_bytes());
    put(&mut batch, 27, &timestamp.to_be_bytes());
    put(&mut batch, 35, &(timestamp + i64::from(last)).to_be_bytes());
    put(&mut batch, 43, &(-1_i64).to_be_bytes());
    put(&mut batch, 51, &(-1_i16).to_be_bytes());
    put(&mut batch, 53, &(-1_i32).to_be_bytes());
    put(&mut batch, 57, &(last + 1).to_be_bytes());
    seal(&mut batch);
    batch
}

fn put(batch: &mut [u8], at: usize, bytes: &[u8]) {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Makes the checksum right, whatever the batch says.
fn seal(batch: &mut [u8]) {
    let crc = crc32c(&batch[21..]);
    put(batch, 17, &crc.to_be_bytes());
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn three() -> Vec<u8> {
    batch(&[b"one", b"two", b"three"], 1_000)
}

/// What a batch is refused for that says something else at one place, with the right checksum.
fn refused_for(at: usize, bytes: &[u8]) -> BatchError {
    let mut batch = three();
    put(&mut batch, at, bytes);
    seal(&mut batch);
    new_batch(Some(batch.into())).expect_err("it is refused")
}

#[test]
fn a_batch_is_taken_as_it_says_it_is() {
    let taken = new_batch(Some(three().into())).unwrap();
    assert_eq!((taken.count, taken.base_timestamp_ms, taken.max_timestamp_ms), (3, 1_000, 1_002));
    assert_eq!(taken.sequence, None);
    let mut unstamped = three();
    put(&mut unstamped, 12, &[0; 4]);
    assert_eq!(taken.body, unstamped, "all but the stamps is as it came");
}

#[test]
fn each_bit_that_is_not_what_the_producer_sent_is_seen() {
    let sound = three();
    for at in (8 * 8..8 * 12).chain(8 * 16..8 * sound.len()) {
        let mut batch = sound.clone();
        batch[at / 8] ^= 1 << (at % 8);
        let refused = new_batch(Some(batch.into())).expect_err("it is refused");
        let code = refused.code();
        assert!(
            matches!(
                code,
                ResponseError::CorruptMessage
                    | ResponseError::InvalidRecord
                    | ResponseError::UnsupportedForMessageFormat
            ),
            "bit {at}: {refused}"
        );
    }
}

#[test]
fn what_a_batch_says_has_to_be_possible() {
    let count = |count: i32| refused_for(57, &count.to_be_bytes());
    assert_eq!(count(0).code(), ResponseError::InvalidRecord);
    assert_eq!(count(2).code(), ResponseError::InvalidRecord);
    assert_eq!(count(-1).code(), ResponseError::InvalidRecord);
    assert!(matches!(refused_for(23, &7_i32.to_be_bytes()), BatchError::Count { last_offset_delta: 7, .. }));
    assert!(matches!(refused_for(23, &i32::MAX.to_be_bytes()), BatchError::Count { .. }));
    assert_eq!(refused_for(16, &[1]).code(), ResponseError::UnsupportedForMessageFormat);
    assert_eq!(refused_for(21, &5_u16.to_be_bytes()).code(), ResponseError::UnsupportedCompressionType);
    assert!(matches!(refused_for(21, &(1_u16 << 4).to_be_bytes()), BatchError::Attributes { .. }), "transactional");
    assert!(matches!(refused_for(21, &(1_u16 << 5).to_be_bytes()), BatchError::Attributes { .. }), "control");
    assert_eq!(refused_for(21, &(1_u16 << 3).to_be_bytes()).code(), ResponseError::InvalidTimestamp);
    assert_eq!(refused_for(27, &(-2_i64).to_be_bytes()).code(), ResponseError::InvalidTimestamp);
    assert!(matches!(
        refused_for(43, &5_i64.to_be_bytes()),
        BatchError::Sequence { producer: 5, epoch: -1, first: -1 }
    ));
    assert!(matches!(refused_for(8, &(-13_i32).to_be_bytes()), BatchError::Truncated { .. }));
    assert!(matches!(refused_for(8, &i32::MAX.to_be_bytes()), BatchError::Truncated { .. }));
}

#[test]
fn records_have_to_be_whole_and_in_order() {
    // The first record: its length, attributes, timestamp, offset, key, value.
    let record = |at: usize, byte: u8| refused_for(HEADER_BYTES + at, &[byte]);
    assert!(matches!(record(3, 2), BatchError::Record { record: 0, what: "its offset is not the next one", .. }));
    assert!(matches!(record(0, 2), BatchError::Record { record: 0, .. }), "shorter than what is in it");
    assert!(matches!(record(5, 126), BatchError::Record { record: 0, what: "it ends early", .. }), "a longer value");
    assert!(matches!(record(4, 3), BatchError::Record { record: 0, .. }), "a key of -2 bytes");
    let mut batch = three();
    batch.push(0);
    let length = batch.len() as i32 - 12;
    put(&mut batch, 8, &length.to_be_bytes());
    seal(&mut batch);
    let refused = new_batch(Some(batch.into())).unwrap_err();
    assert!(matches!(refused, BatchError::Record { record: 3, .. }), "{refused}");
}

#[test]
fn one_batch_a_partition_is_taken_no_less_and_no_more() {
    let code = |records: Option<Bytes>| new_batch(records).unwrap_err().code();
    assert_eq!(code(None), ResponseError::InvalidRecord);
    assert_eq!(code(Some(Bytes::new())), ResponseError::InvalidRecord);
    assert_eq!(code(Some([three(), three()].concat().into())), ResponseError::InvalidRecord);
    assert_eq!(code(Some(three()[..40].to_vec().into())), ResponseError::CorruptMessage);
    let large = batch(&[&vec![7; BATCH_BYTES_MAX]], 1);
    assert_eq!(code(Some(large.into())), ResponseError::MessageTooLarge);
    let fits = batch(&[&vec![7; 1024 * 1024 - HEADER_BYTES - 20]], 1);
    assert!(new_batch(Some(fits.into())).is_ok());
}

#[test]
fn a_producer_that_counts_is_known_by_its_number() {
    let mut counted = three();
    put(&mut counted, 43, &9_i64.to_be_bytes());
    put(&mut counted, 51, &2_i16.to_be_bytes());
    put(&mut counted, 53, &100_i32.to_be_bytes());
    seal(&mut counted);
    let sequence = Sequence { producer: 9, epoch: 2, first: 100 };
    assert_eq!(new_batch(Some(counted.clone().into())).unwrap().sequence, Some(sequence));
    assert_eq!(sequence_of(&counted), Some(sequence));
    assert_eq!(sequence_of(&three()), None);
    assert_eq!(sequence_of(&counted[..counted.len() - 1]), None, "not a whole batch");
}

#[test]
fn batches_of_a_leader_are_stamped_and_go_on_one_after_the_other() {
    let (first, second) =
        (new_batch(Some(three().into())).unwrap(), new_batch(Some(batch(&[b"x"], 7).into())).unwrap());
    let mut served = BytesMut::new();
    stamp(&first.body, Offset(40), LeaderEpoch(3), &mut served);
    stamp(&second.body, Offset(43), LeaderEpoch(4), &mut served);
    let header = Header::read(&served).unwrap();
    assert_eq!((header.base_offset, header.epoch), (40, 3));
    let served = served.freeze();
    let batches = fetched_batches(served.clone(), Offset(40)).unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!((batches[0].base_offset, batches[0].epoch, batches[0].count), (Offset(40), LeaderEpoch(3), 3));
    assert_eq!((batches[1].base_offset, batches[1].epoch, batches[1].count), (Offset(43), LeaderEpoch(4), 1));
    assert_eq!([&batches[0].body, &batches[1].body], [&first.body, &second.body], "all logs have the same bytes");
    let refused = fetched_batches(served.clone(), Offset(41)).unwrap_err();
    assert!(matches!(refused, BatchError::Order { expected: 41, found: 40 }), "{refused}");
    for length in 1..served.len() {
        let cut = fetched_batches(served.slice(..length), Offset(40));
        assert!(cut.map_or(true, |batches| batches.len() == 1), "cut at {length}");
    }
}

#[test]
fn the_first_record_of_a_time_is_found_in_a_batch() {
    assert_eq!(first_since(&three(), 0), Some((0, 1_000)));
    assert_eq!(first_since(&three(), 1_001), Some((1, 1_001)));
    assert_eq!(first_since(&three(), 1_003), None);
}

proptest! {
    #[test]
    fn no_bytes_are_a_batch_that_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = sequence_of(&bytes);
        let _ = first_since(&bytes, 5);
        let _ = fetched_batches(bytes.clone().into(), Offset(0));
        let _ = new_batch(Some(bytes.into()));
    }

    #[test]
    fn no_records_make_it_panic_that_the_checksum_covers(records in prop::collection::vec(any::<u8>(), 0..100), count in 0..20_i32) {
        let mut batch = three();
        batch.truncate(HEADER_BYTES);
        batch.extend_from_slice(&records);
        let length = batch.len() as i32 - 12;
        put(&mut batch, 8, &length.to_be_bytes());
        put(&mut batch, 23, &(count - 1).to_be_bytes());
        put(&mut batch, 57, &count.to_be_bytes());
        seal(&mut batch);
        let _ = first_since(&batch, 1_001);
        let _ = new_batch(Some(batch.into()));
    }
}
