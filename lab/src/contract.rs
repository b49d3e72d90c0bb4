//! What every log of the course has to do: one suite for all stages.
//!
//! A stage runs all of it with one line in its `tests/contract.rs`, `lab::contract!(StageNN);`, so that no stage can
//! lose a test that an earlier one passed. What a stage may do better or worse than another (what it survives, what it
//! costs) is not here but in [`promises`](mod@crate::promises).

use std::fmt::Display;
use std::sync::Arc;

use stage01::{Disk, Log, Offset, Reader, Scan, Stage};

use crate::disks::{Disks, Image};
use crate::records::{record, records};

pub mod append;
pub mod damage;
pub mod faults;
pub mod hostile;
pub mod model;
pub mod open;
pub mod quarantine;
pub mod read;
pub mod share;
pub mod small;

pub use small::Small;

/// The contract as tests: one `#[test]` for each function of [`contract`](mod@crate::contract) and each kind of disk
/// that it runs on. The disk in memory takes no time to sync and runs what needs many disks; the operating system's
/// runs what only it can show, and everything that might depend on mapped files.
///
/// `lab::contract!(StageNN, quarantines)` is for a stage that knows how far it was synced. It does not refuse what
/// follows the last synced record, whoever wrote it: it saves it beside the log and goes on. The tests that ask for a
/// refusal give way to those that ask for this.
#[macro_export]
macro_rules! contract {
    ($stage:ty) => {
        $crate::contract_of_every_stage! { $stage }

        mod without_watermarks {
            #[allow(unused_imports, reason = "a stage may be named by its full path")]
            use super::*;
            $crate::contract_tests! { $stage, $crate::disks::SimDisks;
                damage: what_is_no_torn_append_is_refused_and_left_alone;
            }
        }

        mod without_watermarks_on_the_operating_systems_disk {
            #[allow(unused_imports, reason = "a stage may be named by its full path")]
            use super::*;
            $crate::contract_tests! { $stage, $crate::disks::OsDisks::new();
                damage: what_is_no_torn_append_is_refused_and_left_alone;
                hostile: a_file_of_4_gib_is_refused_at_its_first_wrong_byte;
            }
        }

        #[cfg(target_os = "linux")]
        mod without_watermarks_on_linux {
            #[allow(unused_imports, reason = "a stage may be named by its full path")]
            use super::*;
            $crate::contract_tests! { $stage, $crate::disks::OsDisks::new();
                hostile: a_device_without_room_is_refused;
            }
        }
    };
    ($stage:ty, quarantines) => {
        $crate::contract_of_every_stage! { $stage }

        mod with_watermarks {
            #[allow(unused_imports, reason = "a stage may be named by its full path")]
            use super::*;
            $crate::contract_tests! { $stage, $crate::disks::SimDisks;
                quarantine: what_follows_the_last_record_is_saved_and_cut,
                    what_takes_the_place_of_synced_records_is_refused_and_left_alone;
            }
        }
    };
}

/// What every stage has to do.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_of_every_stage {
    ($stage:ty) => {
        mod on_a_simulated_disk {
            #[allow(unused_imports, reason = "a stage may be named by its full path")]
            use super::*;
            $crate::contract_on_any_disk! { $stage, $crate::disks::SimDisks }
            $crate::contract_tests! { $stage, $crate::disks::SimDisks;
                damage: a_log_cut_at_any_byte_reopens_to_its_longest_whole_prefix, zeros_at_the_end_are_a_torn_append,
                    random_bytes_are_refused_and_left_alone, random_damage_never_panics;
                read: a_scan_of_a_long_log_reads_it_piece_by_piece;
            }
            $crate::contract_of_faults! { $stage }
        }

        mod on_the_operating_systems_disk {
            #[allow(unused_imports, reason = "a stage may be named by its full path")]
            use super::*;
            $crate::contract_on_any_disk! { $stage, $crate::disks::OsDisks::new() }
            $crate::contract_tests! { $stage, $crate::disks::OsDisks::new();
                hostile: a_directory_in_place_of_the_log_is_refused;
            }
        }

        #[cfg(target_os = "linux")]
        mod on_linux {
            #[allow(unused_imports, reason = "a stage may be named by its full path")]
            use super::*;
            $crate::contract_tests! { $stage, $crate::disks::OsDisks::new();
                hostile: a_read_only_directory_is_refused;
            }
        }
    };
}

/// The contract of a log that has more than one file, besides [`contract!`](crate::contract): the same tests on a log
/// that begins a new file after a few records, as [`Stage::open_small`] gives it.
#[macro_export]
macro_rules! contract_of_small_files {
    ($stage:ty) => {
        mod on_small_files {
            #[allow(unused_imports, reason = "a stage may be named by its full path")]
            use super::*;
            $crate::contract_on_any_number_of_files! { $crate::contract::Small<$stage>, $crate::disks::SimDisks }
            $crate::contract_of_faults! { $crate::contract::Small<$stage> }
        }
    };
}

/// The part of the contract that runs on every kind of disk.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_on_any_disk {
    ($stage:ty, $disks:expr) => {
        $crate::contract_on_any_number_of_files! { $stage, $disks }
        $crate::contract_tests! { $stage, $disks;
            damage: a_torn_log_opens_twice_to_the_same_bytes, damage_in_the_middle_is_an_error_at_its_place,
                a_derived_file_can_say_what_it_likes;
            read: a_record_has_one_position_from_wherever_it_is_reached;
        }
    };
}

/// The part that does not look into the files.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_on_any_number_of_files {
    ($stage:ty, $disks:expr) => {
        $crate::contract_tests! { $stage, $disks;
            append: offsets_start_at_zero_and_grow_by_one, any_bytes_come_back_as_they_went_in,
                a_batch_leaves_the_same_log_as_its_records_one_by_one, an_empty_batch_changes_nothing,
                a_record_of_the_largest_size_is_taken, a_record_over_the_limit_is_refused_and_the_log_goes_on,
                what_is_not_synced_is_shown_to_no_durable_reader;
            read: a_scan_starts_at_any_offset, beyond_the_end_there_is_nothing, a_reader_follows_the_log_and_a_scan_does_not,
                a_reader_outlives_its_writer, many_readers_see_only_whole_prefixes_of_a_growing_log;
            open: a_reopened_log_is_the_same_log, what_was_written_is_durable_after_reopening,
                a_second_writer_is_refused_until_the_first_is_gone, reading_alone_changes_nothing,
                reading_alone_needs_a_log, a_torn_append_makes_room_for_a_shorter_one;
            share: producers_get_every_offset_once_and_keep_their_order, a_shared_append_is_there_when_it_returns,
                a_shared_log_holds_its_directory_until_it_is_dropped,
                a_shared_log_refuses_the_record_over_the_limit_alone;
        }
    };
}

/// The part that breaks the disk.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_of_faults {
    ($stage:ty) => {
        $crate::contract_tests! { $stage, $crate::disks::SimDisks;
            faults: a_full_disk_takes_no_acknowledged_record_back, a_disk_without_room_takes_no_record,
                any_operation_of_opening_may_fail, any_operation_of_reading_alone_may_fail,
                any_operation_of_an_append_may_fail, a_failed_sync_shows_nothing_as_durable;
            model: a_log_does_what_a_vector_does;
        }
    };
}

/// One test for each function that is named.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($stage:ty, $disks:expr; $($module:ident: $($test:ident),+;)+) => {
        $($(
            #[test]
            fn $test() {
                $crate::contract::$module::$test::<$stage>(&$disks);
            }
        )+)+
    };
}

/// The stage's log in `disk`, which has to open.
fn open<S: Stage>(disk: &Arc<dyn Disk>) -> S::Log {
    S::open(Arc::clone(disk)).unwrap_or_else(|error| panic!("the log in {:?} opens: {error}", disk.path()))
}

/// The same log, closed and opened.
fn reopen<S: Stage>(log: S::Log, disk: &Arc<dyn Disk>) -> S::Log {
    drop(log);
    open::<S>(disk)
}

/// Appends the next `count` of the laboratory's records in one batch, and syncs.
fn append_synced<L: Log>(log: &mut L, count: u64) {
    let first = log.next_offset();
    assert_eq!(log.append(&records(first, count)).expect("an append"), first);
    assert_eq!(log.sync().expect("a sync"), first.plus(count));
}

/// What a kill leaves of a log whose first `synced` records were synced, and the next `unsynced` only appended, one by
/// one: each of these may be the first that is lost.
fn killed_log<S: Stage>(disks: &dyn Disks, synced: u64, unsynced: u64) -> Image {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    if synced > 0 {
        append_synced(&mut log, synced);
    }
    for offset in (synced..synced + unsynced).map(Offset) {
        assert_eq!(log.append(&[record(offset)]).expect("an append"), offset);
    }
    // Closing a log may write down that all of it is durable. A kill does not.
    Image::of(&disk)
}

/// The reader sees the laboratory's first `count` records and nothing else.
fn assert_holds<R: Reader>(reader: &R, count: u64) {
    assert_prefix(reader, count, || "this log");
}

/// The same; `context` says what was done to the log, should it not be as expected.
fn assert_prefix<R: Reader, D: Display>(reader: &R, count: u64, context: impl Fn() -> D) {
    assert_eq!(reader.end(), Offset(count), "the end that a reader sees; {}", context());
    let mut scan = reader.scan(Offset(0)).expect("a scan");
    for offset in (0..count).map(Offset) {
        match scan.next() {
            Ok(Some(entry)) => assert_eq!((entry.offset, entry.record), (offset, record(offset)), "{}", context()),
            other => panic!("expected record {offset}, got {other:?}; {}", context()),
        }
    }
    assert_eq!(scan.next().expect("the end"), None, "{}", context());
}

#[cfg(test)]
mod tests {
    /// A function that the macro does not name would be run by nobody.
    #[test]
    fn the_macro_names_every_test_of_the_contract() {
        let macros = include_str!("contract.rs");
        let modules = [
            include_str!("contract/append.rs"),
            include_str!("contract/damage.rs"),
            include_str!("contract/faults.rs"),
            include_str!("contract/hostile.rs"),
            include_str!("contract/model.rs"),
            include_str!("contract/open.rs"),
            include_str!("contract/quarantine.rs"),
            include_str!("contract/read.rs"),
            include_str!("contract/share.rs"),
        ];
        for function in modules.iter().flat_map(|module| module.split("\npub fn ").skip(1)) {
            let name = function.split('<').next().unwrap_or_default();
            assert!(macros.contains(name), "`{name}` is not in the list of lab::contract!");
        }
    }
}
