//! What is written into `__consumer_offsets`.

use bytes::Bytes;
use stage05::Offset;
use stage06::batch::Batch;
use stage06::groups::batch::{decode, encode};
use stage06::groups::record::{Committed, OffsetRecord, Slot};
use stage06::ids::LeaderEpoch;

fn slot() -> Slot {
    Slot { group: "g".into(), topic: "t".into(), partition: 3 }
}

fn committed() -> Committed {
    Committed { offset: 150, leader_epoch: -1, note: "with \"quotes\"".into(), at_ms: 1_700_000_000_000 }
}

fn all() -> Vec<OffsetRecord> {
    vec![
        OffsetRecord::Committed(slot(), committed()),
        OffsetRecord::Expired(slot()),
        OffsetRecord::CheckpointBegins,
        OffsetRecord::Kept(slot(), Committed { leader_epoch: 7, ..committed() }),
        OffsetRecord::CheckpointComplete(1),
    ]
}

fn batch(count: u32, body: Bytes) -> Batch {
    let (base_offset, epoch) = (Offset(40), LeaderEpoch(2));
    Batch { base_offset, epoch, count, base_timestamp_ms: 0, max_timestamp_ms: 0, sequence: None, body }
}

#[test]
fn every_record_comes_back_as_it_was() {
    let new = encode(&all(), LeaderEpoch(2), 17).expect("records");
    assert_eq!((new.count, new.base_timestamp_ms, new.max_timestamp_ms, new.sequence), (5, 17, 17, None));
    assert_eq!(decode(&batch(5, new.body)).expect("the records"), all());
}

#[test]
fn records_of_a_coordinator_that_did_not_lead_any_more_are_passed_over() {
    let body = encode(&all(), LeaderEpoch(1), 17).expect("records").body;
    assert_eq!(decode(&batch(5, body)).expect("a batch"), []);
}

#[test]
fn records_can_be_read_by_eye() {
    let texts = all();
    let texts = texts.iter().map(|record| {
        let (key, value) = record.to_bytes();
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).expect("text");
        (text(key), value.map(text))
    });
    let slot = r#"{"group":"g","topic":"t","partition":3}"#;
    let offset = |kind: &str, epoch: i32| {
        let rest = r#""note":"with \"quotes\"","at_ms":1700000000000}}"#;
        format!(r#"{{"v":1,"{kind}":{{"offset":150,"leader_epoch":{epoch},{rest}"#)
    };
    let expected = [
        (slot, Some(offset("committed", -1))),
        (slot, None),
        (r#""checkpoint""#, Some(r#"{"v":1,"begins":null}"#.to_string())),
        (slot, Some(offset("kept", 7))),
        (r#""checkpoint""#, Some(r#"{"v":1,"complete":1}"#.to_string())),
    ];
    assert_eq!(texts.collect::<Vec<_>>(), expected.map(|(key, value)| (key.to_string(), value)));
}

#[test]
fn a_batch_is_one_of_kafkas() {
    let body = encode(&all(), LeaderEpoch(2), 17).expect("records").body;
    assert_eq!(body[8..12], (body.len() as i32 - 12).to_be_bytes(), "its length");
    assert_eq!(body[16], 2, "its format");
    assert_eq!(body[17..21], crc32c::crc32c(&body[21..]).to_be_bytes(), "its checksum");
    assert_eq!(body[21..23], [0, 0], "no compression, no transaction");
    assert_eq!(body[23..27], 4_i32.to_be_bytes(), "its last offset, from the first on");
    assert_eq!(body[43..57], [[0xff; 8].as_slice(), &[0xff; 2], &[0xff; 4]].concat(), "no producer that counts");
    assert_eq!(body[57..61], 5_i32.to_be_bytes(), "its records");
    assert!(encode(&[], LeaderEpoch(2), 17).is_none());
}

#[test]
fn what_is_no_record_of_these_is_refused_and_says_where_and_why() {
    let refused = |count: u32, body: Bytes| decode(&batch(count, body)).expect_err("damage").to_string();
    let body = encode(&all(), LeaderEpoch(2), 17).expect("records").body;
    for at in 16..body.len() {
        let mut flipped = body.to_vec();
        flipped[at] ^= 1;
        let what = refused(5, flipped.into());
        assert!(what.starts_with("the batch at offset 40 of the committed offsets: "), "byte {at}: {what}");
    }
    (0..body.len()).for_each(|cut| drop(refused(5, body.slice(..cut))));
    assert!(refused(4, body).ends_with("5 records, where 4 are promised"));
}

/// A key, a value, and what is wrong with them.
type Case<'a> = (&'a [u8], Option<&'a [u8]>, &'a str);

#[test]
fn a_key_and_a_value_belong_together() {
    let slot = br#"{"group":"g","topic":"t","partition":3}"#.as_slice();
    let checkpoint = br#""checkpoint""#.as_slice();
    let committed = br#"{"v":1,"committed":{"offset":1,"leader_epoch":0,"note":"","at_ms":0}}"#.as_slice();
    let of_tomorrow = br#"{"v":2,"committed":{"offset":1,"leader_epoch":0,"note":"","at_ms":0}}"#.as_slice();
    let cases: [Case<'_>; 7] = [
        (b"", Some(committed), "the key: "),
        (b"\"another\"", Some(br#"{"v":1,"begins":null}"#), "do not belong together"),
        (checkpoint, Some(committed), "do not belong together"),
        (checkpoint, None, "do not belong together"),
        (slot, Some(br#"{"v":1,"complete":1}"#), "do not belong together"),
        (slot, Some(b"{}"), "the value: "),
        (slot, Some(of_tomorrow), "version 2, and this program reads version 1"),
    ];
    for (key, value, expected) in cases {
        let what = OffsetRecord::from_bytes(key, value).expect_err("no record");
        assert!(what.contains(expected), "{what}");
    }
}
