//! The killer itself is put to the test: what it catches, and what it cannot see.

use std::sync::{Arc, Mutex};

use stage01::{
    Disk, JsonLines, Log, NaiveLog, NaiveReader, Offset, Promise, Record, Result, SharedLog, Stage, Stage01,
};

/// Stage 1, shared in such a way that records are acknowledged while they are still in the process's memory.
struct AcknowledgesTooEarly;

impl Stage for AcknowledgesTooEarly {
    const NAME: &'static str = "early";
    const TITLE: &'static str = "acknowledged before it is written";
    const KEEPS: &'static [Promise] = &[];
    type Log = NaiveLog;
    type Shared = Buffering;

    fn open(disk: Arc<dyn Disk>) -> Result<NaiveLog> {
        Stage01::open(disk)
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<NaiveReader> {
        Stage01::open_reader(disk)
    }

    fn share(log: NaiveLog) -> Buffering {
        Buffering(Mutex::new((log, Vec::new())))
    }
}

struct Buffering(Mutex<(NaiveLog<JsonLines>, Vec<Record<'static>>)>);

impl SharedLog for Buffering {
    fn append(&self, record: Record<'static>) -> Result<Offset> {
        let mut inner = self.0.lock().unwrap();
        let (log, buffer) = &mut *inner;
        let offset = log.next_offset().plus(buffer.len() as u64);
        buffer.push(record);
        if buffer.len() == 16 {
            log.append(buffer)?;
            buffer.clear();
        }
        Ok(offset)
    }
}

#[test]
#[should_panic(expected = "records were acknowledged")]
fn an_acknowledgement_before_the_write_is_caught() {
    let test = concat!(module_path!(), "::an_acknowledgement_before_the_write_is_caught");
    lab::kill::every_acknowledged_record_survives::<AcknowledgesTooEarly>(test);
}

/// Stage 1 without any sync.
struct NeverSyncs;

impl Stage for NeverSyncs {
    const NAME: &'static str = "never";
    const TITLE: &'static str = "never synced";
    const KEEPS: &'static [Promise] = &[];
    type Log = NaiveLog;
    type Shared = Unsynced;

    fn open(disk: Arc<dyn Disk>) -> Result<NaiveLog> {
        Stage01::open(disk)
    }

    fn open_reader(disk: Arc<dyn Disk>) -> Result<NaiveReader> {
        Stage01::open_reader(disk)
    }

    fn share(log: NaiveLog) -> Unsynced {
        Unsynced(Mutex::new(log))
    }
}

struct Unsynced(Mutex<NaiveLog>);

impl SharedLog for Unsynced {
    fn append(&self, record: Record<'static>) -> Result<Offset> {
        self.0.lock().unwrap().append(&[record])
    }
}

/// A kill leaves the page cache as it is. Only a power cut tells this log from a good one.
#[test]
fn a_log_that_never_syncs_survives_every_kill() {
    let test = concat!(module_path!(), "::a_log_that_never_syncs_survives_every_kill");
    lab::kill::every_acknowledged_record_survives::<NeverSyncs>(test);
}
