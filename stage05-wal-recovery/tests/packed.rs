//! Packed segments, damaged: what `verify` says, what `salvage` gets, and what an index of other days can do.

#[path = "../../stage04-segments/tests/golden_common/mod.rs"]
mod golden_common;

use lab::records::record;
use lab::sim::SimDisk;
use stage05::dump::dump;
use stage05::header::SEGMENT_HEADER_BYTES;
use stage05::salt::SaltSource;
use stage05::salvage::{Salvaged, salvage};
use stage05::verify::{Outcome, verify};
use stage05::{
    Access, CompactOptions, Framed, IndexOrigin, Log, Offset, PackOptions, Reader, Record, Rewriter, Scan, Sealed,
    SegmentName, SegmentOptions, SegmentedLog, Site, Storage,
};

/// A log whose sealed segments are all packed, in blocks of `block_bytes`. A file has some frames, and each has some blocks.
fn packed_log(block_bytes: u32) -> SimDisk {
    let sim = SimDisk::new();
    let options = SegmentOptions::with_segment_bytes(SEGMENT_HEADER_BYTES as u64 + 50_000);
    let mut log = SegmentedLog::open(&sim.disk(), Framed::default(), options).unwrap();
    for offset in 0..RECORDS_PACKED {
        log.append_durable(&large(offset, 2000)).unwrap();
    }
    log.roll().unwrap();
    let pack = PackOptions { block_bytes, ..PackOptions::default() };
    log.maintenance().compact(0, &CompactOptions { pack: Some(pack), ..CompactOptions::default() }).unwrap();
    drop(log);
    sim
}

const RECORDS_PACKED: u64 = 60;

/// Some have a key, the same: compaction takes all of these but the last.
fn large(offset: u64, bytes: usize) -> Record<'static> {
    let record = lab::records::record_of(Offset(offset), bytes);
    if offset.is_multiple_of(8) { record.with_key(&b"key"[..]) } else { record }
}

fn packed(sim: &SimDisk) -> Vec<String> {
    sim.names().into_iter().filter(|name| name.ends_with(".packed")).collect()
}

fn copy(sim: &SimDisk) -> SimDisk {
    let files: Vec<_> = sim.names().into_iter().map(|name| (name.clone(), sim.cached(&name).unwrap())).collect();
    SimDisk::with_files(files.iter().map(|(name, bytes)| (&**name, &**bytes)))
}

fn salvaged(sim: &SimDisk) -> (Salvaged, Vec<u64>) {
    let mut found = Vec::new();
    let all = salvage(&sim.disk(), |offset, salvaged| {
        let is_right = *salvaged == large(offset.0, 2000) || *salvaged == record(offset);
        assert!(is_right, "record {offset} is {salvaged:?}");
        found.push(offset.0);
    });
    (all.expect("damage is no error"), found)
}

#[test]
fn a_packed_log_is_clean_and_all_of_it_is_salvaged() {
    let compressed = golden_common::log(Framed::default(), SEGMENT_HEADER_BYTES as u64, true);
    for (sim, end) in [(packed_log(4000), RECORDS_PACKED), (compressed, 40)] {
        assert!(!packed(&sim).is_empty());
        let seen = verify(&sim.disk()).unwrap();
        assert_eq!((seen.outcome, seen.end), (Outcome::Clean, Offset(end)), "{seen:?}");
        let (all, found) = salvaged(&sim);
        assert_eq!((all.hole_count, found.len() as u64), (0, seen.records), "{all:?}");
    }
}

/// Bytes all over each packed file, one bit of each flipped: always corruption, never an end of the inspection, and a
/// salvage gets every record that does not lie in the block.
#[test]
fn a_flipped_bit_of_a_packed_segment_is_corruption_and_costs_a_salvage_one_block_or_one_segment() {
    let sim = packed_log(4000);
    let (_, whole) = salvaged(&sim);
    let mut in_part = 0;
    for name in packed(&sim) {
        let bytes = sim.cached(&name).unwrap().len() as u64;
        for byte in (0..60).chain((60..bytes - 300).step_by(797)).chain(bytes - 300..bytes) {
            let damaged = copy(&sim);
            damaged.flip_bit(&name, byte * 8 + byte % 8);
            let seen = verify(&damaged.disk()).unwrap_or_else(|error| panic!("byte {byte} of {name}: {error}"));
            assert_eq!((seen.outcome, seen.problem_count), (Outcome::Corrupt, 1), "byte {byte} of {name}: {seen:?}");
            let (all, found) = salvaged(&damaged);
            assert_eq!(all.hole_count, 1, "byte {byte} of {name}: {all:?}");
            assert!(all.holes[0].path.ends_with(&name), "byte {byte}: {all:?}");
            assert!(found.iter().all(|offset| whole.contains(offset)), "byte {byte} of {name}");
            let segment = SegmentName::parse(&name).unwrap().0;
            let inside =
                |offset: &&u64| Offset(**offset) >= segment.base && Some(Offset(**offset)) < segment.rewritten_end;
            let (outside, all_outside) = (found.iter().filter(|o| !inside(o)), whole.iter().filter(|o| !inside(o)));
            assert!(outside.eq(all_outside), "byte {byte} of {name} costs another segment's records");
            in_part += usize::from(found.iter().any(|offset| inside(&offset)));
            dump(&damaged.disk(), true, &mut Vec::new())
                .unwrap_or_else(|error| panic!("byte {byte} of {name}: {error}"));
        }
    }
    assert!(in_part > 50, "only {in_part} times, a part of the segment was salvaged");
}

/// The bytes of a segment that was rewritten, with the records that `keeps` says, and the entries of an index of it.
fn rewritten(storage: &Framed, keeps: impl Fn(u64) -> bool) -> (Vec<u8>, Vec<u8>) {
    let mut rewriter = storage.rewriter(Offset(0)).unwrap();
    let (mut bytes, mut index) = (Vec::new(), Vec::new());
    for offset in (0..RECORDS).filter(|offset| keeps(*offset)) {
        let before = bytes.len();
        rewriter.push(Offset(offset), &large(offset, 600), &mut bytes);
        // A frame that is full goes out with its last record; the next one starts behind it.
        if bytes.len() > before
            && before > 0
            && let Some(next) = (offset + 1..RECORDS).find(|next| keeps(*next))
        {
            index.extend((next as u32).to_le_bytes());
            index.extend((bytes.len() as u32).to_le_bytes());
        }
    }
    rewriter.finish(&mut bytes);
    (bytes, index)
}

const RECORDS: u64 = 300;

/// Two compactions of the same range give files of the same name. The index of the first, left beside the second, is not
/// believed where it is wrong, whether the salts are the same or not.
#[test]
fn the_index_of_an_earlier_rewriting_misleads_nobody() {
    let name = SegmentName { base: Offset(0), rewritten_end: Some(Offset(RECORDS)) };
    for salts in [SaltSource::Random, SaltSource::Fixed(1)] {
        let storage = Framed::with_salts(salts);
        let (_, stale) = rewritten(&storage, |offset| offset % 7 != 3);
        for (what, keeps) in [("the same records", 7), ("fewer records", 2), ("other records", 5)] {
            let keeps = |offset: u64| offset % keeps != 3 % keeps;
            let (bytes, own) = rewritten(&storage, keeps);
            assert!(own.len() >= 24 && stale.len() >= 24, "{} and {} bytes of index", own.len(), stale.len());
            for (whose, index) in [("stale", &stale), ("own", &own)] {
                let sim =
                    SimDisk::with_files([("segment", &bytes[..]), (&name.file(stage05::name::Part::Index), index)]);
                let file = sim.disk().open("segment", Access::Read).unwrap();
                let site = Site { disk: sim.disk(), access: Access::Read, index_interval_bytes: 500 };
                let reader = storage.read_sealed(&site, &Sealed { name, file, end: Offset(RECORDS) }).unwrap();
                for offset in (0..RECORDS).rev() {
                    let context = format!("{what}, the {whose} index, record {offset}");
                    let mut scan = reader.scan(Offset(offset)).expect(&context);
                    let found = scan.next().expect(&context).map(|entry| (entry.offset.0, entry.record.into_owned()));
                    // The reader of one segment gives the next record for one that is gone.
                    let expected = (offset..RECORDS).find(|next| keeps(*next)).map(|next| (next, large(next, 600)));
                    assert_eq!(found, expected, "{context}");
                }
                let report = reader.index_report();
                let is_believed = report.origin == IndexOrigin::Loaded && report.rebuilds == 0;
                assert_eq!(is_believed, *index == own, "{what}, the {whose} index: {report:?}");
            }
        }
    }
}
