//! Random writes, checkpoints, restarts and crashes, held against a map.

use crate::common::Write;
use crate::run::{Run, Step};
use proptest::collection::vec;
use proptest::prelude::*;

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![(0..12u8).prop_map(|key| vec![b'a' + key]), Just(Vec::new()), vec(any::<u8>(), 1..30)]
}

fn write() -> impl Strategy<Value = Write> {
    let value = proptest::option::weighted(0.7, vec(any::<u8>(), 0..40));
    (vec((key(), value), 0..5), any::<bool>()).prop_map(|(changes, sync)| Write { changes, sync })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => write().prop_map(Step::Write),
        3 => Just(Step::Checkpoint),
        1 => Just(Step::Close),
        1 => Just(Step::Kill(0)),
        2 => (prop::sample::select(&crate::crash::LENSES[..]), any::<u64>()).prop_map(|(lens, seed)| Step::PowerCut(lens, seed, 0)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// The store is a map that outlives its process (K1 to K6).
    #[test]
    fn the_store_is_a_map_that_survives(steps in vec(step(), 1..60)) {
        let mut run = Run::new();
        steps.iter().for_each(|step| run.step(step));
    }
}
