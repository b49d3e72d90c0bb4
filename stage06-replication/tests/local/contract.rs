//! The contract of every log. Not here: what it asks of a log whose only copy is cut, full of random bytes or a directory;
//! `damaged` and `lost` have that for three.

macro_rules! contract {
    ($module:ident, $stage:ty, $disks:expr) => {
        mod $module {
            lab::contract_tests! { $stage, $disks;
                append: offsets_start_at_zero_and_grow_by_one, any_bytes_come_back_as_they_went_in,
                    a_batch_leaves_the_same_log_as_its_records_one_by_one, an_empty_batch_changes_nothing,
                    a_record_of_the_largest_size_is_taken, a_record_over_the_limit_is_refused_and_the_log_goes_on,
                    what_is_not_synced_is_shown_to_no_durable_reader;
                read: a_scan_starts_at_any_offset, beyond_the_end_there_is_nothing,
                    a_reader_follows_the_log_and_a_scan_does_not, a_reader_outlives_its_writer,
                    many_readers_see_only_whole_prefixes_of_a_growing_log;
                open: a_reopened_log_is_the_same_log, what_was_written_is_durable_after_reopening,
                    a_second_writer_is_refused_until_the_first_is_gone, reading_alone_needs_a_log;
                share: producers_get_every_offset_once_and_keep_their_order, a_shared_append_is_there_when_it_returns,
                    a_shared_log_holds_its_directory_until_it_is_dropped,
                    a_shared_log_refuses_the_record_over_the_limit_alone;
            }
        }
    };
}

contract!(on_a_simulated_disk, stage06::Stage06, lab::disks::SimDisks);
contract!(on_the_operating_systems_disk, stage06::Stage06, lab::disks::OsDisks::new());
contract!(on_small_files, crate::Tiny, lab::disks::SimDisks);

mod of_faults {
    lab::contract_tests! { stage06::Stage06, lab::disks::SimDisks;
        faults: a_disk_without_room_takes_no_record, any_operation_of_an_append_may_fail,
            a_failed_sync_shows_nothing_as_durable;
        read: a_scan_of_a_long_log_reads_it_piece_by_piece, a_record_has_one_position_from_wherever_it_is_reached;
        model: a_log_does_what_a_vector_does;
    }
}

#[cfg(target_os = "linux")]
mod on_linux {
    lab::contract_tests! { stage06::Stage06, lab::disks::OsDisks::new(); hostile: a_read_only_directory_is_refused; }
}
