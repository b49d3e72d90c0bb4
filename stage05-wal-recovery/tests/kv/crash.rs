//! A crash at every operation of every write, checkpoint, deletion and recovery, and again in the life behind it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::{Content, History, Write, content, delete, durable, open, put, quick, show, try_open};
use lab::sim::{CrashState, Event, Lens, Sampling, SimDisk, Trace};

/// The ways of losing what was not synced.
pub const LENSES: [Lens; 2] = [Lens::PowerCut, Lens::TornWrite];

/// What the store is put through.
enum Step {
    Write(Write),
    Checkpoint,
    Reopen,
}

/// Puts, batches, deletes and overwrites; some synced, some not; enough for several segments and three checkpoints, one
/// of them with unsynced writes in front of it and one right behind another.
fn script() -> Vec<Step> {
    use Step::{Checkpoint, Reopen, Write};
    vec![
        Write(durable(vec![put("a", "1")])),
        Write(durable(vec![put("b", "2"), put("c", "3"), put("gone", "soon")])),
        Write(quick(vec![put("a", "4")])),
        Write(quick(vec![delete("gone"), put("d", "5")])),
        Checkpoint,
        Write(durable(vec![delete("b"), put("a", "6")])),
        Write(quick(vec![put("e", "7"), delete("e")])),
        Write(durable(vec![put("f", "8")])),
        Reopen,
        Write(quick(vec![put("b", "9")])),
        Checkpoint,
        Checkpoint,
        Write(durable(vec![delete("a")])),
        Write(quick(vec![put("g", "10"), delete("c")])),
    ]
}

/// Runs the script. The trace has, as acknowledged, how many writes are durable, and as served, how many were answered.
fn run(script: &[Step]) -> (Trace, History) {
    let sim = SimDisk::new();
    let mut history = History::new();
    let mut store = open(&sim);
    for step in script {
        match step {
            Step::Write(write) => {
                history.write(&store, write);
                sim.served(history.writes());
                if write.sync {
                    sim.acknowledge(history.writes());
                }
            }
            Step::Checkpoint => {
                store.checkpoint().expect("a checkpoint");
                sim.acknowledge(history.writes());
            }
            Step::Reopen => {
                store.close().expect("the store closes");
                store = open(&sim);
                sim.acknowledge(history.writes());
            }
        }
    }
    store.close().expect("the store closes");
    (sim.trace(), history)
}

/// What a life after the crash begins with, or an error that says what is wrong.
fn first_open(disk: &SimDisk, history: &History, required: u64) -> Result<u64, String> {
    let store = try_open(&disk.disk()).map_err(|e| format!("the store does not open: {e}"))?;
    let writes = history.place(&content(&store))?;
    match writes >= required {
        true => Ok(writes),
        false => Err(format!("{required} writes were acknowledged, {writes} are there")),
    }
}

/// Key and value of the write in the life after the crash.
const SECOND: (&str, &str) = ("second", "life");

fn second_content(history: &History, writes: u64) -> Content {
    let mut all = history.clone();
    all.truncate(writes);
    all.batch(&durable(vec![put(SECOND.0, SECOND.1)]));
    all.now().clone()
}

/// Opens the store, writes, makes a checkpoint, and opens it again: nothing comes back, nothing is lost.
fn second_life(disk: &SimDisk, history: &History, required: u64) -> Result<u64, String> {
    let writes = first_open(disk, history, required)?;
    // They were shown: no later crash may take them back.
    disk.served(writes);
    let mut all = history.clone();
    all.truncate(writes);
    let store = open(disk);
    all.write(&store, &durable(vec![put(SECOND.0, SECOND.1)]));
    disk.acknowledge(writes + 1);
    store.checkpoint().map_err(|e| format!("no checkpoint after the crash: {e}"))?;
    drop(store);
    let found = content(&open(disk));
    match found == *all.now() {
        true => Ok(writes),
        false => Err(format!("in the second life found {}\n  expected {}", show(&found), show(all.now()))),
    }
}

/// What the power cut leaves of a second life: the content of the first at some point, or all and the second's write.
fn check_third(state: &CrashState, history: &History, required: u64, writes: u64) -> Result<(), String> {
    let store = try_open(&state.disk.disk()).map_err(|e| format!("the store does not open a third time: {e}"))?;
    let found = content(&store);
    let second = second_content(history, writes);
    if found == second {
        return Ok(());
    }
    let mut first = history.clone();
    first.truncate(writes);
    let left = first.place(&found)?;
    match left >= required && state.acknowledged <= writes {
        true => Ok(()),
        false => Err(format!("the third time found {left} writes of {writes}, and not the second life's")),
    }
}

/// Lives on after a crash, with the `required` writes of which `durable` were, and crashes that life, too. Returns how
/// many states were visited.
fn live(
    disk: &SimDisk,
    history: &History,
    (durable, required): (u64, u64),
    again: Sampling,
    tell: &dyn Fn() -> String,
) -> u64 {
    let lived = catch_unwind(AssertUnwindSafe(|| second_life(disk, history, required)));
    let writes = match lived {
        Ok(Ok(writes)) => writes,
        Ok(Err(what)) => panic!("{what}\n{}", tell()),
        Err(_) => panic!("the panic above\n{}", tell()),
    };
    let life = disk.trace();
    let mut states = 1;
    if again.states_max == 0 {
        return states;
    }
    for lens in LENSES {
        for state in life.crash_states(lens, again) {
            states += 1;
            let again = || events(&life, state.point);
            check_third(&state, history, durable.max(state.served), writes).unwrap_or_else(|what| {
                panic!("{what}\n{}\nthen {lens:?} again, choice {:?}, behind\n{}", tell(), state.choice, again())
            });
        }
    }
    states
}

fn events(trace: &Trace, point: usize) -> String {
    let events = &trace.events()[..point];
    events.iter().enumerate().map(|(at, event)| format!("{at:4}  {event}\n")).collect()
}

/// A power cut at every operation: every synced write is there, a batch is whole or absent, the order is kept, deleted
/// keys stay deleted; and the life after it is cut off at every operation, too (K1 to K6).
#[test]
fn a_store_survives_every_power_cut() {
    let (trace, history) = run(&script());
    let mut states = 0;
    for lens in LENSES {
        for (number, state) in trace.crash_states(lens, Sampling { states_max: 16, seed: 5 }).enumerate() {
            let tell = || format!("{lens:?}, choice {:?}, behind\n{}", state.choice, events(&trace, state.point));
            // Every eighth state is crashed again, at each operation.
            let again = Sampling { states_max: if number % 8 == 0 { 1 } else { 0 }, seed: number as u64 };
            states += live(&state.disk, &history, (state.acknowledged, state.acknowledged), again, &tell);
        }
    }
    println!("{states} states");
    assert!(states > 30_000, "{states} states");
}

/// A kill at every operation and in the middle of every write: all that was answered is there, synced or not.
#[test]
fn a_store_survives_every_kill() {
    let (trace, history) = run(&script());
    let mut replay = trace.replay();
    let mut states = 0;
    for point in trace.points() {
        replay.advance_to(point);
        let partials = match replay.next_event() {
            Some(Event::Write { bytes, .. }) => (0..bytes.len()).step_by(23).collect(),
            _ => vec![0],
        };
        for partial in partials {
            let tell = || format!("killed {partial} bytes into the operation behind\n{}", events(&trace, point));
            let again = Sampling { states_max: u64::from(partial == 0), seed: point as u64 };
            let required = (replay.acknowledged(), replay.served().max(replay.acknowledged()));
            states += live(&replay.killed(partial), &history, required, again, &tell);
        }
    }
    println!("{states} states");
    assert!(states > 10_000, "{states} states");
}
