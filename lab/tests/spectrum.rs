//! The loss window, measured where it is known.

use std::sync::Arc;
use std::time::Duration;

use lab::spectrum::{Clock, Timeline, Window, measure, table_line};
use stage01::{Disk, JsonLines, Log, NaiveLog, Record, Result};

fn open(disk: Arc<dyn Disk>) -> Result<NaiveLog> {
    NaiveLog::open(&disk, JsonLines)
}

fn timeline() -> Timeline {
    Timeline { appends: 60, ..Timeline::default() }
}

/// Stage 1, answered as soon as it is written.
fn unsynced(clock: Clock) -> Window {
    measure(&timeline(), clock, open, |log, record: Record<'static>| log.append(&[record])).unwrap()
}

#[test]
fn a_sync_before_each_answer_leaves_no_window() {
    let window = measure(&timeline(), Clock::Still, open, |log, record| log.append_durable(&record)).unwrap();
    assert_eq!((window.lost_max, window.lost_mean, window.time_max), (0, 0.0, Duration::ZERO));
}

#[test]
fn the_window_is_as_wide_as_the_interval() {
    for interval in [5, 20] {
        let window = unsynced(Clock::SyncEvery(Duration::from_millis(interval)));
        assert_eq!(window.lost_max, interval, "{window}");
        assert_eq!(window.time_max, Duration::from_millis(interval));
        assert!(window.lost_mean > 0.0 && window.lost_mean < interval as f64, "{window}");
    }
}

#[test]
fn without_any_sync_all_of_it_is_lost_or_what_the_system_has_not_written_back() {
    assert_eq!(unsynced(Clock::Still).lost_max, 60);
    let window = unsynced(Clock::WriteBackEvery(Duration::from_millis(30)));
    assert_eq!(window.lost_max, 30, "{window}");
    assert!(table_line("left to the system", &window).starts_with("| left to the system | 30 |"));
}
