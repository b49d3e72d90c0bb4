//! Many producers, while one operation of their log goes wrong.

use std::sync::Arc;
use std::thread;

use stage01::{Log, Offset, Promise, Reader, Record, SharedLog, Stage};

use super::{Faulted, Kind, disks_after};
use crate::sim::SimDisk;
use crate::watchdog::within_limit;

/// How many producers there are, and how many records each of them appends.
const PRODUCERS: u64 = 4;
const APPENDS: u64 = 3;

/// [`at_every_operation`](super::at_every_operation) for many threads: each operation goes wrong, all producers come back with an answer or an error, and what
/// was answered is there afterwards.
///
/// # Panics
///
/// If a producer waits for more than a minute; if a log that keeps [`Promise::SurvivesFailedSync`] answers a producer
/// after it gave the same one an error; or if a record that was answered is not there.
pub fn at_every_operation_of_producers<S: Stage>() -> Faulted {
    let mut faulted = Faulted::default();
    for kind in Kind::ALL {
        for nth in 1.. {
            let (told, failed, sim) = within_limit(move || produce_with_fault::<S>(kind, nth));
            let trace = sim.trace();
            for disk in disks_after(kind, &trace) {
                check_told::<S>(&disk, &told).unwrap_or_else(|what| panic!("{kind:?} at operation {nth}: {what}"));
                faulted.states += 1;
            }
            faulted.runs += 1;
            faulted.errors += u64::from(failed);
            if kind.operations(&sim) < nth {
                break;
            }
        }
    }
    println!("{faulted}");
    faulted
}

type Told = Vec<(Offset, Record<'static>)>;

/// What the producers were told, and whether one of them got an error.
fn produce_with_fault<S: Stage>(kind: Kind, nth: u64) -> (Told, bool, SimDisk) {
    let sim = SimDisk::new();
    sim.inject(kind.fault(nth));
    let Ok(log) = S::open(sim.disk()) else { return (Vec::new(), true, sim) };
    let log = Arc::new(S::share(log));
    let producers = (0..PRODUCERS).map(|producer| {
        let log = Arc::clone(&log);
        thread::spawn(move || produce::<S>(&*log, producer))
    });
    let producers: Vec<_> = producers.collect();
    let (mut told, mut failed) = (Vec::new(), false);
    for producer in producers {
        let (its, its_failed) = producer.join().expect("a producer does not panic");
        told.extend(its);
        failed |= its_failed;
    }
    (told, failed, sim)
}

fn produce<S: Stage>(log: &S::Shared, producer: u64) -> (Told, bool) {
    let (mut told, mut failed) = (Vec::new(), false);
    for number in 0..APPENDS {
        let record = Record::new(number, format!("producer {producer}, record {number}").into_bytes());
        match log.append(record.clone()) {
            Ok(offset) => {
                let may_go_on = !failed || !S::KEEPS.contains(&Promise::SurvivesFailedSync);
                assert!(may_go_on, "producer {producer} got an error, and then an answer");
                told.push((offset, record));
            }
            Err(_) => failed = true,
        }
    }
    (told, failed)
}

fn check_told<S: Stage>(disk: &SimDisk, told: &Told) -> std::result::Result<(), String> {
    let log = S::open(disk.disk()).map_err(|error| format!("the log does not open: {error}"))?;
    let reader = log.reader();
    for (offset, record) in told {
        match reader.read(*offset) {
            Ok(Some(found)) if found == *record => {}
            other => return Err(format!("record {offset} was answered, {record:?}, and is {other:?}")),
        }
    }
    Ok(())
}
