//! All combinations of some choices, or a sample of them.

use super::crash_state::Sampling;
use crate::random::{Random, seed_of_this_run};

/// Goes through the combinations of some choices, where choice `i` is one of `options[i]`, numbered from 0.
///
/// By convention, option 0 of each is "nothing survived" and the last is "all survived".
#[derive(Debug)]
pub(super) struct Choices {
    options: Vec<u32>,
    walk: Walk,
}

#[derive(Debug)]
enum Walk {
    /// Every combination, counted up like an odometer.
    All { next: Option<Vec<u32>> },
    /// A sample of them.
    Some { drawn: u64, count: u64, random: Random },
}

/// How many combinations are drawn at most for each state that is wanted.
const DRAWS_FOR_EACH: u64 = 4;

impl Choices {
    /// All combinations if there are at most `sampling.states_max`; otherwise some more than that, drawn by the seed and
    /// `salt`, since of those that are drawn some say the same.
    pub(super) fn new(options: Vec<u32>, sampling: Sampling, salt: u64) -> Choices {
        let combinations = options.iter().try_fold(1u64, |product, options| product.checked_mul(u64::from(*options)));
        let walk = match combinations {
            Some(combinations) if combinations <= sampling.states_max => {
                Walk::All { next: Some(vec![0; options.len()]) }
            }
            _ => {
                let seed = sampling.seed ^ seed_of_this_run().rotate_left(32);
                let random = Random::new(seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                Walk::Some { drawn: 0, count: sampling.states_max.saturating_mul(DRAWS_FOR_EACH), random }
            }
        };
        Choices { options, walk }
    }
}

impl Iterator for Choices {
    type Item = Vec<u32>;

    fn next(&mut self) -> Option<Vec<u32>> {
        match &mut self.walk {
            Walk::All { next } => {
                let current = next.take()?;
                *next = count_up(&current, &self.options);
                Some(current)
            }
            Walk::Some { drawn, count, .. } if *drawn == *count => None,
            Walk::Some { drawn, random, .. } => {
                *drawn += 1;
                Some(match *drawn {
                    1 => vec![0; self.options.len()],
                    2 => self.options.iter().map(|options| options - 1).collect(),
                    _ => draw(&self.options, random),
                })
            }
        }
    }
}

/// The combination after `current`; the last choice turns fastest.
fn count_up(current: &[u32], options: &[u32]) -> Option<Vec<u32>> {
    let mut next = current.to_vec();
    for (choice, options) in next.iter_mut().zip(options).rev() {
        *choice += 1;
        if *choice < *options {
            return Some(next);
        }
        *choice = 0;
    }
    None
}

/// A random combination. Even chances for each choice would hardly ever leave one hole in a long write, so how likely
/// it is that something survives is drawn first.
fn draw(options: &[u32], random: &mut Random) -> Vec<u32> {
    let eighths = random.below(9);
    let mut choose = |options: &u32| match random.below(8) < eighths {
        true => options - 1,
        false => random.below(u64::from(*options)) as u32,
    };
    options.iter().map(&mut choose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_combinations_are_all_visited_once() {
        let all: Vec<_> = Choices::new(vec![2, 1, 3], Sampling { states_max: 6, seed: 0 }, 0).collect();
        assert_eq!(all, [[0, 0, 0], [0, 0, 1], [0, 0, 2], [1, 0, 0], [1, 0, 1], [1, 0, 2]]);
        let none: Vec<Vec<u32>> = Choices::new(vec![], Sampling { states_max: 1, seed: 0 }, 0).collect();
        assert_eq!(none, [Vec::<u32>::new()], "nothing to choose is one combination");
    }

    #[test]
    fn many_combinations_are_sampled_from_nothing_to_everything() {
        let options = vec![3; 100];
        let sample: Vec<_> = Choices::new(options, Sampling { states_max: 500, seed: 1 }, 7).take(500).collect();
        assert_eq!(sample.len(), 500);
        assert_eq!((&sample[0], &sample[1]), (&vec![0; 100], &vec![2; 100]));
        let one_hole = |choice: &&Vec<u32>| choice.iter().filter(|&&option| option < 2).count() == 1;
        let survivors = |choice: &Vec<u32>| choice.iter().filter(|&&option| option == 2).count();
        assert!(sample.iter().any(|choice| survivors(choice) > 95), "some samples lose little");
        assert!(sample.iter().any(|choice| survivors(choice) < 45), "some samples lose much");
        assert!(sample.iter().filter(one_hole).count() < 400, "the samples differ");
    }
}
