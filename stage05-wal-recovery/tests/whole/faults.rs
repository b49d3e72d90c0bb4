//! Each operation of a log's life fails in every way: EIO, a full disk, a short write, a sync that fails and then lies.

use lab::crash::scenario::append_synced;
use lab::faults;
use lab::sim::SimDisk;
use stage05::{Log, Offset, Result, Stage};

use super::store::{StoreLog, TinyStore};
use super::{Tiny, TinyLog, compact_options, maintenance};

fn a_short_life(log: &mut TinyLog, sim: &SimDisk) -> Result<()> {
    for _ in 0..2 {
        append_synced(log, 2, sim)?;
    }
    sim.may_delete(2);
    Tiny::<false>::delete_before(log, Offset(2))?;
    sim.may_compact(4);
    // What fails here is told to whoever maintains the log. The log itself loses nothing by it.
    let _ = maintenance(log).compact(lab::records::FIRST_TIMESTAMP_MS, &compact_options());
    append_synced(log, 1, sim)
}

/// The log is poisoned, the next one holds what was acknowledged.
#[test]
fn any_operation_of_a_life_may_fail() {
    println!("{}", faults::at_every_operation::<Tiny<false>>(a_short_life));
}

/// Writes and a checkpoint. A checkpoint that fails is told to whoever wanted it, and the store loses nothing.
fn a_short_life_of_a_store(log: &mut StoreLog, sim: &SimDisk) -> Result<()> {
    append_synced(log, 1, sim)?;
    if log.store.checkpoint().is_ok() {
        sim.acknowledge(log.next_offset().0);
    }
    append_synced(log, 1, sim)
}

/// The same for a store.
#[test]
fn any_operation_of_a_store_may_fail() {
    println!("{}", faults::at_every_operation::<TinyStore>(a_short_life_of_a_store));
}

/// Those who wait are told, whichever operation fails under them.
#[test]
fn nobody_waits_for_ever() {
    println!("{}", faults::at_every_operation_of_producers::<Tiny<false>>());
}
