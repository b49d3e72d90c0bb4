//! A tablet's log crashed at every operation of its life, and again in its recovery.

use lab::sim::{CrashState, Event, Lens, Sampling, SimDisk, Trace};
use stage06::batch::Batch;
use stage06::replica_log::ReplicaLog;
use stage06::tablet_log::TabletLog;
use stage06::{Offset, SegmentOptions};

use super::batches::{all, batches, counted, epochs_of, open_with, options, recycling};

/// What the log may be after a crash, at some moment of its life.
#[derive(Clone, Debug, Default)]
struct Expected {
    /// The batches there may be: a run of them, in a row.
    written: Vec<Batch>,
    /// The log reaches at least to here …
    durable: Offset,
    /// … and starts here, or in front.
    start_max: Offset,
    /// Or it is empty and begins at one of these, while it starts again.
    or_nothing_at: Vec<Offset>,
}

impl Expected {
    /// Whether the log is one of those that there may be.
    fn check(&self, log: &mut TabletLog) -> Result<(), String> {
        self.check_batches(log)?;
        let (known, read) = (log.producers().unwrap(), log.reader().producers().unwrap());
        match known == read {
            true => Ok(()),
            false => Err(format!("other producers than those of the batches:\n{known:?}\n{read:?}")),
        }
    }

    fn check_batches(&self, log: &TabletLog) -> Result<(), String> {
        let (start, end) = (log.start(), log.end());
        if start == end && self.or_nothing_at.contains(&start) {
            return Ok(());
        }
        if end < self.durable || start > self.start_max {
            return Err(format!("{start}..{end}, expected {}.. up to {} or further", self.start_max, self.durable));
        }
        let written = self.written.iter().filter(|batch| batch.base_offset >= start && batch.end_offset() <= end);
        let written: Vec<Batch> = written.cloned().collect();
        let reaches_to = written.last().map_or(start, Batch::end_offset);
        if reaches_to != end {
            return Err(format!("{start}..{end}, but the batches of this log end at {reaches_to}"));
        }
        let found = all(log);
        if found != written {
            return Err(format!("other batches than were written:\n{found:?}\n{written:?}"));
        }
        match log.epochs().unwrap() == epochs_of(&written) {
            true => Ok(()),
            false => Err(format!("other epochs: {:?}", log.epochs())),
        }
    }
}

/// A life, and what was promised at each moment of it.
struct Life {
    sim: SimDisk,
    log: TabletLog,
    now: Expected,
    moments: Vec<Expected>,
    epoch: u32,
    options: SegmentOptions,
}

impl Life {
    fn new(options: SegmentOptions) -> Life {
        let sim = SimDisk::new();
        let mut life = Life {
            log: open_with(&SimDisk::new().disk(), options).unwrap(),
            sim,
            now: Expected::default(),
            moments: Vec::new(),
            epoch: 1,
            options,
        };
        life.promise();
        life.log = open_with(&life.sim.disk(), options).unwrap();
        life.ask();
        life
    }

    /// Whoever runs a replica asks after each opening and each cut. From then on, the log writes snapshots.
    fn ask(&mut self) {
        assert_eq!(self.log.producers().unwrap(), self.log.reader().producers().unwrap());
    }

    /// From here on, this is what may be found.
    fn promise(&mut self) {
        self.sim.note(format!("promise {}", self.moments.len()));
        self.moments.push(self.now.clone());
    }

    fn append(&mut self, how_many: u32) {
        let new = counted(batches(self.log.end(), how_many, self.epoch, self.moments.len() as u64));
        self.now.written.extend(new.iter().cloned());
        self.promise();
        self.log.append(&new).unwrap();
    }

    fn append_synced(&mut self, how_many: u32) {
        self.append(how_many);
        self.now.durable = self.log.sync().unwrap();
        self.promise();
    }

    fn truncate(&mut self, end: Offset) {
        let start = self.log.start();
        let left: Vec<Batch> = self.now.written.iter().filter(|batch| batch.end_offset() <= end).cloned().collect();
        self.now.durable = left.last().map_or(start, Batch::end_offset);
        self.promise();
        assert_eq!(self.log.truncate(end).unwrap(), self.now.durable);
        self.now.written = left;
        self.epoch += 1;
        self.promise();
        self.ask();
    }

    fn delete_before(&mut self, limit: Offset) {
        self.now.start_max = limit;
        self.promise();
        let start = self.log.delete_before(limit).unwrap();
        self.now.written.retain(|batch| batch.base_offset >= start);
        self.now.start_max = start;
        self.promise();
    }

    fn start_again(&mut self, start: Offset) {
        (self.now.durable, self.now.or_nothing_at) = (Offset(0), vec![Offset(0), start]);
        self.promise();
        self.log.start_again(start).unwrap();
        self.now = Expected { durable: start, start_max: start, ..Expected::default() };
        self.promise();
    }

    fn reopen(mut self) -> Life {
        self.log = open_with(&SimDisk::new().disk(), self.options).unwrap();
        self.log = open_with(&self.sim.disk(), self.options).unwrap();
        self.now.durable = self.log.end();
        self.promise();
        self.ask();
        self
    }
}

fn a_whole_life(options: SegmentOptions) -> Life {
    let mut life = Life::new(options);
    life.append_synced(3);
    life.append(2);
    life.append_synced(5);
    life.append(1);
    // In the newest segment, and in the middle of a batch.
    life.truncate(Offset(life.log.end().0 - 2));
    life.append_synced(4);
    // Across segments.
    life.truncate(Offset(7));
    life.append_synced(2);
    let mut life = life.reopen();
    life.append_synced(6);
    life.delete_before(Offset(10));
    life.append(1);
    life.truncate(Offset(life.log.end().0 - 1));
    life.append_synced(7);
    let start = life.log.start();
    life.truncate(start);
    life.append_synced(5);
    life.start_again(Offset(100));
    life.append_synced(5);
    life.truncate(Offset(101));
    life.reopen()
}

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
