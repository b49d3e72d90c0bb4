//! What is known of producers as lines of text, for whoever writes it down.
//!
//! ```text
//! has_forgotten false
//! 4711 2 0:990..992 2:995..997     a producer, its epoch, its last batches: sequence, first offset, offset behind
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use stage05::Offset;

use super::{BATCHES_MAX, PRODUCERS_MAX, Producer, Producers, Remembered, SEQUENCES};

impl Producers {
    /// Adds the lines to a text.
    pub(crate) fn write_lines(&self, text: &mut String) {
        // To write to a string cannot fail.
        let _ = writeln!(text, "has_forgotten {}", self.has_forgotten);
        for (number, Producer { epoch, batches }) in &self.known {
            let _ = write!(text, "{number} {epoch}");
            for Remembered { first, base, end } in batches {
                let _ = write!(text, " {first}:{base}..{end}");
            }
            text.push('\n');
        }
    }

    /// The other way round. `None` for what no log can have in front of `end`.
    pub(crate) fn from_lines<'a>(mut lines: impl Iterator<Item = &'a str>, end: Offset) -> Option<Producers> {
        let has_forgotten = lines.next()?.strip_prefix("has_forgotten ")?.parse().ok()?;
        let mut producers = Producers { known: BTreeMap::new(), last: BTreeMap::new(), has_forgotten };
        for line in lines {
            let (number, producer) = producer_of(line)?;
            let last = producer.batches.back().filter(|last| last.end <= end)?;
            producers.last.insert(last.base, number);
            producers.known.insert(number, producer);
        }
        let (known, last) = (producers.known.len(), producers.last.len());
        // One batch has one producer.
        (known <= PRODUCERS_MAX && known == last).then_some(producers)
    }
}

fn producer_of(line: &str) -> Option<(u64, Producer)> {
    let mut words = line.split(' ');
    let (number, epoch) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let mut batches = VecDeque::new();
    let mut reached = Offset(0);
    for word in words {
        let batch = remembered_of(word).filter(|batch| batch.base >= reached)?;
        reached = batch.end;
        batches.push_back(batch);
    }
    (batches.len() <= BATCHES_MAX).then_some((number, Producer { epoch, batches }))
}

fn remembered_of(word: &str) -> Option<Remembered> {
    let (first, offsets) = word.split_once(':')?;
    let (base, end) = offsets.split_once("..")?;
    let batch =
        Remembered { first: first.parse().ok()?, base: Offset(base.parse().ok()?), end: Offset(end.parse().ok()?) };
    let records = batch.end.0.checked_sub(batch.base.0)?;
    let is_possible = u64::from(batch.first) < SEQUENCES && (1..=u64::from(u32::MAX)).contains(&records);
    is_possible.then_some(batch)
}
