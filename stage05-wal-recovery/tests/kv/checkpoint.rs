//! The checkpoint's file: its bytes, and every way of damaging it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::{Content, History, checkpoints, content, delete, durable, open, put, segments, show, try_open};
use lab::sim::SimDisk;
use stage05::Error;

/// The files of a disk.
type Files = Vec<(String, Vec<u8>)>;

fn files(sim: &SimDisk) -> Files {
    sim.names().into_iter().map(|name| (name.clone(), sim.cached(&name).expect("a listed file"))).collect()
}

fn disk(files: &Files) -> SimDisk {
    SimDisk::with_files(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
}

/// A checkpoint of a dozen keys in several blocks, the same files without the log in front of it given up, and what
/// the store holds; behind the checkpoint, the log has one more record.
struct Example {
    checkpoint: (String, Vec<u8>),
    recycled: Files,
    with_whole_log: Files,
    content: Content,
}

fn example() -> Example {
    let sim = SimDisk::new();
    let store = open(&sim);
    let mut history = History::new();
    for number in 0..12 {
        let (key, value) = (format!("key {number}"), format!("value {number}"));
        history.write(&store, &durable(vec![put(&key, &value), delete("key 0")]));
    }
    // The log as it is before the checkpoint; the last record comes behind both.
    let sim_before = disk(&files(&sim));
    store.checkpoint().unwrap();
    let last = durable(vec![put("last", "one")]);
    history.write(&store, &last);
    store.close().unwrap();

    let names = checkpoints(&sim);
    assert_eq!(names.len(), 1, "{names:?}");
    let checkpoint = (names[0].clone(), sim.cached(&names[0]).unwrap());
    let before = open(&sim_before);
    let mut again = history.clone();
    again.truncate(12);
    again.write(&before, &last);
    before.close().unwrap();
    let mut with_whole_log = files(&sim_before);
    with_whole_log.push(checkpoint.clone());
    Example { checkpoint, recycled: files(&sim), with_whole_log, content: history.now().clone() }
}

impl Example {
    /// Opens the store with this in the place of the checkpoint's bytes, with the log and without what is in front.
    fn check(&self, bytes: &[u8], how: &str) {
        let with = |files: &Files| {
            let mut files = files.clone();
            let place = files.iter_mut().find(|(name, _)| *name == self.checkpoint.0).expect("the checkpoint");
            place.1 = bytes.to_vec();
            disk(&files)
        };
        // Nothing is left to make up for it: an error that names the file.
        let opened = catch_unwind(AssertUnwindSafe(|| try_open(&with(&self.recycled).disk())));
        match opened.unwrap_or_else(|_| panic!("{how}: the panic above")) {
            Err(Error::Damaged { path, .. }) => {
                assert!(path.ends_with(&self.checkpoint.0), "{how}: {}", path.display())
            }
            Err(other) => panic!("{how}: {other}"),
            Ok(store) => panic!("{how}: the store opens with {}", show(&content(&store))),
        }
        // The log makes up for it, and the store says so.
        let opened = try_open(&with(&self.with_whole_log).disk());
        let store = opened.unwrap_or_else(|e| panic!("{how}, with the whole log: {e}"));
        assert_eq!(content(&store), self.content, "{how}, with the whole log");
        assert_eq!(store.replayed().checkpoint.0, 0, "{how}");
        assert_eq!(store.replayed().records, 13, "{how}");
        assert_eq!(store.replayed().damaged.len(), 1, "{how}");
    }
}

/// One flipped bit anywhere: never a wrong value, never an earlier state (K6).
#[test]
fn a_flipped_bit_of_a_checkpoint_is_noticed() {
    let example = example();
    for bit in 0..example.checkpoint.1.len() * 8 {
        let mut bytes = example.checkpoint.1.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        example.check(&bytes, &format!("bit {} of byte {}", bit % 8, bit / 8));
    }
}

/// Cut at every byte, or with something behind its end.
#[test]
fn a_checkpoint_that_is_cut_or_goes_on_is_noticed() {
    let example = example();
    let whole = &example.checkpoint.1;
    for length in 0..whole.len() {
        example.check(&whole[..length], &format!("cut to {length} bytes"));
    }
    for more in [&b"\0"[..], &[0; 20], whole] {
        example.check(&[whole, more].concat(), &format!("{} bytes more", more.len()));
    }
}

/// Stretches of zeros, as a disk leaves where a write was lost.
#[test]
fn a_checkpoint_with_zeros_in_it_is_noticed() {
    let example = example();
    for length in [1, 4, 16, 64, 512] {
        for start in 0..example.checkpoint.1.len() {
            let mut bytes = example.checkpoint.1.clone();
            let end = bytes.len().min(start + length);
            bytes[start..end].fill(0);
            if bytes != example.checkpoint.1 {
                example.check(&bytes, &format!("zeros from byte {start} to {end}"));
            }
        }
    }
}

/// Two blocks that have changed places, or one that is there twice: each of them is whole.
#[test]
fn blocks_in_another_order_are_noticed() {
    let example = example();
    let whole = &example.checkpoint.1;
    let mut starts = vec![40];
    while starts[starts.len() - 1] < whole.len() - 20 {
        let start = starts[starts.len() - 1];
        let bytes = u32::from_le_bytes(whole[start..start + 4].try_into().unwrap()) as usize;
        starts.push(start + 12 + bytes);
    }
    assert!(starts.len() > 3, "several blocks");
    let block = |number: usize| &whole[starts[number]..starts[number + 1]];
    let rest = &whole[starts[2]..];
    example.check(&[&whole[..40], block(1), block(0), rest].concat(), "two blocks changed places");
    example.check(&[&whole[..40], block(0), block(0), rest].concat(), "one block for another");
    example.check(&[&whole[..40], block(0), rest].concat(), "a block is missing");
}

/// A whole checkpoint under another's name.
#[test]
fn a_checkpoint_under_a_wrong_name_is_noticed() {
    let example = example();
    let sim = SimDisk::new();
    let store = open(&sim);
    let mut history = History::new();
    for _ in 0..3 {
        history.write(&store, &durable(vec![put("k", "v")]));
    }
    store.checkpoint().unwrap();
    let other = sim.cached(&checkpoints(&sim)[0]).unwrap();
    example.check(&other, "a checkpoint of another offset");
}

/// The bytes are what `checkpoint_format` says: programs of later years read them.
#[test]
fn a_checkpoint_has_the_bytes_of_its_layout() {
    let sim = SimDisk::new();
    let store = open(&sim);
    store.put(b"pear", b"").unwrap();
    store.put(b"apple", b"red").unwrap();
    store.checkpoint().unwrap();
    assert_eq!(checkpoints(&sim), ["checkpoint-00000000000000000002"]);
    assert_eq!(segments(&sim).len(), 1, "the log in front of the checkpoint is given up");

    let crc = |parts: &[&[u8]]| crc32fast::hash(&parts.concat()).to_le_bytes();
    let offset = 2u64.to_le_bytes();
    let header = [&b"SIXLOG\0K\x01\0\0\0\0\0\0\0"[..], &offset, &2u64.to_le_bytes(), &[0; 4]].concat();
    let body = b"\x05\0\0\0apple\x03\0\0\0red\x04\0\0\0pear\0\0\0\0";
    let block = [&(body.len() as u32).to_le_bytes()[..], &2u32.to_le_bytes()].concat();
    let length = (40 + 12 + body.len() + 20) as u64;
    let trailer = [&[0; 4][..], &1u32.to_le_bytes(), &length.to_le_bytes()].concat();
    let block_crc = crc(&[&offset, &0u64.to_le_bytes(), &block, body]);
    let expected = [&header[..], &crc(&[&header]), &block, &block_crc, body, &trailer, &crc(&[&offset, &trailer])];
    let found = sim.cached("checkpoint-00000000000000000002").unwrap();
    assert_eq!(found.escape_ascii().to_string(), expected.concat().escape_ascii().to_string());
}
