//! Part 5: the record that was left behind.

use std::sync::Arc;

use stage02::{Log, Offset, Options};

use crate::harness::{limited, shared, spawn, text, wait_until};

/// Records are written even if nobody waits for them, whatever went on when they were handed in. Here two producers
/// wait for their answers, one group after the other, while a third hands a record in and drops the ticket.
#[test]
fn s02p5_no_record_is_left_behind() {
    limited(|| {
        let (log, gate) = shared(Options::default());
        let append = |value: &'static str| {
            let log = Arc::clone(&log);
            spawn(&gate, move || log.append(text(value)))
        };
        drop(log.submit(text("starts the background thread")).unwrap());
        let was_written = |count: u64| log.stats().appends == count;
        wait_until(&gate, "the first record to be written", || was_written(1));
        // Thrice, since a background thread that happens to be awake finds the record by itself.
        for round in 0..3 {
            let (before, syncs) = (log.next_offset().0, gate.syncs());
            gate.close();
            let first = append("under way");
            gate.wait_for_syncs(syncs + 1);
            let second = append("waits for the next group");
            wait_until(&gate, "a second record", || log.next_offset() == Offset(before + 2));
            gate.admit_one();
            first.result().unwrap();
            gate.wait_for_syncs(syncs + 2);
            drop(log.submit(text("nobody waits")).unwrap());
            gate.open();
            second.result().unwrap();
            let what = format!("record {} to be written: it was handed in and nobody wrote it", before + 2);
            wait_until(&gate, &what, || was_written(before + 3));
            assert_eq!(log.stats().groups, 1 + 3 * (round + 1), "groups: three in each round");
        }
    });
}
