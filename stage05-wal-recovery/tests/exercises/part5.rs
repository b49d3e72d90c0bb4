//! Part 5: recovery in the mode that may lose records, and a crash in the middle of it.

use lab::sim::{Lens, Sampling};
use stage05::decision::RecoveryMode::PointInTime;
use stage05::recovery_point::{RECOVERY_POINT, RecoveryPoint};

use crate::recovery_common::{BASE, Written, log_name, recover, recover_as, with_point};

/// A frame is damaged that was acknowledged, and somebody has agreed to lose it and what follows: the log was opened with
/// `PointInTime`. From the moment of the cut on it is an ordinary log again. A power cut in the middle may leave the log
/// as it was, or cut; if it is cut, the next open is content with it, without anybody having to agree once more. At no
/// moment is there no recovery point: it may be all that knows of what was synced in front of the cut.
#[test]
fn s05p5_a_log_that_was_cut_opens_again_whenever_the_power_failed() {
    let written = Written::synced_each(3);
    let mut bytes = written.bytes.clone();
    bytes[written.places[1].position as usize + 20] ^= 1;
    let sim = with_point(&bytes, written.end());
    let recovered = recover_as(&sim, PointInTime).expect("this mode cuts what is damaged");
    assert_eq!(recovered.end, written.places[1], "it ends in front of the damage");
    let point = RecoveryPoint::read(&sim.disk()).expect("it can be read");
    let durable = point.map(|point| point.durable);
    assert_eq!(durable, Some(written.places[1]), "the recovery point lies at the cut, and is not gone");
    let trace = sim.trace();
    for state in trace.crash_states(Lens::PowerCut, Sampling { states_max: 60, seed: 5 }) {
        let cut = state.disk.cached(&log_name()).expect("the segment is there").len();
        let point = RecoveryPoint::read(&state.disk.disk());
        assert!(
            matches!(point, Ok(Some(_))),
            "a power cut at point {} leaves no recovery point: {point:?}",
            state.point
        );
        if cut == bytes.len() {
            continue;
        }
        let point = String::from_utf8(state.disk.cached(RECOVERY_POINT).unwrap_or_default()).unwrap_or_default();
        let done: Vec<String> = trace.events()[..state.point].iter().map(ToString::to_string).collect();
        if let Err(error) = recover(&state.disk) {
            panic!(
                "the log was cut, and since the power cut no open accepts it: {error}\n\
                 The segment from record {BASE} on has {cut} bytes now, and had {}. The recovery point says:\n{point}\n\
                 Before the power cut, this was done to the disk: {done:#?}",
                bytes.len()
            );
        }
    }
}
