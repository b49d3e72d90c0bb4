//! What a replica says of a disk that takes its time, is cut, or fails.

use stage06::Offset;
use stage06::log_ends::Flush;
use stage06::replica::{Acks, Input, Outcome, Why};

use super::{answers, batch, batches, cut, diverging, has, is_sync, leader, produce, question, replica, state};

#[test]
fn one_sync_runs_at_a_time_and_covers_what_was_written_before_it_began() {
    let mut replica = leader(0, &[1, 2]);
    assert!(is_sync(&replica.handle(1, produce(1, Acks::Leader))));
    assert!(!is_sync(&replica.handle(2, produce(2, Acks::Leader))), "one is running");
    assert!(!is_sync(&replica.handle(3, produce(3, Acks::Leader))));
    let out = replica.handle(4, Input::Synced);
    assert_eq!((answers(&out), is_sync(&out)), (vec![(1, Outcome::Acknowledged(Offset(0)))], true));
    let both = vec![(2, Outcome::Acknowledged(Offset(1))), (3, Outcome::Acknowledged(Offset(2)))];
    let out = replica.handle(5, Input::Synced);
    assert_eq!((answers(&out), is_sync(&out)), (both, false), "the others went together");
}

#[test]
fn a_sync_that_began_before_a_cut_covers_nothing_that_was_written_after_it() {
    let mut replica = replica(0, Flush::Async);
    let asked = question(&replica.handle(0, Input::Tablet(state(2, 2, 2, &[1, 2])))).expect("a question");
    let four = (0..4).map(|base| batch(base, 1)).collect();
    let out = replica.handle(200, batches(asked.number, four, 0));
    assert!(is_sync(&out), "all four are being synced");
    let asked = question(&out).expect("one that syncs later does not wait for it");
    assert_eq!(cut(&replica.handle(201, diverging(asked.number, 1, 1))), Some(1));
    let asked = question(&replica.handle(202, Input::Truncated(Offset(1)))).expect("a question");
    replica.handle(203, batches(asked.number, vec![batch(1, 2), batch(2, 2)], 0));
    replica.handle(204, Input::Synced);
    assert_eq!((replica.log().written, replica.log().durable), (Offset(3), Offset(1)));
    assert!(is_sync(&replica.handle(400, Input::Tick)), "what is there now has a sync of its own");
}

#[test]
fn a_replica_whose_disk_has_failed_says_nothing_more_but_to_clients() {
    let mut replica = leader(0, &[1, 2]);
    replica.handle(1, produce(1, Acks::All));
    assert_eq!(answers(&replica.handle(2, Input::DiskFailed)), [(1, Outcome::Unknown(Why::DiskFailed))]);
    assert!(replica.has_failed() && replica.leading().is_none());
    assert_eq!(answers(&replica.handle(3, produce(2, Acks::All))), [(2, Outcome::Refused(Why::DiskFailed))]);
    let silent = [has(2, 1), Input::Synced, Input::Tick, Input::Tablet(state(1, 3, 3, &[1, 2]))];
    for input in silent {
        assert!(replica.handle(10_000, input).is_empty());
    }
}
