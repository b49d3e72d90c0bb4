//! What each operation does, one at a time.

use std::ops::Bound;

use crate::common::{content, open, segments};
use lab::sim::SimDisk;
use stage05::kv::{WriteBatch, WriteOptions};
use stage05::{Error, Offset, RECORD_BYTES_MAX};

/// A value is what was put last, and gone when the key is deleted; keys and values may be any bytes, none too.
#[test]
fn a_key_has_its_last_value_until_it_is_deleted() {
    let store = open(&SimDisk::new());
    assert_eq!(store.get(b"k"), None);
    assert_eq!(store.put(b"k", b"1").unwrap(), Offset(0));
    assert_eq!(store.put(b"k", b"\0\xff").unwrap(), Offset(1));
    assert_eq!(store.get(b"k").unwrap()[..], b"\0\xff"[..]);
    store.put(b"", b"").unwrap();
    assert_eq!(store.get(b"").unwrap()[..], b""[..]);
    store.delete(b"k").unwrap();
    store.delete(b"k").unwrap();
    assert_eq!(store.get(b"k"), None);
    assert_eq!(content(&store).len(), 1);
}

/// In a batch, a later write of a key wins; an empty batch changes nothing and takes an offset.
#[test]
fn a_batch_is_done_in_its_order() {
    let sim = SimDisk::new();
    let store = open(&sim);
    let mut batch = WriteBatch::new();
    batch.put(b"a", b"1").delete(b"a").put(b"b", b"1").put(b"b", b"2").delete(b"c").put(b"c", b"3");
    assert_eq!(batch.operations(), 6);
    store.write(batch, WriteOptions::default()).unwrap();
    assert_eq!(store.write(WriteBatch::new(), WriteOptions::default()).unwrap(), Offset(1));
    let expected = [(b"b".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"3".to_vec())].into();
    assert_eq!(content(&store), expected);
    drop(store);
    assert_eq!(content(&open(&sim)), expected);
}

/// A scan gives the keys of its range in order, at each kind of bound; a range that ends in front of its start is empty.
#[test]
fn a_scan_gives_its_range_in_order() {
    let store = open(&SimDisk::new());
    for key in ["b", "d", "a", "c", "ab"] {
        store.put(key.as_bytes(), b"").unwrap();
    }
    let keys = |from: Bound<&[u8]>, to: Bound<&[u8]>| -> Vec<String> {
        store.scan((from, to)).map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect()
    };
    use Bound::{Excluded, Included, Unbounded};
    assert_eq!(keys(Unbounded, Unbounded), ["a", "ab", "b", "c", "d"]);
    assert_eq!(keys(Included(b"ab"), Excluded(b"c")), ["ab", "b"]);
    assert_eq!(keys(Excluded(b"ab"), Included(b"c")), ["b", "c"]);
    assert_eq!(keys(Included(b"b"), Included(b"b")), ["b"]);
    assert_eq!(keys(Included(b"bb"), Unbounded), ["c", "d"]);
    for (from, to) in [
        (Included(&b"c"[..]), Included(&b"b"[..])),
        (Excluded(b"b"), Excluded(b"b")),
        (Excluded(b"b"), Included(b"b")),
        (Included(b"b"), Excluded(b"b")),
    ] {
        assert_eq!(keys(from, to), Vec::<String>::new(), "{from:?} to {to:?}");
    }
}

/// A scan goes on with what was there when it began.
#[test]
fn a_scan_does_not_see_what_is_written_while_it_runs() {
    let store = open(&SimDisk::new());
    for key in [b"a", b"b", b"c"] {
        store.put(key, b"old").unwrap();
    }
    let mut scan = store.scan(..);
    assert_eq!(scan.next().unwrap().0[..], b"a"[..]);
    store.put(b"b", b"new").unwrap();
    store.delete(b"c").unwrap();
    store.put(b"d", b"new").unwrap();
    let rest: Vec<_> = scan.map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    assert_eq!(rest, [(b"b".to_vec(), b"old".to_vec()), (b"c".to_vec(), b"old".to_vec())]);
    assert_eq!(content(&store).len(), 3);
}

/// A batch that no record can hold is refused, and the store goes on as if nothing had been asked.
#[test]
fn a_batch_that_is_too_large_is_refused() {
    let sim = SimDisk::new();
    let store = open(&sim);
    store.put(b"k", b"1").unwrap();
    let error = store.put(b"k", &vec![0; RECORD_BYTES_MAX]).expect_err("a batch over the limit");
    assert!(matches!(error, Error::RecordTooLarge { .. }), "{error}");
    assert_eq!(store.put(b"l", b"2").unwrap(), Offset(1));
    assert_eq!(store.get(b"k").unwrap()[..], b"1"[..]);
    store.checkpoint().unwrap();
    // The largest that goes: what it takes beside key and value is 15 bytes.
    store.put(b"k", &vec![7; RECORD_BYTES_MAX - 16]).unwrap();
    store.checkpoint().unwrap();
    drop(store);
    assert_eq!(open(&sim).get(b"k").unwrap().len(), RECORD_BYTES_MAX - 16);
}

/// Writes that were not synced are durable once the store is synced, closed or dropped.
#[test]
fn a_store_is_durable_when_it_was_synced_closed_or_dropped() {
    type End = fn(crate::common::Store);
    let ends: [(&str, End); 3] = [
        ("synced", |store| {
            store.sync().unwrap();
            // Not dropped: that would sync it too.
            std::mem::forget(store);
        }),
        ("closed", |store| store.close().unwrap()),
        ("dropped", drop),
    ];
    for (end, finish) in ends {
        let sim = SimDisk::new();
        let store = open(&sim);
        let mut batch = WriteBatch::new();
        batch.put(b"k", b"v");
        store.write(batch, WriteOptions { sync: false }).unwrap();
        assert_eq!(store.get(b"k").unwrap()[..], b"v"[..], "seen before it is durable");
        finish(store);
        let files = sim.names().into_iter().filter_map(|name| Some((name.clone(), sim.durable(&name)?)));
        let files: Vec<_> = files.collect();
        let left = SimDisk::with_files(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        assert_eq!(content(&open(&left)).len(), 1, "{end}, then a power cut that takes all that was not synced");
    }
}

/// Whatever log it is over: here one of JSON lines.
#[test]
fn a_store_is_over_any_log_that_can_be_given_up() {
    use stage05::kv::KvStore;
    use stage05::{JsonSegments, SegmentOptions, SegmentedLog};
    let sim = SimDisk::new();
    let open = || {
        let log = SegmentedLog::open(&sim.disk(), JsonSegments, SegmentOptions::with_segment_bytes(300)).unwrap();
        KvStore::over(&sim.disk(), log, 64).unwrap()
    };
    let store = open();
    for number in 0..10u8 {
        store.put(&[number % 3], &[number]).unwrap();
    }
    store.checkpoint().unwrap();
    store.put(b"k", b"v").unwrap();
    store.close().unwrap();
    let store = open();
    assert_eq!((store.replayed().checkpoint, store.replayed().records), (Offset(10), 1));
    assert_eq!(store.scan(..).count(), 4);
    assert_eq!(store.get(&[0]).unwrap()[..], [9]);
}

/// The store as a program opens it: the kind of log, and the segments of its options.
#[test]
fn a_store_opens_with_its_own_log() {
    use stage05::kv::{KvOptions, KvStore};
    let sim = SimDisk::new();
    let options = KvOptions { segments: stage05::SegmentOptions::with_segment_bytes(5000), ..KvOptions::default() };
    let store = KvStore::open(&sim.disk(), options).unwrap();
    for number in 0..20u8 {
        store.put(&[number], &[0; 100]).unwrap();
    }
    assert!(segments(&sim).len() > 1);
    store.close().unwrap();
    assert_eq!(KvStore::open(&sim.disk(), KvOptions::default()).unwrap().scan(..).count(), 20);
}
