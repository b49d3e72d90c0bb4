//! A tablet's log crashed at every operation of its life, and again in its recovery.

use lab::sim::{CrashState, Event, Lens, Sampling, SimDisk, Trace};
use stage06::SegmentOptions;
use stage06::replica_log::ReplicaLog;

use super::batches::{all, batches, counted, open_with, options, recycling};
use super::life::{Expected, Life, a_whole_life};

fn expected_at<'a>(trace: &Trace, point: usize, moments: &'a [Expected]) -> &'a Expected {
    let number = trace.events()[..point].iter().rev().find_map(|event| match event {
        Event::Note(note) => note.strip_prefix("promise "),
        _ => None,
    });
    &moments[number.map_or(0, |number| number.parse::<usize>().unwrap())]
}

/// The life after a crash: the log opens and is one of those that there may be, it goes on, and what was cut or torn does
/// not come back. Returns what the recovery found.
fn live_again(disk: &SimDisk, options: SegmentOptions, expected: &Expected) -> Result<Expected, String> {
    let mut log = open_with(&disk.disk(), options).map_err(|e| format!("does not open: {e}"))?;
    expected.check(&mut log)?;
    let found = Expected { written: all(&log), durable: log.end(), start_max: log.start(), or_nothing_at: Vec::new() };
    let new = counted(batches(log.end(), 2, 1000, 7));
    log.append(&new[..1]).map_err(|e| format!("takes no batch: {e}"))?;
    log.sync().map_err(|e| format!("does not sync: {e}"))?;
    drop(log);
    let mut log = open_with(&disk.disk(), options).map_err(|e| format!("does not open again: {e}"))?;
    let written = [found.written.clone(), new[..1].to_vec()].concat();
    Expected { written, durable: new[0].end_offset(), ..found.clone() }
        .check(&mut log)
        .map_err(|e| format!("later: {e}"))?;
    Ok(found)
}

fn fails(state: &CrashState, trace: &Trace, why: &str) -> ! {
    let events = &trace.events()[state.point.saturating_sub(12)..state.point];
    let events: Vec<String> = events.iter().map(ToString::to_string).collect();
    panic!(
        "{why}\n{:?} at point {}, choice {:?}, behind:\n{}",
        state.lens,
        state.point,
        state.choice,
        events.join("\n")
    )
}

/// The whole life, crashed everywhere: `states_max` states at each point, and one at each point of every `nth` recovery.
fn crash_everywhere(lens: Lens, options: SegmentOptions, states_max: u64, nth: usize) -> usize {
    let Life { sim, moments, log, .. } = a_whole_life(options);
    let trace = sim.trace();
    drop(log);
    let mut states = 0;
    for state in trace.crash_states(lens, Sampling { states_max, seed: 1 }) {
        let expected = expected_at(&trace, state.point, &moments);
        let found = live_again(&state.disk, options, expected).unwrap_or_else(|why| fails(&state, &trace, &why));
        states += 1;
        if states % nth > 0 {
            continue;
        }
        // What recovery has served is durable; what came behind it may be there.
        let open_only = trace_of_open(&trace.crash_state(lens, state.point, &state.choice).disk, options);
        for second in open_only.crash_states(lens, Sampling { states_max: 1, seed: 2 }) {
            let why = |why: String| fails(&second, &open_only, &format!("in the second crash: {why}"));
            live_again(&second.disk, options, &found).unwrap_or_else(why);
            states += 1;
        }
    }
    states
}

/// What opening the log does to the disk.
fn trace_of_open(disk: &SimDisk, options: SegmentOptions) -> Trace {
    let log = open_with(&disk.disk(), options).expect("it opened before");
    let trace = disk.trace();
    drop(log);
    trace
}

#[test]
fn a_power_cut_at_any_point_leaves_a_log_that_was_promised() {
    let states = crash_everywhere(Lens::PowerCut, options(), 6, 7);
    assert!(states > 1000, "{states} states");
}

#[test]
fn a_torn_write_at_any_point_leaves_a_log_that_was_promised() {
    let states = crash_everywhere(Lens::TornWrite, options(), 12, 7);
    assert!(states > 2000, "{states} states");
}

/// The same where files are used again: what an old segment had in them is not found in the new one.
#[test]
fn a_power_cut_leaves_a_log_that_was_promised_where_files_are_used_again() {
    let states = crash_everywhere(Lens::PowerCut, recycling(), 2, 23);
    assert!(states > 500, "{states} states");
    let states = crash_everywhere(Lens::TornWrite, recycling(), 3, 23);
    assert!(states > 500, "{states} states");
}

#[test]
fn a_kill_at_any_point_leaves_a_log_that_was_promised() {
    let Life { sim, moments, log, .. } = a_whole_life(options());
    let trace = sim.trace();
    drop(log);
    for point in trace.points() {
        let partial = match trace.events().get(point) {
            Some(Event::Write { bytes, .. }) => vec![0, 1, bytes.len() / 2, bytes.len() - 1],
            _ => vec![0],
        };
        for partial_bytes in partial {
            let disk = trace.kill_at(point, partial_bytes);
            let expected = expected_at(&trace, point, &moments);
            if let Err(why) = live_again(&disk, options(), expected) {
                panic!("{why}\nkilled at point {point}, {partial_bytes} bytes into {:?}", trace.events().get(point));
            }
        }
    }
}
