//! The files of stage 5, as they were written once: see [`golden_common`]. That a segment's frames have not changed is
//! tested in `framed_roundtrip`, too.

#[path = "kv/common.rs"]
#[allow(dead_code, unreachable_pub, reason = "it belongs to the tests of the store")]
mod common;
#[path = "../../stage04-segments/tests/golden_common/mod.rs"]
mod golden_common;

use std::path::PathBuf;

use common::{content, delete, durable, open, put};
use golden_common::{assert_kept, assert_reads, kept, log};
use lab::sim::SimDisk;
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::recovery_point::{RECOVERY_POINT, RecoveryPoint};
use stage05::salt::SaltSource;
use stage05::verify::{Outcome, verify};
use stage05::{Framed, Offset};

const HEADER: u64 = SEGMENT_HEADER_BYTES as u64;

fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn storage() -> Framed {
    Framed::with_salts(SaltSource::Fixed(7))
}

/// Segments of frames, sparse indexes, time indexes, packed segments with gaps, the recovery point.
#[test]
fn the_files_of_a_log_are_the_kept_ones_byte_by_byte_and_can_be_read() {
    assert_kept(&log(storage(), HEADER, false), &directory("log"), |_| false);
    let kept = kept(&directory("log"));
    let point = RecoveryPoint::read(&kept.disk()).unwrap().expect("a recovery point");
    assert_eq!((point.durable.offset, point.durable.position), (Offset(40), HEADER));
    let seen = verify(&kept.disk()).unwrap();
    assert_eq!((seen.outcome, seen.end), (Outcome::Clean, Offset(40)), "{seen:?}");
    assert_reads(&kept, storage(), HEADER);
    assert!(kept.names().iter().any(|name| name == RECOVERY_POINT));
}

/// The bytes that LZ4 makes are those of its library's version. That they can be read is ours.
#[test]
fn a_compressed_segment_of_another_year_can_be_read() {
    assert_kept(&log(storage(), HEADER, true), &directory("log-lz4"), |name| name.ends_with(".packed"));
    let kept = kept(&directory("log-lz4"));
    assert_eq!(verify(&kept.disk()).unwrap().outcome, Outcome::Clean);
    assert_reads(&kept, storage(), HEADER);
}

/// A store with a checkpoint of several blocks. Its log has the time in it, so that its bytes are others each time.
#[test]
fn a_checkpoint_is_the_kept_one_byte_by_byte_and_a_kept_store_can_be_read() {
    let sim = SimDisk::new();
    let store = open(&sim);
    for number in 0..12 {
        let (key, value) = (format!("key {number}"), "value ".repeat(number));
        store
            .write(batch(vec![put(&key, &value), delete(&format!("key {}", number / 2))]), Default::default())
            .unwrap();
    }
    assert_eq!(store.checkpoint().unwrap(), Offset(12));
    store.put(b"behind", b"the checkpoint").unwrap();
    let expected = content(&store);
    store.close().unwrap();
    assert_kept(&sim, &directory("store"), |name| !name.starts_with("checkpoint-"));

    let store = open(&kept(&directory("store")));
    assert_eq!(content(&store), expected);
    assert_eq!((store.replayed().checkpoint, store.replayed().records), (Offset(12), 1));
}

fn batch(changes: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> stage05::kv::WriteBatch {
    common::History::new().batch(&durable(changes))
}
