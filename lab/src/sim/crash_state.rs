//! What a power cut may leave of a disk.

use std::collections::HashSet;
use std::sync::Arc;

use super::SimDisk;
use super::choices::Choices;
use super::power_cut::Prefix;
use super::sparse::SparseBytes;
use super::state::{DiskState, FileState, NameChange, Names, Unsynced};
use super::torn_write::Torn;
use super::trace::{FileId, Remarks};

/// How a power cut treats what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lens {
    /// In order. Of each file some prefix of the unsynced operations survives, the last of them cut at the edge of a
    /// sector, or at any byte if it is a small write; of the directory likewise. The files know nothing of each other.
    PowerCut,
    /// In any order. Each unsynced sector is, by itself, as it was before or as it was written. Where the file once
    /// ended in front of it, it may also be zeros: the file got its length and not its bytes. The length is any that
    /// the file has had since its sync, and any of the directory's operations are lost.
    TornWrite,
}

/// How many states of one crash point are visited: all of them up to a limit, beyond it a sample of that many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// The limit.
    pub states_max: u64,
    /// The same seed gives the same sample.
    pub seed: u64,
}

/// One of the states that a power cut may leave.
#[derive(Clone, Debug)]
pub struct CrashState {
    /// The power went behind this many events of the trace.
    pub point: usize,
    /// Records that were acknowledged by then.
    pub acknowledged: u64,
    /// Records that readers had been shown as durable by then.
    pub served: u64,
    /// The records below this offset might be deleted by then.
    pub may_delete: u64,
    /// Of the records below this offset, only the latest of each key had to be there by then.
    pub may_compact: u64,
    /// How the unsynced was lost.
    pub lens: Lens,
    /// What was lost, as numbers; [`Trace::crash_state`](super::Trace::crash_state) makes the state from them again.
    pub choice: Vec<u32>,
    /// What is on the disk: all of it durable, and no operations yet.
    pub disk: SimDisk,
}

/// What may be left of one file: some choices, and the image for each combination of them.
pub(super) trait Remains: std::fmt::Debug + Send {
    /// How many options each choice has.
    fn options(&self) -> Vec<u32>;

    /// How many choices there are.
    fn choices(&self) -> usize;

    /// The file's content.
    fn image(&self, choice: &[u32]) -> SparseBytes;

    /// Makes of a choice the first one that gives the same content.
    fn simplify(&self, choice: &mut [u32]);

    /// For each unsynced event, what became of it.
    fn fates(&self, choice: &[u32]) -> Vec<(Option<usize>, String)>;
}

/// The file as it is if nothing unsynced survives.
fn synced(file: &Arc<FileState>) -> Arc<FileState> {
    match file.is_durable() {
        true => Arc::clone(file),
        false => Arc::new(FileState::durable(file.durable.clone())),
    }
}

/// A power cut at one point of a trace.
#[derive(Debug)]
pub struct Crash {
    lens: Lens,
    point: usize,
    remarks: Remarks,
    names: Arc<Names>,
    name_changes: Vec<Unsynced<NameChange>>,
    /// Every file as it was synced last.
    durable: Vec<Arc<FileState>>,
    /// What is in the place of a file without a name.
    nothing: Arc<FileState>,
    /// The files of which something is unsynced, and which may have a name after the crash.
    unsynced: Vec<(FileId, Box<dyn Remains>)>,
}

impl Crash {
    pub(super) fn new(state: &DiskState, lens: Lens, point: usize, remarks: Remarks) -> Crash {
        let mut crash = Crash {
            lens,
            point,
            remarks,
            names: state.durable_names.clone(),
            name_changes: state.unsynced_names.clone(),
            durable: state.files.iter().map(synced).collect(),
            nothing: Arc::default(),
            unsynced: Vec::new(),
        };
        let linked = state.unsynced_names.iter().filter_map(|unsynced| match &unsynced.change {
            NameChange::Link { file, .. } | NameChange::Rename { file, .. } => Some(*file),
            NameChange::Unlink { .. } => None,
        });
        let mut reachable: Vec<FileId> = state.durable_names.values().copied().chain(linked).collect();
        reachable.sort();
        reachable.dedup();
        for id in reachable {
            let file = state.file(id);
            match (file.unsynced.is_empty(), lens) {
                (true, _) => {}
                (false, Lens::PowerCut) => crash.unsynced.push((id, Box::new(Prefix::new(file)))),
                (false, Lens::TornWrite) => crash.unsynced.push((id, Box::new(Torn::new(file)))),
            }
        }
        crash
    }

    /// All states, or a sample of them, each once.
    pub fn states(self, sampling: Sampling) -> impl Iterator<Item = CrashState> {
        let mut choices = Choices::new(self.options(), sampling, self.point as u64);
        let states_max = usize::try_from(sampling.states_max).unwrap_or(usize::MAX);
        let mut visited = HashSet::new();
        std::iter::from_fn(move || {
            // Even a few draws may all give the same disk; then there are fewer states than there might be.
            while visited.len() < states_max {
                // A choice that was drawn stands for another one of the same kind, if that gives the same disk: to pass
                // it over would leave few of a sample when many a choice is about nothing that one can see.
                let choice = self.simplest(choices.next()?);
                if visited.insert(choice.clone()) {
                    return Some(self.state(&choice));
                }
            }
            None
        })
    }

    /// The state that a choice stands for.
    ///
    /// # Panics
    ///
    /// If the choice was not made for this crash.
    pub fn state(&self, choice: &[u32]) -> CrashState {
        let names = self.surviving_names(choice);
        let mut files = vec![Arc::clone(&self.nothing); self.durable.len()];
        for id in names.values() {
            files[id.0] = Arc::clone(&self.durable[id.0]);
        }
        for (id, remains, choice) in self.parts(choice) {
            if names.values().any(|named| *named == id) {
                files[id.0] = Arc::new(FileState::durable(remains.image(choice)));
            }
        }
        CrashState {
            point: self.point,
            acknowledged: self.remarks.acknowledged,
            served: self.remarks.served,
            may_delete: self.remarks.may_delete,
            may_compact: self.remarks.may_compact,
            lens: self.lens,
            choice: choice.to_vec(),
            disk: SimDisk::at(DiskState::durable(files, names)),
        }
    }

    /// For each event that was unsynced, its number and what became of it.
    pub fn fates(&self, choice: &[u32]) -> Vec<(usize, String)> {
        let kept = self.kept_names(choice);
        let word = |kept: &bool| if *kept { "kept" } else { "LOST" }.to_string();
        let names = self.name_changes.iter().zip(&kept).map(|(unsynced, kept)| (unsynced.event, word(kept)));
        let files = self.parts(choice).flat_map(|(_, remains, choice)| remains.fates(choice));
        names.chain(files).filter_map(|(event, fate)| Some((event?, fate))).collect()
    }

    fn options(&self) -> Vec<u32> {
        let changes = self.name_changes.len();
        let mut options = match self.lens {
            Lens::PowerCut => vec![changes as u32 + 1],
            Lens::TornWrite => vec![2; changes],
        };
        options.extend(self.unsynced.iter().flat_map(|(_, remains)| remains.options()));
        options
    }

    /// Which changes of the directory survive.
    fn kept_names(&self, choice: &[u32]) -> Vec<bool> {
        let changes = 0..self.name_changes.len();
        match self.lens {
            Lens::PowerCut => changes.map(|change| change < choice[0] as usize).collect(),
            Lens::TornWrite => changes.map(|change| choice[change] == 1).collect(),
        }
    }

    fn surviving_names(&self, choice: &[u32]) -> Names {
        let mut names = Names::clone(&self.names);
        for (unsynced, kept) in self.name_changes.iter().zip(self.kept_names(choice)) {
            if kept {
                unsynced.change.apply(&mut names);
            }
        }
        names
    }

    /// The files with unsynced content, each with its own part of the choice.
    fn parts<'a>(&'a self, choice: &'a [u32]) -> impl Iterator<Item = (FileId, &'a dyn Remains, &'a [u32])> {
        let mut rest = match self.lens {
            Lens::PowerCut => &choice[1..],
            Lens::TornWrite => &choice[self.name_changes.len()..],
        };
        self.unsynced.iter().map(move |(id, remains)| {
            let (part, behind) = rest.split_at(remains.choices());
            rest = behind;
            (*id, &**remains, part)
        })
    }

    /// The first choice that gives the same disk: it keeps nothing of a file that has no name.
    fn simplest(&self, mut choice: Vec<u32>) -> Vec<u32> {
        let names = self.surviving_names(&choice);
        let mut at = choice.len() - self.unsynced.iter().map(|(_, remains)| remains.choices()).sum::<usize>();
        for (id, remains) in &self.unsynced {
            let part = &mut choice[at..at + remains.choices()];
            match names.values().any(|named| named == id) {
                true => remains.simplify(part),
                false => part.fill(0),
            }
            at += remains.choices();
        }
        choice
    }
}
