//! The consensus storage crashed at every operation of the disk: what was acknowledged is there, the vote does not go
//! back, and what was truncated or purged does not come back.

use lab::sim::{CrashState, Event, Lens, Sampling, SimDisk, Trace};
use openraft::storage::{RaftLogStorage, RaftStateMachine};
use openraft::{RaftLogReader, RaftSnapshotBuilder};
use stage06::controller::Controller;
use stage06::raft::types::{Entry, LogId, Vote};
use stage06::raft::{LogStore, StateMachine};

use crate::common::{append, entry, fence, id, open_log, open_state, run};

/// What a node may find after a crash, at some moment of its life.
#[derive(Clone, Debug, Default, PartialEq)]
struct Found {
    entries: Vec<Entry>,
    purged: Option<LogId>,
    vote: Option<Vote>,
    /// Up to which entry the snapshot goes, and its state.
    snapshot: Option<(LogId, Controller)>,
}

/// What was acknowledged, and what is under way: the state is the one, the other, or one between.
#[derive(Clone, Debug)]
struct Moment {
    before: Found,
    after: Found,
}

impl Moment {
    /// Whether the state is one of those that there may be.
    fn check(&self, found: &Found) -> Result<(), String> {
        let Moment { before, after } = self;
        let differs = |what: &str| Err(format!("{what}: found {found:#?}\nnot between {before:#?}\nand {after:#?}"));
        let is_one = |part: fn(&Found) -> String| part(found) == part(before) || part(found) == part(after);
        if !is_one(|found| format!("{:?}", found.vote)) {
            return differs("another vote");
        }
        if !is_one(|found| format!("{:?}", found.purged)) {
            return differs("purged to elsewhere");
        }
        if !is_one(|found| format!("{:?}", found.snapshot)) {
            return differs("another snapshot");
        }
        // An append may be there in part, from its front on; anything else as a whole.
        let grows = after.entries.starts_with(&before.entries);
        let is_part = grows && found.entries.starts_with(&before.entries) && after.entries.starts_with(&found.entries);
        match is_part || found.entries == before.entries || found.entries == after.entries {
            true => Ok(()),
            false => differs("other entries"),
        }
    }
}

/// Opens everything and says what is there.
fn look(sim: &SimDisk) -> Result<(LogStore, StateMachine, Found), String> {
    let mut log = open_log(&sim.disk()).map_err(|e| format!("the log does not open: {e}"))?;
    let mut state = open_state(&sim.disk()).map_err(|e| format!("the state does not open: {e}"))?;
    let found = run(async {
        let entries = log.try_get_log_entries(..).await.unwrap();
        let purged = log.get_log_state().await.unwrap().last_purged_log_id;
        let vote = log.read_vote().await.unwrap();
        let snapshot = state.get_current_snapshot().await.unwrap();
        let snapshot = snapshot.map(|snapshot| {
            let controller = serde_json::from_slice(snapshot.snapshot.get_ref()).unwrap();
            (snapshot.meta.last_log_id.unwrap(), controller)
        });
        Found { entries, purged, vote, snapshot }
    });
    Ok((log, state, found))
}

/// A node's life on a disk that writes down what is done to it.
struct Life {
    sim: SimDisk,
    log: LogStore,
    state: StateMachine,
    now: Found,
    moments: Vec<Moment>,
    controller: Controller,
}

impl Life {
    fn new() -> Life {
        let sim = SimDisk::new();
        let nothing = Moment { before: Found::default(), after: Found::default() };
        let (log, state) = (open_log(&sim.disk()).unwrap(), open_state(&sim.disk()).unwrap());
        Life { sim, log, state, now: Found::default(), moments: vec![nothing], controller: Controller::default() }
    }

    /// Something that leads to `after` is under way.
    fn begin(&mut self, after: Found) {
        self.sim.note(format!("moment {}", self.moments.len()));
        self.moments.push(Moment { before: std::mem::replace(&mut self.now, after.clone()), after });
    }

    /// It was acknowledged.
    fn done(&mut self) {
        self.begin(self.now.clone());
    }

    fn append(&mut self, entries: Vec<Entry>) {
        let mut after = self.now.clone();
        after.entries.extend(entries.iter().cloned());
        self.begin(after);
        run(append(&mut self.log, entries)).unwrap();
        self.done();
    }

    fn truncate(&mut self, from: u64) {
        let mut after = self.now.clone();
        after.entries.retain(|entry| entry.log_id.index < from);
        self.begin(after);
        run(self.log.truncate(id(9, from))).unwrap();
        self.done();
    }

    /// Whoever it was for, nobody starts as elected.
    fn vote(&mut self, vote: Vote) {
        self.begin(Found { vote: Some(Vote { committed: false, ..vote }), ..self.now.clone() });
        run(self.log.save_vote(&vote)).unwrap();
        self.done();
    }

    /// Applies the entries up to `to`, makes a snapshot, and purges what it holds.
    fn snapshot_and_purge(&mut self, to: u64) {
        let entries: Vec<Entry> = self.now.entries.iter().filter(|entry| entry.log_id.index <= to).cloned().collect();
        let last = entries.last().unwrap().log_id;
        run(self.log.save_committed(Some(last))).unwrap();
        for entry in &entries {
            if let openraft::EntryPayload::Normal(command) = &entry.payload {
                self.controller.apply(command);
            }
        }
        run(self.state.apply(entries)).unwrap();
        self.begin(Found { snapshot: Some((last, self.controller.clone())), ..self.now.clone() });
        run(async { self.state.get_snapshot_builder().await.build_snapshot().await }).unwrap();
        self.done();
        let mut after = Found { purged: Some(last), ..self.now.clone() };
        after.entries.retain(|entry| entry.log_id.index > to);
        self.begin(after);
        run(self.log.purge(last)).unwrap();
        self.done();
    }

    /// A snapshot of another node comes, which is ahead of this log.
    fn install(&mut self, last: LogId) {
        self.controller.apply(&stage06::controller::Command::Fence {
            broker: stage06::ids::BrokerId(1),
            life: stage06::ids::BrokerEpoch(1),
        });
        let meta =
            openraft::SnapshotMeta { last_log_id: Some(last), snapshot_id: last.to_string(), ..Default::default() };
        let data = serde_json::to_vec(&self.controller).unwrap();
        self.begin(Found { snapshot: Some((last, self.controller.clone())), ..self.now.clone() });
        run(self.state.install_snapshot(&meta, Box::new(std::io::Cursor::new(data)))).unwrap();
        self.done();
        self.begin(Found { purged: Some(last), entries: Vec::new(), ..self.now.clone() });
        run(self.log.purge(last)).unwrap();
        self.done();
    }

    fn reopen(self) -> Life {
        let Life { sim, log, state, now, moments, controller } = self;
        drop((log, state));
        let (log, mut state, found) = look(&sim).unwrap();
        assert_eq!(found, now);
        let last = now.snapshot.as_ref().map(|(last, _)| *last);
        assert_eq!(run(state.applied_state()).unwrap().0, last);
        Life { sim, log, state, now, moments, controller }
    }
}

fn a_whole_life() -> Life {
    let mut life = Life::new();
    life.vote(Vote::new(1, 1));
    life.append((0..3).map(|index| entry(1, index)).collect());
    life.vote(Vote::new_committed(1, 1));
    life.append((3..8).map(|index| fence(1, index)).collect());
    life.truncate(6);
    life.vote(Vote::new_committed(2, 3));
    life.append((6..8).map(|index| entry(2, index)).collect());
    life.snapshot_and_purge(5);
    let mut life = life.reopen();
    life.append((8..14).map(|index| fence(2, index)).collect());
    life.truncate(12);
    life.append((12..13).map(|index| fence(3, index)).collect());
    life.snapshot_and_purge(12);
    life.vote(Vote::new(4, 2));
    life.append((13..16).map(|index| entry(4, index)).collect());
    // What this log has behind entry 12 was never committed.
    life.install(id(5, 14));
    life.append((15..18).map(|index| entry(5, index)).collect());
    let mut life = life.reopen();
    life.vote(Vote::new(6, 1));
    life
}

fn moment_at<'a>(trace: &Trace, point: usize, moments: &'a [Moment]) -> &'a Moment {
    let number = trace.events()[..point].iter().rev().find_map(|event| match event {
        Event::Note(note) => note.strip_prefix("moment "),
        _ => None,
    });
    &moments[number.map_or(0, |number| number.parse::<usize>().unwrap())]
}

/// The life after a crash: everything opens, is one of the states that there may be, goes on, and is the same when it is
/// opened once more.
fn live_again(sim: &SimDisk, moment: &Moment) -> Result<Found, String> {
    let (mut log, state, found) = look(sim)?;
    moment.check(&found)?;
    let next = found.entries.last().map(|entry| entry.log_id).or(found.purged).map_or(0, |last| last.index + 1);
    let new = entry(100, next);
    let vote = Vote::new(101, 1);
    run(append(&mut log, vec![new.clone()])).map_err(|e| format!("takes no entry: {e}"))?;
    run(log.save_vote(&vote)).map_err(|e| format!("takes no vote: {e}"))?;
    drop((log, state));
    let (_log, _state, again) = look(sim)?;
    let mut expected = Found { vote: Some(vote), ..found.clone() };
    expected.entries.push(new);
    match again == expected {
        true => Ok(found),
        false => Err(format!("later: found {again:#?}\nexpected {expected:#?}")),
    }
}

fn fails(state: &CrashState, trace: &Trace, why: &str) -> ! {
    let events = &trace.events()[state.point.saturating_sub(12)..state.point];
    let events: Vec<String> = events.iter().map(ToString::to_string).collect();
    let (lens, point, choice) = (state.lens, state.point, &state.choice);
    panic!("{why}\n{lens:?} at point {point}, choice {choice:?}, behind:\n{}", events.join("\n"))
}

/// The whole life crashed everywhere, and every seventh recovery, too.
fn crash_everywhere(lens: Lens, states_max: u64) -> usize {
    let Life { sim, moments, log, state, .. } = a_whole_life();
    let trace = sim.trace();
    drop((log, state));
    let mut states = 0;
    for crashed in trace.crash_states(lens, Sampling { states_max, seed: 1 }) {
        let moment = moment_at(&trace, crashed.point, &moments);
        let found = live_again(&crashed.disk, moment).unwrap_or_else(|why| fails(&crashed, &trace, &why));
        states += 1;
        if states % 7 > 0 {
            continue;
        }
        // What recovery has served stays.
        let again = trace.crash_state(lens, crashed.point, &crashed.choice).disk;
        drop(look(&again).expect("it opened before"));
        let opening = again.trace();
        let same = Moment { before: found.clone(), after: found };
        let unserved = moment_at(&trace, crashed.point, &moments);
        for second in opening.crash_states(lens, Sampling { states_max: 1, seed: 2 }) {
            let is_over = second.point == opening.events().len();
            let moment = if is_over { &same } else { unserved };
            let why = |why: String| fails(&second, &opening, &format!("in the second crash: {why}"));
            live_again(&second.disk, moment).unwrap_or_else(why);
            states += 1;
        }
    }
    states
}

#[test]
fn a_power_cut_at_any_point_takes_back_nothing_that_was_acknowledged() {
    let states = crash_everywhere(Lens::PowerCut, 6);
    println!("{states} states");
    assert!(states > 500, "{states} states");
}

#[test]
fn a_torn_write_at_any_point_takes_back_nothing_that_was_acknowledged() {
    let states = crash_everywhere(Lens::TornWrite, 12);
    println!("{states} states");
    assert!(states > 1000, "{states} states");
}

#[test]
fn a_kill_at_any_point_takes_back_nothing_that_was_acknowledged() {
    let Life { sim, moments, log, state, .. } = a_whole_life();
    let trace = sim.trace();
    drop((log, state));
    for point in trace.points() {
        let partial = match trace.events().get(point) {
            Some(Event::Write { bytes, .. }) => vec![0, 1, bytes.len() / 2, bytes.len() - 1],
            _ => vec![0],
        };
        for partial_bytes in partial {
            let disk = trace.kill_at(point, partial_bytes);
            if let Err(why) = live_again(&disk, moment_at(&trace, point, &moments)) {
                panic!("{why}\nkilled at point {point}, {partial_bytes} bytes into {:?}", trace.events().get(point));
            }
        }
    }
}

/// The life begins segments and gives them up, or the tests above test less than they say.
#[test]
fn a_whole_life_lets_old_segments_go() {
    let life = a_whole_life();
    let names = life.sim.names();
    let segments: Vec<&String> = names.iter().filter(|name| name.ends_with(".log")).collect();
    assert!(!segments.iter().any(|name| name.starts_with("00000000000000000000")), "{segments:?}");
    let created = life.sim.trace().events().iter().filter(|event| event.to_string().contains(".log.new")).count();
    assert!(created >= 4, "{created}");
}

/// The process is killed while it makes a snapshot, and opened again: a snapshot that it shows then outlives a power cut.
#[test]
fn a_snapshot_that_was_found_once_stays() {
    let sim = SimDisk::new();
    let mut state = open_state(&sim.disk()).unwrap();
    run(state.apply((0..3).map(|index| entry(1, index)).collect::<Vec<_>>())).unwrap();
    run(async { state.get_snapshot_builder().await.build_snapshot().await }).unwrap();
    let trace = sim.trace();
    let last = |sim: &SimDisk| run(open_state(&sim.disk()).unwrap().applied_state()).unwrap().0;
    let mut found = 0;
    for point in trace.points() {
        let killed = trace.kill_at(point, 0);
        let Some(shown) = last(&killed) else { continue };
        found += 1;
        let opening = killed.trace();
        let end = opening.events().len();
        let sampling = Sampling { states_max: 20, seed: 1 };
        for state in opening.crash_states(Lens::PowerCut, sampling).filter(|state| state.point == end) {
            assert_eq!(last(&state.disk), Some(shown), "killed at point {point}");
        }
    }
    assert!(found >= 2, "killed before and behind the sync of the name: {found}");
}
