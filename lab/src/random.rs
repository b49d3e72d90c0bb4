//! Random numbers that are the same every time.

use std::env;
use std::sync::OnceLock;

/// The environment variable for other samples than those that everybody has seen: any number.
pub const SEED_VARIABLE: &str = "LAB_SEED";

/// What is in [`SEED_VARIABLE`], or zero. Every sample of crash states is drawn with its own seed and this one.
///
/// # Panics
///
/// If it is set to something that is no number.
pub fn seed_of_this_run() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| match env::var(SEED_VARIABLE) {
        Ok(text) => text.trim().parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE} is `{text}`, which is no number")),
        Err(_) => 0,
    })
}

/// The environment variable for more states than in everybody's run: a whole number, 1 if it is not set.
pub const STATES_VARIABLE: &str = "LAB_STATES";

/// What is in [`STATES_VARIABLE`], or one. Every limit on the crash states at one point is multiplied by it, and that on the
/// states at one point of the recovery from each of them by its square root: `LAB_STATES=10 cargo test --release` visits
/// between ten and thirty times as many, where there are so many.
///
/// # Panics
///
/// If it is set to something that is no number, or to zero.
pub fn states_of_this_run() -> u64 {
    static STATES: OnceLock<u64> = OnceLock::new();
    *STATES.get_or_init(|| match env::var(STATES_VARIABLE) {
        Ok(text) => match text.trim().parse() {
            Ok(times) if times > 0 => times,
            _ => panic!("{STATES_VARIABLE} is `{text}`, which is no number greater than zero"),
        },
        Err(_) => 1,
    })
}

/// A small random number generator, SplitMix64: a seed gives the same numbers on every machine and in every version
/// of the course, so a failing test can be run again from the seed that it prints.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number, any of 2^64.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high bits of a product: as even as 64 bits can be, without a division.
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// `count` random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number() as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_numbers_of_the_published_generator() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.number(), 6_457_827_717_110_365_317);
        assert_eq!(random.number(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_below_a_bound_reach_all_of_them() {
        let mut random = Random::new(7);
        let mut seen = [false; 6];
        (0..200).for_each(|_| seen[random.below(6) as usize] = true);
        assert_eq!(seen, [true; 6]);
    }
}
