//! Packed files: what went in comes out of any window, and nothing else ever does.

use std::io::ErrorKind;
use std::ops::Range;
use std::sync::Arc;

use lab::random::Random;
use lab::sim::{Errno, Fault, Operation, SimDisk, Which};
use proptest::prelude::*;
use stage04::{Access, Compression, DiskFile, Error, Offset, PackOptions, PackedFile, PackedSizes, PackedWriter};

const NAME: &str = "a.packed";
const HEADER: Range<usize> = 0..40;
const TRAILER_BYTES: usize = 44;
const ENTRY_BYTES: usize = 16;
const LARGEST_TIMESTAMP: u64 = 0x0123_4567_89ab_cdef;

fn options(compression: Compression, block_bytes: u32) -> PackOptions {
    PackOptions { compression, block_bytes }
}

/// Packs `bytes`, handed in as portions of `portion` bytes.
fn pack_on(sim: &SimDisk, bytes: &[u8], portion: usize, options: PackOptions) -> stage04::Result<PackedSizes> {
    let file = sim.disk().create(NAME).unwrap();
    let mut writer = PackedWriter::new(file, options, Offset(1000), Offset(3000))?;
    bytes.chunks(portion).try_for_each(|bytes| writer.write(bytes))?;
    writer.finish(LARGEST_TIMESTAMP)
}

/// The packed file's bytes.
fn pack(bytes: &[u8], options: PackOptions) -> Vec<u8> {
    let sim = SimDisk::new();
    pack_on(&sim, bytes, 7, options).unwrap();
    sim.cached(NAME).unwrap()
}

fn open_on(sim: &SimDisk) -> stage04::Result<Arc<PackedFile>> {
    PackedFile::open(sim.disk().open(NAME, Access::Read).unwrap())
}

fn open(stored: &[u8]) -> stage04::Result<Arc<PackedFile>> {
    open_on(&SimDisk::with_files([(NAME, stored)]))
}

/// All bytes, read at once.
fn read_all(packed: &PackedFile) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; packed.length()? as usize];
    let read = packed.read_at(&mut bytes, 0)?;
    assert_eq!(read, bytes.len(), "a read that does not fail reads all that there is");
    Ok(bytes)
}

/// The start of a log of JSON lines: much the same, line by line.
fn lines(count: u64) -> Vec<u8> {
    (0..count).flat_map(|i| format!("{{\"offset\":{i},\"value\":\"temperature {}\"}}\n", i % 7).into_bytes()).collect()
}

/// Bytes of which some parts shrink and others do not.
fn mixed(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let part = 1 + random.below(90) as usize;
        match random.below(2) {
            0 => bytes.extend(random.bytes(part)),
            _ => bytes.extend(vec![random.number() as u8; part]),
        }
    }
    bytes.truncate(length);
    bytes
}

/// Makes the checksums of a changed file right again, as somebody would who wants to do harm.
fn with_right_sums(mut stored: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&stored[..36]).to_le_bytes();
    stored[36..40].copy_from_slice(&sum);
    let trailer = stored.len() - TRAILER_BYTES;
    let table = u64::from_le_bytes(stored[trailer..trailer + 8].try_into().unwrap());
    let mut summed = stored.get(table as usize..trailer).unwrap_or_default().to_vec();
    for entry in summed.chunks_exact_mut(ENTRY_BYTES) {
        let position = u64::from_le_bytes(entry[..8].try_into().unwrap()) as usize;
        let length = u32::from_le_bytes(entry[8..12].try_into().unwrap()) as usize;
        if let Some(block) = position.checked_add(length).and_then(|end| stored.get(position..end)) {
            entry[12..].copy_from_slice(&crc32fast::hash(block).to_le_bytes());
        }
    }
    if let Some(table) = stored.get_mut(table as usize..trailer) {
        table.copy_from_slice(&summed);
    }
    summed.extend_from_slice(&stored[trailer..trailer + 32]);
    stored[trailer + 32..trailer + 36].copy_from_slice(&crc32fast::hash(&summed).to_le_bytes());
    stored
}

proptest! {
    /// Any bytes, in blocks of any size, handed in as any portions, come back through any window.
    #[test]
    fn what_was_packed_comes_back_through_any_window(
        seed in any::<u64>(),
        length in 0usize..1500,
        block_bytes in 1u32..300,
        portion in 1usize..700,
        lz4 in any::<bool>(),
        windows in prop::collection::vec((0usize..1600, 0usize..700), 12),
    ) {
        let bytes = mixed(seed, length);
        let compression = if lz4 { Compression::Lz4 } else { Compression::None };
        let sim = SimDisk::new();
        let sizes = pack_on(&sim, &bytes, portion, options(compression, block_bytes)).unwrap();
        let packed = open_on(&sim).unwrap();
        prop_assert_eq!(packed.length().unwrap(), length as u64);
        prop_assert_eq!(sizes, PackedSizes { length: length as u64, stored_bytes: packed.stored_bytes() });
        prop_assert_eq!(packed.stored_bytes(), sim.cached(NAME).unwrap().len() as u64);
        prop_assert_eq!(&read_all(&packed).unwrap(), &bytes);
        for (position, window) in windows {
            let expected = &bytes[position.min(length)..(position + window).min(length)];
            let mut buffer = vec![0xaa; window];
            let read = packed.read_at(&mut buffer, position as u64).unwrap();
            prop_assert_eq!(&buffer[..read], expected, "{} bytes from {}", window, position);
        }
    }

    /// Bytes that nobody packed are refused.
    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let opened = open(&bytes);
        prop_assert!(matches!(opened, Err(Error::Damaged { .. })), "{:?}", opened);
    }

    /// Whatever a file says under right checksums, it costs no panic, and no more bytes than LZ4 can make of its own.
    #[test]
    fn a_file_that_lies_under_right_checksums_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut stored = pack(&lines(8), options(Compression::Lz4, 64));
        for (at, byte) in changes {
            let at = at.index(stored.len());
            stored[at] = byte;
        }
        let stored = with_right_sums(stored);
        if let Ok(packed) = open(&stored) {
            prop_assert!(packed.length().unwrap() <= 255 * stored.len() as u64, "{:?}", packed);
            if let Err(e) = read_all(&packed) {
                prop_assert_eq!(e.kind(), ErrorKind::InvalidData, "{}", e);
            }
        }
    }
}

/// A byte of the file, whatever it stands for, is held against a checksum before it is used (P1).
#[test]
fn each_flipped_bit_gives_the_right_bytes_or_an_error() {
    for compression in [Compression::None, Compression::Lz4] {
        // Noise, zeros, and the start of a last block: stored as it is, compressed, and short.
        let bytes = [Random::new(1).bytes(64), vec![0; 64], lines(1)].concat();
        let stored = pack(&bytes, options(compression, 64));
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let context = format!("{compression:?}, bit {bit} of {}", stored.len() * 8);
            match open(&flipped) {
                Err(Error::Damaged { .. }) => {}
                Err(e) => panic!("{context}: {e}"),
                // Every byte counts: if the file opens, a block is damaged, and it is noticed.
                Ok(packed) => match read_all(&packed) {
                    Ok(read) => panic!("{context}: nobody noticed, and {} bytes were read", read.len()),
                    Err(e) => assert_eq!(e.kind(), ErrorKind::InvalidData, "{context}: {e}"),
                },
            }
        }
    }
}

/// A block that is damaged is the only one that cannot be read, and the error says where it lies.
#[test]
fn a_damaged_block_leaves_the_others_readable() {
    let bytes = mixed(3, 200);
    let mut stored = pack(&bytes, options(Compression::None, 50));
    stored[HEADER.end + 60] ^= 1;
    let packed = open(&stored).unwrap();
    let mut window = [0; 50];
    for number in [0, 2, 3] {
        packed.read_at(&mut window, number * 50).unwrap();
        assert_eq!(window, bytes[number as usize * 50..][..50], "block {number}");
    }
    let error = packed.read_at(&mut [0], 99).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("block 1, which lies at byte 90, has the checksum"), "{error}");
}

/// A packed file is whole or it is none.
#[test]
fn a_file_that_was_cut_is_refused_wherever_it_was_cut() {
    for block_bytes in [16, 64] {
        let stored = pack(&lines(8), options(Compression::Lz4, block_bytes));
        for length in 0..stored.len() {
            let cut = open(&stored[..length]);
            assert!(matches!(cut, Err(Error::Damaged { .. })), "{length} of {} bytes: {cut:?}", stored.len());
        }
    }
}

/// Nothing may follow the trailer either: what follows would be taken for it.
#[test]
fn bytes_behind_the_trailer_are_refused() {
    let stored = pack(&lines(8), PackOptions::default());
    for more in [1, 16, 44, 4096] {
        assert!(open(&[&stored[..], &vec![0; more]].concat()).is_err(), "{more} zeros");
    }
}

/// Between the last block and the table there is nothing: every byte of the file belongs to something (P1).
#[test]
fn bytes_between_the_blocks_and_the_table_are_refused() {
    let mut stored = pack(&lines(8), options(Compression::Lz4, 64));
    let trailer = stored.len() - TRAILER_BYTES;
    let table = u64::from_le_bytes(stored[trailer..trailer + 8].try_into().unwrap());
    stored[trailer..trailer + 8].copy_from_slice(&(table + 5).to_le_bytes());
    stored.splice(table as usize..table as usize, [0; 5]);
    let error = open(&with_right_sums(stored)).unwrap_err();
    assert!(error.to_string().contains("the blocks end"), "{error}");
}

/// Numbers at the ends of their ranges, under right checksums, are refused and not computed with (P2).
#[test]
fn lengths_that_cannot_be_are_refused() {
    let stored = pack(&lines(8), options(Compression::Lz4, 64));
    let trailer = stored.len() - TRAILER_BYTES;
    let table = u64::from_le_bytes(stored[trailer..trailer + 8].try_into().unwrap()) as usize;
    let numbers = [("table position", trailer), ("blocks", trailer + 8), ("length", trailer + 16), ("block", table)];
    for (name, at) in numbers {
        for number in [0, 1, 1 << 32, 1 << 59, 1 << 60, (1 << 60) + 6, 1 << 63, u64::MAX - 15, u64::MAX] {
            let mut lie = stored.clone();
            lie[at..at + 8].copy_from_slice(&number.to_le_bytes());
            let opened = open(&with_right_sums(lie));
            assert!(matches!(opened, Err(Error::Damaged { .. })), "{name} {number}: {opened:?}");
        }
    }
    for length in [0, 64, 65, u32::MAX] {
        let mut lie = stored.clone();
        lie[table + 8..table + 12].copy_from_slice(&length.to_le_bytes());
        assert!(open(&with_right_sums(lie)).is_err(), "a first block of {length} bytes");
    }
}

/// A megabyte out of four bytes is more than LZ4 can make, and is refused before memory is asked for (P2).
#[test]
fn a_block_that_claims_to_grow_beyond_measure_is_refused() {
    let mut stored = pack(&[0; 512], options(Compression::Lz4, 512));
    let trailer = stored.len() - TRAILER_BYTES;
    for (at, number) in [(32, 1u32 << 20), (trailer + 16, 1 << 20)] {
        stored[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    let error = open(&with_right_sums(stored)).unwrap_err();
    assert!(error.to_string().contains("block 0 cannot be"), "{error}");
}

/// A file with a hole may be longer than any memory, and its table as long as the hole. It is read piece by piece and
/// refused at its first entry (P2).
#[test]
fn a_table_in_a_hole_costs_no_memory() {
    const BLOCKS: u64 = 1 << 40;
    let stored = pack(&[], options(Compression::None, 1));
    let (header, trailer) = stored.split_at(HEADER.end);
    let trailer = [&40u64.to_le_bytes(), &BLOCKS.to_le_bytes(), &BLOCKS.to_le_bytes(), &trailer[24..]].concat();
    let sim = SimDisk::new();
    let file = sim.disk().create(NAME).unwrap();
    file.write_at(header, 0).unwrap();
    file.write_at(&trailer, 40 + BLOCKS * ENTRY_BYTES as u64).unwrap();
    let error = open_on(&sim).unwrap_err();
    assert!(error.to_string().contains("block 0 cannot be"), "{error}");
    assert!(sim.bytes_read() < 10_000, "{} bytes were read", sim.bytes_read());
}

/// Versions and codecs of a later time are refused, and the message says so.
#[test]
fn an_unknown_version_or_codec_is_named() {
    let stored = pack(&lines(8), PackOptions::default());
    for (at, what) in [(8, "version 7"), (12, "codec 7")] {
        let mut later = stored.clone();
        later[at] = 7;
        let error = open(&with_right_sums(later)).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

/// What the file stands for is in it, and can be asked for.
#[test]
fn a_packed_file_says_what_it_is() {
    for bytes in [lines(100), Vec::new()] {
        let packed = open(&pack(&bytes, PackOptions::default())).unwrap();
        assert_eq!((packed.base(), packed.end()), (Offset(1000), Offset(3000)));
        assert_eq!(packed.largest_timestamp_ms(), LARGEST_TIMESTAMP);
        assert_eq!(read_all(&packed).unwrap(), bytes);
        assert_eq!(packed.path().file_name().unwrap(), NAME);
        assert!(packed.os_file().is_none(), "a map would show the packed bytes");
    }
}

/// Nothing can be written into a packed file.
#[test]
fn a_packed_file_is_read_only() {
    let packed = open(&pack(&lines(8), PackOptions::default())).unwrap();
    for result in [packed.write_at(b"x", 0), packed.truncate(0), packed.sync_data()] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

/// Lines that are much the same take a fraction of their size; noise takes its size and the table.
#[test]
fn what_can_shrink_shrinks_and_what_cannot_does_not_grow() {
    let options = options(Compression::Lz4, 16 * 1024);
    let same = lines(4000);
    let shrunk = pack(&same, options).len();
    assert!(shrunk * 3 < same.len(), "{} bytes became {shrunk}", same.len());
    let noise = Random::new(5).bytes(100_000);
    assert_eq!(pack(&noise, options).len(), noise.len() + 40 + 7 * ENTRY_BYTES + TRAILER_BYTES);
}

/// One byte costs one block, wherever it lies (P3).
#[test]
fn a_read_of_one_byte_reads_one_block() {
    let sim = SimDisk::new();
    let bytes = mixed(9, 100_000);
    pack_on(&sim, &bytes, 4096, options(Compression::Lz4, 1024)).unwrap();
    let packed = open_on(&sim).unwrap();
    for position in [0, 1, 1023, 1024, 50_000, 99_999] {
        let before = sim.counters();
        let mut byte = [0];
        packed.read_at(&mut byte, position).unwrap();
        assert_eq!(byte[0], bytes[position as usize]);
        let after = sim.counters();
        assert_eq!(after.reads - before.reads, 1, "reads for byte {position}");
        assert!(after.bytes_read - before.bytes_read <= 1024, "bytes for byte {position}");
    }
}

/// Opening reads the two ends of the file and not what lies between.
#[test]
fn an_open_reads_no_block() {
    let sim = SimDisk::new();
    pack_on(&sim, &mixed(9, 1_000_000), 4096, options(Compression::None, 1024)).unwrap();
    let before = sim.bytes_read();
    open_on(&sim).unwrap();
    assert_eq!(sim.bytes_read() - before, (40 + 44 + 977 * ENTRY_BYTES) as u64);
}

/// What `finish` has returned, a power cut does not take back.
#[test]
fn a_finished_file_is_durable() {
    let sim = SimDisk::new();
    pack_on(&sim, &mixed(2, 5000), 100, options(Compression::Lz4, 256)).unwrap();
    sim.disk().sync_directory().unwrap();
    assert_eq!(sim.durable(NAME), sim.cached(NAME));
}

/// A disk that refuses a write or the sync fails the packing, whichever of the operations it is.
#[test]
fn no_failure_of_the_disk_is_passed_over() {
    let bytes = mixed(2, 1000);
    // The header, four blocks, table and trailer.
    for nth in 1..=6 {
        let sim = SimDisk::new();
        sim.inject(Fault::fail(Operation::Write, Which::Nth(nth), Errno::NoSpace));
        let packed = pack_on(&sim, &bytes, 100, options(Compression::None, 256));
        assert!(matches!(packed, Err(Error::Io { .. })), "write {nth}: {packed:?}");
    }
    let sim = SimDisk::new();
    sim.inject(Fault::fail(Operation::SyncData, Which::Every, Errno::Io));
    let packed = pack_on(&sim, &bytes, 100, options(Compression::None, 256));
    assert!(matches!(packed, Err(Error::Io { .. })), "sync: {packed:?}");
}

/// A block size that cannot be becomes the nearest one that can.
#[test]
fn block_sizes_out_of_range_are_brought_into_it() {
    let bytes = lines(20);
    for block_bytes in [0, u32::MAX] {
        let packed = open(&pack(&bytes, options(Compression::Lz4, block_bytes))).unwrap();
        assert_eq!(read_all(&packed).unwrap(), bytes, "{block_bytes}");
    }
}
