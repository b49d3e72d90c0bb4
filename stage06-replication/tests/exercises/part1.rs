//! Part 1: what a log knows of itself: where each leader's records start, and how far all of it is safe.

use fastrand::Rng;
use stage06::Offset;
use stage06::epochs::{EpochEnd, Epochs};
use stage06::ids::LeaderEpoch;
use stage06::log_ends::{Flush, LogEnds};

/// The epochs of a log, from pairs of an epoch and its first offset.
fn epochs(entries: &[(u32, u64)]) -> Epochs {
    let mut epochs = Epochs::default();
    entries.iter().for_each(|&(epoch, start)| epochs.begin(LeaderEpoch(epoch), Offset(start)));
    epochs
}

fn starts(epochs: &Epochs) -> Vec<(u32, u64)> {
    epochs.entries().iter().map(|entry| (entry.epoch.0, entry.start.0)).collect()
}

fn end_of(epochs: &Epochs, epoch: u32, log_end: u64) -> Option<(u32, u64)> {
    epochs.end_of(LeaderEpoch(epoch), Offset(log_end)).map(|end| (end.epoch.0, end.end.0))
}

/// A log of which everything up to `end` is durable.
fn ends(end: u64, flush: Flush) -> LogEnds {
    LogEnds::opened(Offset(0), Offset(end), epochs(&[(1, 0)]), flush)
}

/// An epoch starts where its first record is, once; and one that is older than the last one does not start any more.
#[test]
fn s06p1_an_epoch_starts_once_and_none_starts_behind_a_later_one() {
    let mut epochs = epochs(&[(1, 0), (3, 4)]);
    epochs.begin(LeaderEpoch(3), Offset(6));
    epochs.begin(LeaderEpoch(2), Offset(7));
    assert_eq!(starts(&epochs), [(1, 0), (3, 4)], "epoch 3 has started at 4, and epoch 2 is over");
    epochs.begin(LeaderEpoch(4), Offset(4));
    assert_eq!(starts(&epochs), [(1, 0), (3, 4), (4, 4)], "epoch 3 has no record, and counts all the same");
}

/// An epoch ends where the next one starts, and the last one where the log ends.
#[test]
fn s06p1_an_epoch_ends_where_the_next_one_starts() {
    let epochs = epochs(&[(1, 0), (3, 4), (4, 4), (7, 9)]);
    for (asked, end) in [(1, 4), (3, 4), (4, 9), (7, 12)] {
        assert_eq!(end_of(&epochs, asked, 12), Some((asked, end)), "epoch {asked} in a log that ends at 12");
    }
}

/// Who asks for an epoch that the log does not have hears of the last one before it, and hears *which one that is*: an
/// offset alone would be taken for the end of the wrong epoch (KIP-279).
#[test]
fn s06p1_an_answer_says_which_epoch_it_is_about() {
    let epochs = epochs(&[(2, 5), (4, 8)]);
    for (asked, said) in [(3, Some((2, 8))), (9, Some((4, 12))), (1, None), (0, None)] {
        assert_eq!(end_of(&epochs, asked, 12), said, "epoch {asked} in a log of the epochs 2 and 4");
    }
    assert_eq!(end_of(&Epochs::default(), 1, 0), None, "a log that has nothing knows of nothing");
}

/// A log that is cut forgets the epochs that would start at its new end, those without a record among them. If one of them
/// stayed, the follower would name it in its next question, and hear the same answer for ever.
#[test]
fn s06p1_a_cut_takes_the_epochs_that_start_there_or_behind() {
    for (end, left) in
        [(9, vec![(1, 0), (3, 4), (4, 4)]), (5, vec![(1, 0), (3, 4), (4, 4)]), (4, vec![(1, 0)]), (0, vec![])]
    {
        let mut epochs = epochs(&[(1, 0), (3, 4), (4, 4), (6, 9)]);
        epochs.truncate(Offset(end));
        assert_eq!(starts(&epochs), left, "cut at {end}");
    }
}

/// When the oldest records are deleted, the epoch of the first record that is left is still known, and starts there.
#[test]
fn s06p1_the_epoch_of_the_first_record_that_is_left_starts_there() {
    for (start, left) in [
        (0, vec![(1, 0), (3, 4), (4, 4), (6, 9)]),
        (2, vec![(1, 2), (3, 4), (4, 4), (6, 9)]),
        (4, vec![(4, 4), (6, 9)]),
        (7, vec![(4, 7), (6, 9)]),
        (20, vec![(6, 20)]),
    ] {
        let mut epochs = epochs(&[(1, 0), (3, 4), (4, 4), (6, 9)]);
        epochs.delete_before(Offset(start));
        assert_eq!(starts(&epochs), left, "the log begins at {start} now");
    }
    let mut none = Epochs::default();
    none.delete_before(Offset(3));
    none.truncate(Offset(3));
    assert_eq!(starts(&none), [], "an empty log");
}

/// A log as the epoch of each of its records. Whatever is asked of it can be counted.
#[derive(Clone, Debug)]
struct Counted(Vec<u32>);

impl Counted {
    fn append(&mut self, random: &mut Rng, mut epoch: u32, step: u32) {
        for _ in 0..random.u32(0..4) {
            epoch += random.u32(0..2) * step;
            (0..random.usize(1..4)).for_each(|_| self.0.push(epoch));
            epoch += step;
        }
    }

    fn epochs(&self) -> Epochs {
        let mut epochs = Epochs::default();
        self.0.iter().zip(0..).for_each(|(&epoch, at)| epochs.begin(LeaderEpoch(epoch), Offset(at)));
        epochs
    }

    fn end_of(&self, asked: u32) -> Option<(u32, u64)> {
        let last = self.0.iter().rposition(|&epoch| epoch <= asked)?;
        Some((self.0[last], last as u64 + 1))
    }
}

/// The list of epochs says what a count of the records says: for each epoch, in logs of all kinds, also after they were
/// cut or have lost their beginning.
#[test]
fn s06p1_the_epochs_say_what_a_count_of_the_records_says() {
    let mut random = Rng::with_seed(6);
    for _ in 0..500 {
        let mut log = Counted(Vec::new());
        log.append(&mut random, 1, 1);
        let (mut known, end) = (log.epochs(), log.0.len() as u64);
        for asked in 0..12 {
            assert_eq!(end_of(&known, asked, end), log.end_of(asked), "epoch {asked} in {log:?}");
        }
        let at = random.usize(0..=log.0.len());
        log.0.truncate(at);
        known.truncate(Offset(at as u64));
        assert_eq!(known, log.epochs(), "{log:?}, which was cut at {at}");
        let start = random.usize(0..=log.0.len().saturating_sub(1));
        known.delete_before(Offset(start as u64));
        for asked in 0..12 {
            let counted = log.end_of(asked).filter(|(_, end)| *end > start as u64);
            assert_eq!(end_of(&known, asked, at as u64), counted, "epoch {asked} in {log:?}, deleted up to {start}");
        }
    }
}

/// Two logs have the same beginning, and each went on under leaders that the other has never heard of. The one is cut where
/// the other says that its last epoch ends there, until they agree: then it has what both have in common, no record more
/// and none less.
#[test]
fn s06p1_two_logs_that_have_parted_are_cut_to_what_they_have_in_common() {
    let mut random = Rng::with_seed(8);
    for _ in 0..2_000 {
        let mut leader = Counted(Vec::new());
        leader.append(&mut random, 1, 1);
        let common = leader.0.len() as u64;
        let last = leader.0.last().copied().unwrap_or(0);
        let mut follower = leader.clone();
        // From here on the leaders' epochs are even in the one log, and odd in the other.
        leader.append(&mut random, last + 1 + (last + 1) % 2, 2);
        follower.append(&mut random, last + 1 + last % 2, 2);
        let (theirs, mut own) = (leader.epochs(), follower.epochs());
        let (its_end, mut end, mut rounds) = (Offset(leader.0.len() as u64), Offset(follower.0.len() as u64), 0);
        while let Some(latest) = own.latest() {
            let answer = theirs.end_of(latest, its_end);
            if answer.is_some_and(|answer| answer.epoch == latest && answer.end >= end) {
                break;
            }
            let of = |answer: EpochEnd| own.end_of(answer.epoch, end).map(|known| known.end.min(answer.end));
            end = answer.and_then(of).unwrap_or(Offset(0));
            own.truncate(end);
            rounds += 1;
            assert!(rounds < 20, "they do not come to an end: {leader:?}, {follower:?}, {end} after {rounds} cuts");
        }
        assert_eq!(end, Offset(common), "{follower:?} was cut at {end}, to be like {leader:?}");
    }
}

/// A replica that syncs first says that it has what is durable; one that syncs later, what is written. Nobody asks for
/// anything else.
#[test]
fn s06p1_what_is_promised_is_durable_unless_the_log_syncs_later() {
    for (flush, promised) in [(Flush::Sync, 5), (Flush::Async, 8)] {
        let mut log = ends(5, flush);
        log.written = Offset(8);
        assert_eq!(log.promised(), Offset(promised), "{flush:?}: written up to 8, durable up to 5");
    }
}

/// A sync takes its time, and records are written meanwhile. It covers those that were there when it began.
#[test]
fn s06p1_a_sync_covers_what_was_written_when_it_began() {
    let mut log = ends(5, Flush::Sync);
    log.written = Offset(8);
    log.begin_sync();
    log.written = Offset(12);
    assert!(!log.wants_sync(), "one is running");
    log.end_sync();
    assert_eq!((log.promised(), log.syncing), (Offset(8), None), "what came after the sync had begun is not covered");
    assert!(log.wants_sync(), "what came meanwhile goes with the next");
    log.end_sync();
    assert_eq!(log.durable, Offset(8), "no sync was running");
}

/// The log is cut while a sync runs, and other records are written in the place of those that are gone. The sync has not
/// seen them. A log that takes them for durable promises what a power cut takes.
#[test]
fn s06p1_a_cut_takes_back_what_a_running_sync_would_have_covered() {
    let mut log = ends(5, Flush::Sync);
    log.epochs.begin(LeaderEpoch(2), Offset(6));
    log.written = Offset(9);
    log.begin_sync();
    log.truncate(Offset(6));
    assert_eq!((log.written, log.durable, log.syncing), (Offset(6), Offset(5), Some(Offset(6))), "cut at 6");
    assert_eq!(starts(&log.epochs), [(1, 0)], "the epoch that started there is gone as well");
    log.written = Offset(10);
    log.end_sync();
    assert_eq!(
        (log.durable, log.promised()),
        (Offset(6), Offset(6)),
        "records 6 to 9 are others than those it covered"
    );
    log.truncate(Offset(2));
    assert_eq!((log.written, log.durable, log.syncing), (Offset(2), Offset(2), None), "cut below what is durable");
    log.truncate(Offset(7));
    assert_eq!((log.written, log.durable), (Offset(2), Offset(2)), "a cut behind the end takes nothing");
}
