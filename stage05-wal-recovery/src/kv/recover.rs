//! Recovery: the newest checkpoint, and the log from its offset on.

use std::path::Path;

use stage04::{Error, Offset, Reader, Result, Scan};

use super::batch::decode;
use super::checkpoints::Checkpoints;
use super::table::State;

/// How a store found its state.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Replayed {
    /// The checkpoint it began with: 0 if there was none, and the log was read from its first record.
    pub checkpoint: Offset,
    /// How many records of the log were applied to it.
    pub records: u64,
    /// What is wrong with newer checkpoints. The log made up for them, so nothing is lost; but a disk that damages one
    /// file will damage others.
    pub damaged: Vec<Error>,
}

/// Finds the state behind the log's last record.
///
/// A checkpoint that is damaged is passed over, if an older one is there and the log has every record from that one on:
/// the state that comes out is the same. The oldest of all is the empty state at offset 0. If the log begins behind it,
/// there is nothing to be had but an earlier state, and that is an error (K6).
pub(crate) fn recover<R: Reader>(checkpoints: &Checkpoints, log: &R, path: &Path) -> Result<(State, Replayed)> {
    let offsets = checkpoints.offsets()?;
    if let Some(&newest) = offsets.first()
        && newest > log.end()
    {
        // It was written when the log was durable up to there, so the log has lost records.
        return Err(Error::Gap { path: checkpoints.path(newest), expected: log.end(), found: newest });
    }
    let (mut state, damaged) = newest_usable(checkpoints, &offsets, log, path)?;
    let checkpoint = state.next;
    replay(&mut state, log, path)?;
    let records = state.next.0 - checkpoint.0;
    Ok((state, Replayed { checkpoint, records, damaged }))
}

/// The newest checkpoint that is not damaged, and the damages of those that are newer still.
fn newest_usable<R: Reader>(
    checkpoints: &Checkpoints,
    offsets: &[Offset],
    log: &R,
    path: &Path,
) -> Result<(State, Vec<Error>)> {
    let start = log.start();
    let mut damaged = Vec::new();
    for &offset in offsets.iter().filter(|&&offset| offset >= start) {
        match checkpoints.read(offset) {
            Ok(state) => return Ok((state, damaged)),
            Err(error @ Error::Damaged { .. }) => damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    if start == Offset(0) {
        return Ok((State::default(), damaged));
    }
    // What is older than the log's start cannot be made the latest state. The error is the newest checkpoint's.
    let expected = offsets.iter().copied().find(|&offset| offset < start).unwrap_or_default();
    let gap = Error::Gap { path: path.to_owned(), expected, found: start };
    Err(damaged.into_iter().next().unwrap_or(gap))
}

/// Applies the log's records from `state.next` on.
fn replay<R: Reader>(state: &mut State, log: &R, path: &Path) -> Result<()> {
    let mut scan = log.scan(state.next)?;
    while let Some(entry) = scan.next()? {
        let (offset, position) = (entry.offset, entry.position);
        if offset != state.next {
            return Err(Error::Gap { path: path.to_owned(), expected: state.next, found: offset });
        }
        let batch = decode(&entry.record.value);
        let batch = batch.map_err(|what| Error::Damaged {
            path: path.to_owned(),
            position,
            what: format!("record {offset} is {what}"),
        })?;
        state.apply(&batch);
    }
    match state.next == log.end() {
        true => Ok(()),
        false => Err(Error::Gap { path: path.to_owned(), expected: state.next, found: log.end() }),
    }
}
