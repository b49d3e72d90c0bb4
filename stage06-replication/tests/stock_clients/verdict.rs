//! Whether what was read is what was acknowledged.

use std::collections::BTreeMap;

use crate::loads::{Noted, Sent};

/// What a client reads of one partition is checked against this.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Who was told what, by the offset. Two producers that were told the same offset are an error.
    acknowledged: BTreeMap<i64, String>,
    /// How many records each producer has sent to this partition.
    sent: BTreeMap<String, usize>,
}

impl Verdict {
    /// For one partition.
    pub(crate) fn new(all: &[Sent], partition: u32) -> Verdict {
        let mut verdict = Verdict { acknowledged: BTreeMap::new(), sent: BTreeMap::new() };
        for Sent { producer, acknowledged } in all {
            for noted in acknowledged.iter().filter(|noted| noted.partition == partition) {
                let other = verdict.acknowledged.insert(noted.offset, noted.value.clone());
                assert_eq!(other, None, "{} and another record were acknowledged at {}", noted.value, noted.offset);
                *verdict.sent.entry(producer.to_string()).or_default() += 1;
            }
        }
        verdict
    }

    /// How many records there have to be.
    pub(crate) fn count(&self) -> usize {
        self.acknowledged.len()
    }

    /// Checks what a client has read of the partition, in the order in which it came.
    ///
    /// All producers count their batches and were told of every record. So each record has to be there once, each
    /// producer's in the order in which it sent them, at the offset that was acknowledged, and nothing else.
    pub(crate) fn check(&self, about: &str, read: &[Noted]) {
        for (noted, expected) in read.iter().zip(0..) {
            assert_eq!(noted.offset, expected, "{about}: offsets without a gap: {:?}", context(read, expected));
        }
        let mut next: BTreeMap<&str, usize> = BTreeMap::new();
        for noted in read {
            let mut parts = noted.value.split('/');
            let (producer, number) = (parts.next().unwrap_or_default(), parts.nth(1).and_then(|n| n.parse().ok()));
            let expected = next.entry(producer).or_default();
            let shown = || format!("{about}: {producer}'s order: {:?}", context(read, noted.offset));
            assert_eq!(number, Some(*expected), "{}", shown());
            *expected += 1;
        }
        for (offset, value) in &self.acknowledged {
            let found = read.get(*offset as usize).map(|noted| &noted.value);
            assert_eq!(found, Some(value), "{about}: acknowledged at {offset}: {:?}", context(read, *offset));
        }
        let sent: BTreeMap<&str, usize> = self.sent.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(next, sent, "{about}: how many records of each producer");
    }
}

/// What is around an offset.
fn context(read: &[Noted], offset: i64) -> &[Noted] {
    let at = (offset.max(0) as usize).min(read.len());
    &read[at.saturating_sub(5)..(at + 5).min(read.len())]
}
