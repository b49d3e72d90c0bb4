//! What a crash may leave: which states there are, that a seed gives the same ones, and that they can crash again.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use lab::sim::{CrashState, Event, Lens, Sampling, SimDisk};

const ALL: Sampling = Sampling { states_max: 100_000, seed: 0 };

/// The contents that a file may have after a crash at the end; none where its name is gone.
fn contents(sim: &SimDisk, lens: Lens, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    at_end(sim, lens, ALL).iter().map(|state| state.disk.cached(name)).collect()
}

fn at_end(sim: &SimDisk, lens: Lens, sampling: Sampling) -> Vec<CrashState> {
    let trace = sim.trace();
    let mut replay = trace.replay();
    replay.advance_to(trace.events().len());
    replay.crash(lens).states(sampling).collect()
}

/// The disk on which 600 times `a` is durable in the file "f".
fn written() -> SimDisk {
    SimDisk::with_files([("f", &[b'a'; 600][..])])
}

fn bytes(parts: &[(u8, usize)]) -> Option<Vec<u8>> {
    Some(parts.iter().flat_map(|&(byte, count)| vec![byte; count]).collect())
}

#[test]
fn in_order_a_small_write_breaks_at_any_byte_behind_the_writes_before_it() {
    let sim = SimDisk::with_files([("f", &b""[..])]);
    let file = sim.disk().open("f", stage01::Access::Write).unwrap();
    file.write_at(b"abc", 0).unwrap();
    file.write_at(b"de", 3).unwrap();
    let expected = ["", "a", "ab", "abc", "abcd", "abcde"].map(|text| Some(text.as_bytes().to_vec()));
    assert_eq!(contents(&sim, Lens::PowerCut, "f"), BTreeSet::from(expected));
    assert_eq!(at_end(&sim, Lens::PowerCut, ALL).len(), 6, "no state comes twice");
}

#[test]
fn in_order_a_long_write_breaks_between_sectors() {
    let sim = written();
    sim.disk().open("f", stage01::Access::Write).unwrap().write_at(&[b'b'; 1000], 600).unwrap();
    let expected = [0, 424, 936, 1000].map(|kept| bytes(&[(b'a', 600), (b'b', kept)]));
    assert_eq!(contents(&sim, Lens::PowerCut, "f"), BTreeSet::from(expected));
}

#[test]
fn in_order_each_file_and_the_directory_lose_on_their_own() {
    let sim = SimDisk::with_files([("f", &b""[..]), ("g", &b""[..])]);
    let disk = sim.disk();
    for name in ["f", "g"] {
        disk.open(name, stage01::Access::Write).unwrap().write_at(b"x", 0).unwrap();
    }
    disk.rename("f", "h").unwrap();
    disk.remove("g").unwrap();
    let states = at_end(&sim, Lens::PowerCut, ALL);
    let names = |state: &CrashState| state.disk.names().join(" ");
    let seen: BTreeSet<_> = states.iter().map(names).collect();
    assert_eq!(seen, ["f g", "g h", "h"].map(String::from).into(), "the rename comes before the removal");
    assert_eq!(states.len(), 4 + 4 + 2, "the content of a file without a name makes no difference");
}

#[test]
fn in_any_order_each_sector_is_old_or_new_and_the_file_short_or_long() {
    let sim = written();
    sim.disk().open("f", stage01::Access::Write).unwrap().write_at(&[b'b'; 1000], 600).unwrap();
    // Sector 1 holds bytes 512 to 1023, sector 2 up to 1535, sector 3 the last 64.
    let found = contents(&sim, Lens::TornWrite, "f");
    let piece = |new: bool, count| (if new { b'b' } else { 0 }, count);
    let mut expected = BTreeSet::from([bytes(&[(b'a', 600)])]);
    for sectors in 0..8 {
        let [first, second, third] = [sectors & 1 != 0, sectors & 2 != 0, sectors & 4 != 0];
        expected.insert(bytes(&[(b'a', 600), piece(first, 424), piece(second, 512), piece(third, 64)]));
    }
    assert_eq!(found, expected, "bytes that were durable are never zeros");
}

#[test]
fn in_any_order_what_was_cut_and_written_again_may_be_old_new_or_zero() {
    let sim = SimDisk::with_files([("f", &[b'o'; 4][..])]);
    let file = sim.disk().open("f", stage01::Access::Write).unwrap();
    file.truncate(2).unwrap();
    file.write_at(b"nn", 2).unwrap();
    let found = contents(&sim, Lens::TornWrite, "f");
    let expected = ["oo", "oooo", "oo\0\0", "oonn"].map(|text| Some(text.as_bytes().to_vec()));
    assert_eq!(found, BTreeSet::from(expected));
    assert_eq!(at_end(&sim, Lens::TornWrite, ALL).len(), 4, "no state comes twice");
}

#[test]
fn in_any_order_a_cut_empties_each_sector_or_does_not() {
    let sim = SimDisk::with_files([("f", &[b'o'; 1500][..])]);
    let file = sim.disk().open("f", stage01::Access::Write).unwrap();
    file.truncate(600).unwrap();
    file.truncate(1500).unwrap();
    let piece = |old: bool, count| (if old { b'o' } else { 0 }, count);
    let mut expected = BTreeSet::from([bytes(&[(b'o', 600)])]);
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        expected.insert(bytes(&[(b'o', 600), piece(first, 424), piece(second, 476)]));
    }
    assert_eq!(contents(&sim, Lens::TornWrite, "f"), expected);
}

#[test]
fn in_any_order_any_of_the_names_may_be_lost() {
    let sim = SimDisk::new();
    ["a", "b"].iter().for_each(|name| drop(sim.disk().create(name).unwrap()));
    sim.disk().rename("a", "c").unwrap();
    let names: BTreeSet<_> =
        at_end(&sim, Lens::TornWrite, ALL).iter().map(|state| state.disk.names().join(" ")).collect();
    assert_eq!(names, ["", "a", "b", "a b", "c", "b c"].map(String::from).into());
}

#[test]
fn a_kill_leaves_the_cache_and_the_power_cut_after_it_does_not() {
    let sim = written();
    let file = sim.disk().open("f", stage01::Access::Write).unwrap();
    file.write_at(b"bb", 600).unwrap();
    file.write_at(b"ccc", 602).unwrap();
    let killed = sim.trace().kill_at(1, 2);
    assert_eq!(killed.cached("f"), bytes(&[(b'a', 600), (b'b', 2), (b'c', 2)]), "two bytes of the second write");
    assert_eq!(killed.durable("f"), bytes(&[(b'a', 600)]));
    assert_eq!(killed.trace().events(), []);
    assert_eq!(contents(&killed, Lens::PowerCut, "f").len(), 5);
    let fates = killed.trace().replay().crash(Lens::PowerCut).fates(&[0, 0]);
    assert_eq!(fates, [], "what is unsynced belongs to no event of the new trace");
}

#[test]
fn a_crashed_disk_is_durable_and_can_crash_again() {
    let sim = written();
    sim.disk().open("f", stage01::Access::Write).unwrap().write_at(b"bb", 600).unwrap();
    let state = at_end(&sim, Lens::PowerCut, ALL).swap_remove(1);
    assert_eq!(
        (state.disk.durable("f"), state.disk.cached("f")),
        (bytes(&[(b'a', 600), (b'b', 1)]), state.disk.durable("f"))
    );
    assert_eq!(at_end(&state.disk, Lens::TornWrite, ALL).len(), 1, "nothing is unsynced");
    state.disk.disk().open("f", stage01::Access::Write).unwrap().truncate(600).unwrap();
    assert_eq!(contents(&state.disk, Lens::PowerCut, "f").len(), 2);
    assert_eq!(sim.durable("f"), bytes(&[(b'a', 600)]), "the first disk knows nothing of it");
}

#[test]
fn a_state_knows_what_had_been_promised_by_then() {
    let sim = SimDisk::new();
    drop(sim.disk().create("f").unwrap());
    sim.acknowledge(3);
    sim.served(2);
    sim.disk().sync_directory().unwrap();
    let trace = sim.trace();
    assert_eq!(trace.points(), [0, 3, 4], "in front of the two operations, and at the end");
    let promised = trace.crash_states(Lens::PowerCut, ALL).map(|state| (state.point, state.acknowledged, state.served));
    assert_eq!(promised.collect::<Vec<_>>(), [(0, 0, 0), (3, 3, 2), (3, 3, 2), (4, 3, 2)]);
    assert!(matches!(trace.events()[1], Event::Acknowledge(3)));
}

/// A trace with far more states than anybody can visit.
fn long_trace() -> SimDisk {
    let sim = SimDisk::new();
    let file = sim.disk().create("f").unwrap();
    for write in 0..40u8 {
        file.write_at(&[write; 700], u64::from(write) * 700).unwrap();
    }
    sim
}

fn hash_of_states(sim: &SimDisk, lens: Lens, seed: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    sim.trace().events().hash(&mut hasher);
    for state in sim.trace().crash_states(lens, Sampling { states_max: 30, seed }) {
        (state.point, &state.choice, state.disk.cached("f")).hash(&mut hasher);
    }
    hasher.finish()
}

#[test]
fn the_same_seed_gives_the_same_states_and_another_seed_others() {
    for lens in [Lens::PowerCut, Lens::TornWrite] {
        let (sim, again) = (long_trace(), long_trace());
        assert_eq!(hash_of_states(&sim, lens, 1), hash_of_states(&again, lens, 1), "{lens:?}");
        assert_ne!(hash_of_states(&sim, lens, 1), hash_of_states(&sim, lens, 2), "{lens:?}");
    }
}

#[test]
fn a_choice_makes_its_state_again() {
    let sim = long_trace();
    for state in at_end(&sim, Lens::TornWrite, Sampling { states_max: 20, seed: 9 }) {
        let again = sim.trace().crash_state(state.lens, state.point, &state.choice);
        assert_eq!(again.disk.cached("f"), state.disk.cached("f"), "choice {:?}", state.choice);
    }
}
