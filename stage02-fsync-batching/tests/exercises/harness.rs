//! A log whose syncs wait at a gate, on a simulated disk, and threads that are watched.
//!
//! Nothing here waits for ever, and no log is dropped unless a test says so: dropping one closes it, and a test that
//! panics must not meet a second panic on its way out.

use std::fs;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::sim::SimDisk;
use stage02::{
    Error, GroupCommit, JsonLines, Log, NaiveLog, NaiveReader, Offset, Options, Record, Refused, Result, Ticket,
};

/// How long a test waits for something that should happen at once.
const LIMIT: Duration = Duration::from_millis(2500);

/// How long a test gives something that must not happen the chance to happen.
const GRACE: Duration = Duration::from_millis(50);

/// What the failures of the disk say.
const GONE: &str = "the disk is gone";

/// What a sync that panics says.
const ASKED_FOR: &str = "the test asked for this panic";

/// Where syncs wait.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many syncs may pass, if not all of them.
    admitted: Option<usize>,
    syncs: usize,
    appends: usize,
    outcome: Outcome,
    /// The thread that came last with a sync.
    last: LastThread,
    /// Whether a thread of the test has panicked: then nobody need wait any longer.
    given_up: bool,
}

/// What becomes of the next operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    #[default]
    Works,
    AppendFails,
    SyncFails,
    SyncPanics,
}

impl Gate {
    /// From now on, syncs that come wait.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.admitted = Some(state.syncs);
    }

    /// One more sync may pass a closed gate.
    pub(crate) fn admit_one(&self) {
        let mut state = self.state();
        state.admitted = state.admitted.map(|count| count + 1);
        self.changed.notify_all();
    }

    pub(crate) fn open(&self) {
        self.state().admitted = None;
        self.changed.notify_all();
    }

    pub(crate) fn set(&self, outcome: Outcome) {
        self.state().outcome = outcome;
    }

    /// Returns when `count` syncs in all have come to the gate.
    #[track_caller]
    pub(crate) fn wait_for_syncs(&self, count: usize) {
        let short = |state: &mut State| state.syncs < count && !state.given_up;
        let (state, _) = self.changed.wait_timeout_while(self.state(), LIMIT, short).unwrap();
        let (syncs, given_up) = (state.syncs, state.given_up);
        // A lock that is held in a panic is poisoned, and the other threads need it.
        drop(state);
        assert!(!given_up, "a thread of the test panicked");
        assert!(syncs >= count, "expected the log to have been synced {count} times after {LIMIT:?}, found {syncs}");
    }

    /// How many syncs have come so far.
    pub(crate) fn syncs(&self) -> usize {
        self.state().syncs
    }

    /// How many writes have come so far.
    pub(crate) fn appends(&self) -> usize {
        self.state().appends
    }

    /// The thread that came last with a sync.
    pub(crate) fn last_thread(&self) -> LastThread {
        self.state().last.clone()
    }

    fn append(&self) -> Outcome {
        let mut state = self.state();
        state.appends += 1;
        state.outcome
    }

    fn pass(&self) -> Outcome {
        let here = LastThread::here();
        let mut state = self.state();
        state.syncs += 1;
        state.last = here;
        let mine = state.syncs;
        self.changed.notify_all();
        let state = self.changed.wait_while(state, |state| state.admitted.is_some_and(|count| mine > count));
        state.unwrap().outcome
    }

    fn give_up(&self) {
        self.state().given_up = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

thread_local! {
    /// Goes with its thread.
    static ALIVE: Arc<()> = Arc::new(());
}

/// A thread that came to the gate.
#[derive(Clone, Default)]
pub(crate) struct LastThread {
    alive: Weak<()>,
    /// Where Linux says how much time it has had on a processor.
    stat: PathBuf,
}

impl LastThread {
    fn here() -> LastThread {
        // Elsewhere than on Linux there is no such link, and no such file.
        let task = fs::read_link("/proc/thread-self").unwrap_or_default();
        LastThread { alive: ALIVE.with(Arc::downgrade), stat: Path::new("/proc").join(task).join("stat") }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.alive.strong_count() == 0
    }

    /// How long it has run so far, in hundredths of a second; nothing where the system does not tell.
    pub(crate) fn ticks(&self) -> Option<u64> {
        let stat = fs::read_to_string(&self.stat).ok()?;
        // The name, in brackets, may hold spaces; the times are the twelfth and the thirteenth field behind it.
        let times = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
        times.map(|time| time.parse::<u64>().ok()).sum()
    }
}

/// Stage 1's log behind a gate.
pub(crate) struct GatedLog {
    log: NaiveLog,
    gate: Arc<Gate>,
}

impl Log for GatedLog {
    type Reader = NaiveReader;

    fn append(&mut self, records: &[Record<'_>]) -> Result<Offset> {
        match self.gate.append() {
            Outcome::AppendFails => Err(Error::io("write", "gated", std::io::Error::other(GONE))),
            _ => self.log.append(records),
        }
    }

    fn sync(&mut self) -> Result<Offset> {
        match self.gate.pass() {
            Outcome::SyncFails => Err(Error::io("sync", "gated", std::io::Error::other(GONE))),
            Outcome::SyncPanics => panic!("{ASKED_FOR}"),
            _ => self.log.sync(),
        }
    }

    fn next_offset(&self) -> Offset {
        self.log.next_offset()
    }

    fn reader(&self) -> NaiveReader {
        self.log.reader()
    }
}

/// A log for one thread.
pub(crate) type Alone = ManuallyDrop<GroupCommit<GatedLog>>;

/// A log for many.
pub(crate) type Shared = Arc<Alone>;

/// A log with these options, on an empty disk.
pub(crate) fn alone(options: Options) -> (Alone, Arc<Gate>) {
    alone_on(&SimDisk::new(), options)
}

/// A log with these options, in front of what the disk holds.
pub(crate) fn alone_on(disk: &SimDisk, options: Options) -> (Alone, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let log = NaiveLog::open(&disk.disk(), JsonLines).expect("a log opens on a disk that works");
    let log = GatedLog { log, gate: Arc::clone(&gate) };
    (ManuallyDrop::new(GroupCommit::new(log, options)), gate)
}

/// A log with these options, on an empty disk, to be shared.
pub(crate) fn shared(options: Options) -> (Shared, Arc<Gate>) {
    let (log, gate) = alone(options);
    (Arc::new(log), gate)
}

/// The log for one again, once all threads that shared it are done.
#[track_caller]
pub(crate) fn unshared(log: Shared) -> Alone {
    Arc::into_inner(log).expect("the threads that share the log are done")
}

/// Closes a log.
pub(crate) fn close(log: Alone) -> Result<GatedLog> {
    ManuallyDrop::into_inner(log).close()
}

/// Hands a record in for a ticket, in a part before the background thread is written.
#[track_caller]
pub(crate) fn hand_in(log: &GroupCommit<GatedLog>, record: Record<'static>) -> Ticket<GatedLog> {
    match try_hand_in(log, record) {
        Ok(ticket) => ticket,
        Err(refused) => panic!("expected a ticket, found: {refused}"),
    }
}

/// Hands a record in or gets it back, in a part before the background thread is written.
pub(crate) fn try_hand_in(
    log: &GroupCommit<GatedLog>,
    record: Record<'static>,
) -> std::result::Result<Ticket<GatedLog>, Refused> {
    later_parts_may_be_missing();
    log.try_submit(record)
}

/// Takes the log from the desk and keeps it at the gate, so that what is handed in stays in the queue. Where the part
/// is not written that could do this, nobody can write either.
#[track_caller]
pub(crate) fn keep_from_writing(log: &Shared, gate: &Gate) {
    later_parts_may_be_missing();
    gate.close();
    let log = Arc::clone(log);
    let syncing = thread::spawn(move || log.sync());
    wait_until(gate, "a sync to begin", || gate.syncs() == 1 || syncing.is_finished());
}

/// The background thread is started by the first ticket, and ends at once if its part is not written. What it says
/// then is no news to the parts before, and would hide their own failures. The threads of the tests have names; those
/// that have none keep quiet about what is not written.
pub(crate) fn later_parts_may_be_missing() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
            let is_missing = text.is_some_and(|text| text.starts_with("not yet implemented: "));
            if !is_missing || thread::current().name().is_some() {
                tell(panic);
            }
        }));
    });
}

/// A thread that a test watches.
pub(crate) struct Watched<T> {
    result: Receiver<thread::Result<T>>,
    thread: JoinHandle<()>,
}

/// Runs `work` in a thread of its own. If it panics, the test ends at once.
pub(crate) fn spawn<T: Send + 'static>(gate: &Arc<Gate>, work: impl FnOnce() -> T + Send + 'static) -> Watched<T> {
    let (send, result) = mpsc::channel();
    let gate = Arc::clone(gate);
    let run = move || {
        let done = panic::catch_unwind(AssertUnwindSafe(work));
        if done.as_ref().is_err_and(|panic| !is_asked_for(panic.as_ref())) {
            gate.give_up();
        }
        // The test may have ended.
        let _ = send.send(done);
    };
    let thread = thread::Builder::new().name("producer".into()).spawn(run).expect("a thread");
    Watched { result, thread }
}

impl<T> Watched<T> {
    /// What the thread returned. A panic in it goes on here.
    #[track_caller]
    pub(crate) fn result(self) -> T {
        self.result_or("expected a thread to return: it still waits, and nobody wakes it")
    }

    /// What the thread returned, or a failure that says why it should have.
    #[track_caller]
    pub(crate) fn result_or(self, what: &str) -> T {
        self.outcome(what).unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// Fails unless the thread ends in the panic that the test asked for.
    #[track_caller]
    pub(crate) fn panics_as_asked(self) {
        match self.outcome("expected the writer to panic, as its disk does: it still waits") {
            Ok(_) => panic!("expected the writer to panic, as its disk does"),
            Err(panic) if is_asked_for(panic.as_ref()) => {}
            Err(panic) => panic::resume_unwind(panic),
        }
    }

    /// Fails if the thread has returned: it should be waiting.
    #[track_caller]
    pub(crate) fn still_waits(&self, what: &str) {
        match self.result.recv_timeout(GRACE) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Err(panic)) => panic::resume_unwind(panic),
            _ => panic!("{what}"),
        }
    }

    #[track_caller]
    fn outcome(self, what: &str) -> thread::Result<T> {
        let Ok(outcome) = self.result.recv_timeout(LIMIT) else { panic!("{what} (after {LIMIT:?})") };
        // What it held has to be gone when the test goes on.
        self.thread.join().expect("its panics were caught");
        outcome
    }
}

fn is_asked_for(panic: &(dyn std::any::Any + Send)) -> bool {
    panic.downcast_ref::<String>().is_some_and(|text| text == ASKED_FOR)
}

/// Runs the body of a test, and fails if it does not come back.
#[track_caller]
pub(crate) fn limited(test: impl FnOnce() + Send + 'static) {
    let name = thread::current().name().unwrap_or("a test").to_string();
    let (done, is_done) = mpsc::channel();
    let run = move || {
        test();
        let _ = done.send(());
    };
    let body = thread::Builder::new().name(name).spawn(run).expect("a thread");
    match is_done.recv_timeout(LIMIT + Duration::from_secs(1)) {
        Err(RecvTimeoutError::Timeout) => panic!("hangs: some thread waits, and nobody wakes it"),
        _ => body.join().unwrap_or_else(|panic| panic::resume_unwind(panic)),
    }
}

/// Returns when `is_so` is, and fails if that takes too long.
#[track_caller]
pub(crate) fn wait_until(gate: &Gate, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(!gate.state().given_up, "a thread of the test panicked");
        assert!(Instant::now() < deadline, "expected {what} within {LIMIT:?}");
        thread::yield_now();
    }
}

/// Gives something that must not happen the chance to happen.
pub(crate) fn grace() {
    thread::sleep(GRACE);
}

/// The first failure behind a poisoned log's error.
#[track_caller]
pub(crate) fn poisoned<T>(result: Result<T>) -> Arc<Error> {
    match result {
        Err(Error::Poisoned { cause }) => cause,
        Err(other) => panic!("expected Error::Poisoned, found: {other}"),
        Ok(_) => panic!("expected Error::Poisoned, found Ok: a log that has failed stays failed"),
    }
}

/// A record with this text.
pub(crate) fn text(text: impl Into<String>) -> Record<'static> {
    Record::new(0, text.into().into_bytes())
}

/// Locks, whoever panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
