//! The contract in one sentence: a log does what a vector does, and does not forget.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use stage01::{Disk, Log, Offset, Reader, Record, Scan, Stage, Visibility};

use super::open;
use crate::disks::Disks;

/// Something that is done to a log.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Record<'static>>),
    AppendDurable(Record<'static>),
    Sync,
    Reopen,
    ReadFrom(u64),
}

/// Random steps on a log and on a vector: the same records, the same offsets, the same ends.
pub fn a_log_does_what_a_vector_does<S: Stage>(disks: &dyn Disks) {
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&vec(step(), 0..40), |steps| {
            run::<S>(&disks.empty(), &steps);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

fn run<S: Stage>(disk: &Arc<dyn Disk>, steps: &[Step]) {
    let mut log = Some(open::<S>(disk));
    let mut model = Vec::new();
    let mut durable = 0;
    for step in steps {
        let open_log = log.as_mut().expect("the log is open between two steps");
        match step {
            Step::Append(batch) => {
                assert_eq!(open_log.append(batch).unwrap(), Offset(model.len() as u64));
                model.extend_from_slice(batch);
            }
            Step::AppendDurable(record) => {
                assert_eq!(open_log.append_durable(record).unwrap(), Offset(model.len() as u64));
                model.push(record.clone());
                durable = model.len();
            }
            Step::Sync => {
                assert_eq!(open_log.sync().unwrap(), Offset(model.len() as u64));
                durable = model.len();
            }
            Step::Reopen => {
                drop(log.take());
                log = Some(open::<S>(disk));
                durable = model.len();
            }
            Step::ReadFrom(from) => assert_reads(&open_log.reader(), &model[..durable], *from),
        }
        let log = log.as_ref().expect("the log is open after a step");
        assert_eq!(log.next_offset(), Offset(model.len() as u64));
        // A log may sync sooner than it is asked to, as one does that begins a new file.
        let shown = log.reader().end().0 as usize;
        assert!(durable <= shown && shown <= model.len(), "{durable} synced, {shown} shown, {} there", model.len());
        durable = shown;
    }
    let written = log.expect("the log is open at the end").reader().with_visibility(Visibility::Written);
    assert_reads(&written, &model, 0);
}

/// A scan from `from` finds the vector's records from there on.
fn assert_reads<R: Reader>(reader: &R, model: &[Record<'static>], from: u64) {
    let mut scan = reader.scan(Offset(from)).unwrap();
    let expected = model.iter().zip(0..).skip(from as usize);
    for (record, offset) in expected {
        let entry = scan.next().unwrap().unwrap_or_else(|| panic!("a scan from {from} ends in front of {offset}"));
        assert_eq!((entry.offset, &entry.record), (Offset(offset), record));
    }
    assert_eq!(scan.next().unwrap(), None);
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => vec(any_record(), 0..6).prop_map(Step::Append),
        2 => any_record().prop_map(Step::AppendDurable),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        3 => (0..60_u64).prop_map(Step::ReadFrom),
    ]
}

/// Any record: text, bytes, a few large ones.
fn any_record() -> impl Strategy<Value = Record<'static>> {
    let value = prop_oneof![
        4 => vec(any::<u8>(), 0..40),
        3 => any::<String>().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 3000..5000),
    ];
    let key = proptest::option::of(prop_oneof![vec(any::<u8>(), 0..8), "[a-z]{0,8}".prop_map(String::into_bytes)]);
    (any::<u64>(), key, value).prop_map(|(timestamp_ms, key, value)| Record {
        timestamp_ms,
        key: key.map(Into::into),
        value: value.into(),
    })
}
