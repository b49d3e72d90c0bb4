//! Each bit of the files turned around.

use lab::sim::SimDisk;
use stage06::replica_log::ReplicaLog;
use stage06::{Error, Offset};

use super::batches::{batches, open};

/// Whichever bit of a segment's file turns around: the batches that are read are those that were written, and those that
/// are not are missed with an error that says where.
#[test]
fn each_flipped_bit_gives_the_right_batches_or_an_error() {
    let sim = SimDisk::new();
    let written = batches(Offset(0), 12, 1, 1);
    let mut log = open(&sim.disk()).unwrap();
    log.append(&written[..6]).unwrap();
    log.sync().unwrap();
    log.append(&written[6..]).unwrap();
    log.sync().unwrap();
    drop(log);
    let names = sim.names();
    let files: Vec<(String, Vec<u8>)> =
        names.iter().map(|name| (name.clone(), sim.cached(name).expect("a file that is there"))).collect();
    let segments = names.iter().filter(|name| name.ends_with(".log")).count();
    assert!(segments > 1, "{names:?}");
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".log")) {
        // The block in front is stage 5's business; 64 bytes of it have fields.
        let bits = (0..64 * 8).chain(4096 * 8..bytes.len() as u64 * 8);
        for bit in bits {
            let sim = SimDisk::with_files(files.iter().map(|(name, bytes)| (name.as_str(), &**bytes)));
            sim.flip_bit(name, bit);
            let place = format!("bit {} of byte {} of {name}", bit % 8, bit / 8);
            let log = match open(&sim.disk()) {
                Ok(log) => log,
                Err(Error::BadFrame { .. } | Error::Damaged { .. } | Error::OutOfOrder { .. }) => continue,
                Err(error) => panic!("{place}: {error}"),
            };
            assert_eq!(log.end(), written[11].end_offset(), "{place}");
            let mut missed = 0;
            for batch in &written {
                match log.read(batch.base_offset, 0) {
                    Ok(read) => assert_eq!(read, std::slice::from_ref(batch), "{place}"),
                    Err(Error::BadFrame { .. } | Error::Damaged { .. } | Error::OutOfOrder { .. }) => missed += 1,
                    Err(error) => panic!("{place}: {error}"),
                }
            }
            // The time when the file was made is the only thing without a use, and its checksum finds it.
            assert!(missed > 0, "nobody noticed {place}");
        }
    }
}
