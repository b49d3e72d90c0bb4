//! What a log on disk has of producers that count their batches.

use bytes::Bytes;
use lab::sim::SimDisk;
use stage06::Offset;
use stage06::batch::{Batch, Sequence};
use stage06::producers::{Check, Producers};
use stage06::replica_log::ReplicaLog;
use stage06::tablet_log::TabletLog;

use super::batches::{all, batch, open, record_batch};

fn body(producer: i64, epoch: i16, first: i32) -> Vec<u8> {
    record_batch(producer, epoch, first, &[0; 39])
}

fn counted(base: u64, count: u32, producer: u64, first: u32) -> Batch {
    let body = Bytes::from(body(producer as i64, 1, first as i32));
    Batch { sequence: Some(Sequence { producer, epoch: 1, first }), body, ..batch(Offset(base), count, 1, 0) }
}

fn of(start: Offset, batches: &[Batch]) -> Producers {
    let mut producers = Producers::new(start);
    batches.iter().for_each(|batch| producers.append(batch));
    producers
}

/// Three producers take turns; segments hold a few batches each.
fn written(log: &mut TabletLog) -> Vec<Batch> {
    let batches: Vec<Batch> =
        (0..30_u32).map(|turn| counted(u64::from(turn) * 2, 2, u64::from(turn % 3), turn / 3 * 2)).collect();
    // What is appended at once is in one segment.
    batches.chunks(3).for_each(|some| log.append(some).unwrap());
    log.sync().unwrap();
    batches
}

#[test]
fn what_a_log_has_of_its_producers_is_there_after_it_was_opened_again() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    let batches = written(&mut log);
    drop(log);
    let mut log = open(&sim.disk()).unwrap();
    assert_eq!(all(&log), batches, "their sequences among it");
    let producers = log.producers().unwrap();
    assert_eq!(producers, of(Offset(0), &batches));
    let next = Sequence { producer: 2, epoch: 1, first: 20 };
    assert_eq!((producers.len(), producers.check(&next, 1)), (3, Check::New));
}

#[test]
fn what_is_cut_and_what_is_deleted_is_not_known_any_more() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    written(&mut log);
    log.truncate(Offset(31)).unwrap();
    assert_eq!(log.producers().unwrap(), of(Offset(0), &all(&log)));
    let start = log.delete_before(Offset(15)).unwrap();
    assert!(start > Offset(0));
    assert_eq!(log.producers().unwrap(), of(start, &all(&log)));
}

#[test]
fn a_body_that_is_no_record_batch_has_no_sequence() {
    let sim = SimDisk::new();
    let mut log = open(&sim.disk()).unwrap();
    let mut bodies = vec![body(-1, -1, -1), body(7, 1, 0)[..60].to_vec()];
    let (mut another_magic, mut another_length) = (body(7, 1, 0), body(7, 1, 0));
    another_magic[16] = 1;
    another_length[11] += 1;
    bodies.extend([another_magic, another_length, body(7, -1, 0), body(7, 1, -1)]);
    let batches: Vec<Batch> =
        (0..).zip(bodies).map(|(base, body)| Batch { body: body.into(), ..batch(Offset(base), 1, 1, 0) }).collect();
    log.append(&batches).unwrap();
    assert_eq!(all(&log), batches);
    assert!(log.producers().unwrap().is_empty());
}
