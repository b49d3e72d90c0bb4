//! What a log knows of the producers that count.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use stage06::Offset;
use stage06::batch::{Batch, Sequence};
use stage06::producers::{BATCHES_MAX, Check, PRODUCERS_MAX, Producers};
use stage06::replica_log::ReplicaLog;
use stage06::sim::MemoryLog;

use super::{batch, of, sequence};

fn duplicate(base: u64, end: u64) -> Check {
    Check::Duplicate { base: Offset(base), end: Offset(end) }
}

/// Producer 7 has written 7 batches of 2 records, from offset 0 and sequence 0 on.
fn seven() -> Producers {
    let batches: Vec<Batch> =
        (0..7).map(|number| batch(u64::from(number) * 2, 2, sequence(7, 0, number * 2))).collect();
    of(0, &batches)
}

#[test]
fn the_next_batch_goes_on_where_the_last_one_ends() {
    let producers = seven();
    assert_eq!(producers.check(&sequence(7, 0, 14), 3), Check::New);
    assert_eq!(producers.check(&sequence(7, 0, 15), 3), Check::OutOfSequence, "number 14 is missing");
}

#[test]
fn each_of_the_last_five_batches_is_known_with_its_place() {
    let producers = seven();
    for number in 2..7_u32 {
        let base = u64::from(number) * 2;
        assert_eq!(producers.check(&sequence(7, 0, number * 2), 2), duplicate(base, base + 2), "batch {number}");
    }
}

#[test]
fn a_batch_that_is_older_than_five_is_not_taken_for_a_success() {
    assert_eq!(BATCHES_MAX, 5);
    assert_eq!(seven().check(&sequence(7, 0, 2), 2), Check::OutOfSequence);
}

#[test]
fn a_batch_that_begins_like_one_that_is_there_and_is_longer_is_another_one() {
    assert_eq!(seven().check(&sequence(7, 0, 12), 3), Check::OutOfSequence);
}

#[test]
fn behind_the_largest_number_comes_0() {
    let last = i32::MAX as u32;
    let producers = of(9, &[batch(10, 1, sequence(7, 0, last))]);
    assert_eq!(producers.check(&sequence(7, 0, 0), 1), Check::New);
    let producers = of(9, &[batch(10, 4, sequence(7, 0, last - 1))]);
    assert_eq!(producers.check(&sequence(7, 0, 2), 1), Check::New, "the batch itself went over the end");
    assert_eq!(producers.check(&sequence(7, 0, last - 1), 4), duplicate(10, 14));
}

#[test]
fn another_epoch_begins_at_0_and_ends_the_one_before() {
    let mut producers = seven();
    assert_eq!(producers.check(&sequence(7, 1, 14), 1), Check::OutOfSequence, "it does not go on with the old numbers");
    assert_eq!(producers.check(&sequence(7, 1, 0), 1), Check::New);
    producers.append(&batch(14, 1, sequence(7, 1, 0)));
    assert_eq!(producers.check(&sequence(7, 0, 14), 1), Check::Fenced);
    assert_eq!(producers.check(&sequence(7, 0, 12), 2), Check::Fenced, "not even what is there");
    assert_eq!(producers.check(&sequence(7, 1, 1), 1), Check::New);
}

#[test]
fn a_producer_that_nobody_knows_begins_at_0_where_the_whole_log_is_there() {
    let producers = seven();
    assert_eq!(producers.check(&sequence(8, 0, 0), 1), Check::New);
    assert_eq!(producers.check(&sequence(8, 0, 3), 1), Check::OutOfSequence, "its first batch is still to come");
}

#[test]
fn a_producer_that_may_have_been_forgotten_goes_on_where_it_says() {
    let mut producers = seven();
    producers.delete_before(Offset(2));
    assert_eq!(producers.check(&sequence(8, 3, 1_000), 1), Check::New);
    assert_eq!(Producers::new(Offset(40)).check(&sequence(8, 3, 1_000), 1), Check::New);
}

#[test]
fn what_retention_has_given_up_is_forgotten() {
    let mut producers = seven();
    producers.delete_before(Offset(12));
    assert_eq!(producers.check(&sequence(7, 0, 10), 2), Check::OutOfSequence);
    assert_eq!(producers.check(&sequence(7, 0, 12), 2), duplicate(12, 14));
    producers.delete_before(Offset(14));
    assert!(producers.is_empty());
}

#[test]
fn when_there_are_too_many_the_one_that_has_been_silent_for_longest_is_forgotten() {
    let mut producers = Producers::new(Offset(0));
    for number in 0..PRODUCERS_MAX as u64 {
        producers.append(&batch(number, 1, sequence(number, 0, 0)));
    }
    let end = PRODUCERS_MAX as u64;
    // Producer 0 is the oldest, and has written last.
    producers.append(&batch(end, 1, sequence(0, 0, 1)));
    producers.append(&batch(end + 1, 1, sequence(end, 0, 0)));
    assert_eq!(producers.len(), PRODUCERS_MAX);
    assert_eq!(producers.check(&sequence(0, 0, 1), 1), duplicate(end, end + 1));
    assert_eq!(
        producers.check(&sequence(1, 0, 5), 1),
        Check::New,
        "producer 1 is unknown, and may have been forgotten"
    );
    assert_eq!(producers.check(&sequence(2, 0, 5), 1), Check::OutOfSequence, "producer 2 is not");
}

#[test]
fn batches_that_are_not_counted_change_nothing() {
    let mut producers = seven();
    producers.append(&Batch { sequence: None, ..batch(14, 3, sequence(7, 0, 0)) });
    assert_eq!(producers, seven());
}

/// What is checked against a list of all batches, whatever is appended, cut and deleted.
#[test]
fn what_is_known_is_what_a_look_at_the_whole_log_says() {
    for seed in 0..200 {
        let mut random = Rng::with_seed(seed);
        let (mut log, mut producers) = (MemoryLog::default(), Producers::new(Offset(0)));
        let mut next: BTreeMap<u64, (u16, u32)> = BTreeMap::new();
        for _ in 0..100 {
            match random.u32(0..10) {
                0 => {
                    let (start, end) = (log.start().0, log.end().0);
                    log.truncate(Offset(random.u64(start..=end))).unwrap();
                    producers = log.producers().unwrap();
                }
                1 => {
                    let start = log.delete_before(Offset(random.u64(log.start().0..=log.end().0) / 2));
                    producers.delete_before(start);
                }
                _ => {
                    let (number, count) = (random.u64(0..4), random.u32(1..4));
                    let (epoch, first) = next.entry(number).or_default();
                    if random.u32(0..8) == 0 {
                        (*epoch, *first) = (*epoch + 1, 0);
                    }
                    let new = batch(log.end().0, count, sequence(number, *epoch, *first));
                    *first += count;
                    log.append(std::slice::from_ref(&new)).unwrap();
                    producers.append(&new);
                }
            }
            assert_eq!(producers, log.producers().unwrap(), "seed {seed}");
            check_against(&log.read(log.start(), usize::MAX).unwrap(), &producers);
        }
    }
}

/// The last five batches of each producer's last epoch are duplicates where they are, and nothing else is.
fn check_against(batches: &[Batch], producers: &Producers) {
    let counted = |number: u64| {
        let of: Vec<(&Batch, Sequence)> = batches
            .iter()
            .filter_map(|batch| Some((batch, batch.sequence?)))
            .filter(|(_, sequence)| sequence.producer == number)
            .collect();
        let epoch = of.last().map(|(_, sequence)| sequence.epoch);
        let tail = of.iter().rposition(|(_, sequence)| Some(sequence.epoch) != epoch).map_or(0, |at| at + 1);
        of[tail..].to_vec()
    };
    let numbers: BTreeSet<u64> = batches.iter().filter_map(|batch| Some(batch.sequence?.producer)).collect();
    assert_eq!(producers.len(), numbers.len());
    for number in numbers {
        let last = counted(number);
        let remembered = last.len().saturating_sub(BATCHES_MAX);
        for (at, (batch, sequence)) in last.iter().enumerate() {
            let expected = match at < remembered {
                true => Check::OutOfSequence,
                false => duplicate(batch.base_offset.0, batch.end_offset().0),
            };
            assert_eq!(producers.check(sequence, batch.count), expected);
        }
    }
}
