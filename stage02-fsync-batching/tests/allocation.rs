//! The hot path allocates nothing but the record itself.

mod common;

use common::text;
use stage02::{Durability, GroupCommit, Options, Record};

/// An append allocates nothing but its record: the vectors of the groups are used again, with their memory.
#[test]
fn an_append_allocates_nothing_beyond_its_record() {
    for durability in [Durability::PerGroup, Durability::PerAppend, Durability::OperatingSystem] {
        let directory = tempfile::tempdir().unwrap();
        let log = GroupCommit::new(common::reopen(&directory), Options::with_durability(durability));
        let records = || -> Vec<Record<'static>> { (0..200).map(|n| text(format!("record {n:0100}"))).collect() };
        for record in records() {
            log.append(record).unwrap();
        }
        let records = records();
        let measured = allocation_counter::measure(|| {
            for record in records {
                log.append(record).unwrap();
            }
        });
        assert_eq!(measured.count_total, 0, "200 appends with {durability:?} allocated");
    }
}
