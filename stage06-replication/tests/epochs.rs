//! Leader epochs: what they say of a log, and that two logs which are cut by them are the same as far as they go.
//!
//! The model is a log that knows of each offset which leader wrote it.

use proptest::collection::vec;
use proptest::prelude::*;
use stage06::Offset;
use stage06::epochs::{EpochEnd, Epochs};
use stage06::ids::LeaderEpoch;

/// Epochs that start where it says.
fn epochs(entries: &[(u32, u64)]) -> Epochs {
    let mut epochs = Epochs::default();
    entries.iter().for_each(|&(epoch, start)| epochs.begin(LeaderEpoch(epoch), Offset(start)));
    epochs
}

fn starts(epochs: &Epochs) -> Vec<(u32, u64)> {
    epochs.entries().iter().map(|entry| (entry.epoch.0, entry.start.0)).collect()
}

fn end(epoch: u32, end: u64) -> Option<EpochEnd> {
    Some(EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(end) })
}

#[test]
fn an_epoch_ends_where_the_next_one_starts_and_the_last_one_where_the_log_ends() {
    let epochs = epochs(&[(1, 0), (2, 10), (5, 25)]);
    assert_eq!(epochs.end_of(LeaderEpoch(1), Offset(30)), end(1, 10));
    assert_eq!(epochs.end_of(LeaderEpoch(2), Offset(30)), end(2, 25));
    assert_eq!(epochs.end_of(LeaderEpoch(5), Offset(30)), end(5, 30));
}

#[test]
fn who_asks_for_an_epoch_that_is_not_there_hears_of_the_one_before_it() {
    let epochs = epochs(&[(2, 0), (5, 25)]);
    assert_eq!(epochs.end_of(LeaderEpoch(4), Offset(30)), end(2, 25), "and that the answer is about that one");
    assert_eq!(epochs.end_of(LeaderEpoch(9), Offset(30)), end(5, 30));
    assert_eq!(epochs.end_of(LeaderEpoch(1), Offset(30)), None, "the log has nothing that old");
    assert_eq!(Epochs::default().end_of(LeaderEpoch(1), Offset(0)), None);
}

#[test]
fn an_epoch_without_a_record_is_the_latest_all_the_same() {
    let epochs = epochs(&[(1, 0), (4, 10)]);
    assert_eq!(epochs.latest(), Some(LeaderEpoch(4)));
    assert_eq!(epochs.end_of(LeaderEpoch(4), Offset(10)), end(4, 10));
    assert_eq!(epochs.end_of(LeaderEpoch(1), Offset(10)), end(1, 10));
}

#[test]
fn an_epoch_starts_once_and_none_before_the_one_that_has_started() {
    let mut epochs = epochs(&[(3, 10)]);
    epochs.begin(LeaderEpoch(3), Offset(12));
    epochs.begin(LeaderEpoch(2), Offset(14));
    assert_eq!(starts(&epochs), [(3, 10)]);
}

#[test]
fn a_cut_takes_the_epochs_that_start_there_or_behind_even_if_it_takes_no_record() {
    let mut epochs = epochs(&[(1, 0), (2, 10), (5, 25)]);
    epochs.truncate(Offset(25));
    assert_eq!(starts(&epochs), [(1, 0), (2, 10)]);
    epochs.truncate(Offset(11));
    assert_eq!(starts(&epochs), [(1, 0), (2, 10)]);
    epochs.truncate(Offset(0));
    assert_eq!(epochs, Epochs::default());
}

#[test]
fn the_epoch_of_the_first_record_that_is_left_starts_there() {
    let mut epochs = epochs(&[(1, 0), (2, 10), (5, 25)]);
    epochs.delete_before(Offset(10));
    assert_eq!(starts(&epochs), [(2, 10), (5, 25)]);
    epochs.delete_before(Offset(12));
    assert_eq!(starts(&epochs), [(2, 12), (5, 25)]);
    epochs.delete_before(Offset(11));
    assert_eq!(starts(&epochs), [(2, 12), (5, 25)], "what is gone does not come back");
    epochs.delete_before(Offset(40));
    assert_eq!(starts(&epochs), [(5, 40)], "the leader of a log in which nothing is left is still known");
}

/// A log that knows of each offset from `start` on which epoch wrote it, and its epochs.
#[derive(Clone, Debug, Default)]
struct Model {
    start: u64,
    written_by: Vec<u32>,
    epochs: Epochs,
}

impl Model {
    fn of(start: u64, written_by: Vec<u32>) -> Model {
        let mut model = Model { start, ..Model::default() };
        written_by.into_iter().for_each(|epoch| model.append(epoch));
        model
    }

    fn end(&self) -> Offset {
        Offset(self.start + self.written_by.len() as u64)
    }

    fn append(&mut self, epoch: u32) {
        self.epochs.begin(LeaderEpoch(epoch), self.end());
        self.written_by.push(epoch);
    }

    fn truncate(&mut self, end: Offset) {
        self.written_by.truncate((end.0 - self.start) as usize);
        self.epochs.truncate(end);
    }

    /// What the epochs say, counted.
    fn end_of(&self, epoch: u32) -> Option<EpochEnd> {
        let is_old = |written: &&u32| **written <= epoch;
        let floor = self.written_by.iter().rfind(is_old)?;
        end(*floor, self.start + self.written_by.iter().filter(is_old).count() as u64)
    }

    /// Follows a leader as far as the protocol says: where the logs part, this one is cut. `false` if that does not come
    /// to an end: each cut takes an epoch or is the last.
    fn cut_to(&mut self, leader: &Model) -> bool {
        for _ in 0..=self.epochs.entries().len() {
            let Some(last) = self.epochs.latest() else { return true };
            let known = leader.epochs.end_of(last, leader.end());
            let end = match known {
                Some(known) if known.epoch == last && known.end >= self.end() => return true,
                Some(known) => {
                    let own = self.epochs.end_of(known.epoch, self.end());
                    own.map_or(Offset(self.start), |own| own.end.min(known.end))
                }
                None => Offset(self.start),
            };
            self.truncate(end);
        }
        false
    }
}

/// A log whose epochs never fall, from an offset on.
fn logs() -> impl Strategy<Value = Model> {
    (0u64..5, vec(0u32..8, 1..20)).prop_map(|(start, mut written_by)| {
        written_by.sort_unstable();
        Model::of(start, written_by)
    })
}

/// One reign of the history of a tablet: who leads, how much it writes, and how much of it each replica copies; `None`
/// for one that is cut off.
#[derive(Clone, Debug)]
struct Reign {
    leader: usize,
    writes: usize,
    copies: [Option<usize>; 3],
}

fn histories() -> impl Strategy<Value = Vec<Reign>> {
    let copies = proptest::array::uniform3(proptest::option::of(0usize..6));
    let reign = (0usize..3, 0usize..5, copies).prop_map(|(leader, writes, copies)| Reign { leader, writes, copies });
    vec(reign, 1..12)
}

proptest! {
    #[test]
    fn the_epochs_of_a_log_say_what_a_count_of_its_records_says(log in logs(), asked in 0u32..10) {
        prop_assert_eq!(log.epochs.end_of(LeaderEpoch(asked), log.end()), log.end_of(asked));
    }

    #[test]
    fn a_log_that_is_cut_has_the_epochs_of_what_is_left(log in logs(), at in any::<prop::sample::Index>()) {
        let left = at.index(log.written_by.len() + 1);
        let mut cut = log.clone();
        cut.truncate(Offset(log.start + left as u64));
        prop_assert_eq!(cut.epochs, Model::of(log.start, log.written_by[..left].to_vec()).epochs);
    }

    #[test]
    fn a_log_whose_beginning_is_deleted_has_the_epochs_of_what_is_left(
        log in logs(), at in any::<prop::sample::Index>()
    ) {
        let gone = at.index(log.written_by.len());
        let (start, mut epochs) = (log.start + gone as u64, log.epochs.clone());
        epochs.delete_before(Offset(start));
        prop_assert_eq!(epochs, Model::of(start, log.written_by[gone..].to_vec()).epochs);
    }

    /// Whatever leaders a tablet has had, and whatever of their records each replica has got: a replica that is cut by
    /// the epochs has exactly what it has in common with its leader. No more, or it would serve records that nobody
    /// else has; and no less, or it would give up what may be acknowledged.
    #[test]
    fn two_logs_of_one_history_that_are_cut_by_their_epochs_keep_what_they_have_in_common(history in histories()) {
        let mut logs: [Model; 3] = Default::default();
        for (epoch, Reign { leader, writes, copies }) in (1..).zip(history) {
            let mut leading = logs[leader].clone();
            leading.epochs.begin(LeaderEpoch(epoch), leading.end());
            (0..writes).for_each(|_| leading.append(epoch));
            for (follower, copies) in copies.into_iter().enumerate().filter(|(follower, _)| *follower != leader) {
                let Some(copies) = copies else { continue };
                let log = &mut logs[follower];
                let pairs = log.written_by.iter().zip(&leading.written_by);
                let common = pairs.take_while(|(one, other)| one == other).count();
                prop_assert!(log.cut_to(&leading), "it is cut again and again");
                prop_assert_eq!(&log.written_by[..], &leading.written_by[..common]);
                leading.written_by[common..].iter().take(copies).for_each(|&epoch| log.append(epoch));
            }
            logs[leader] = leading;
        }
    }
}
