//! The simulated disk behaves like the operating system's: whatever is done to both, both show the same.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use lab::sim::SimDisk;
use proptest::prelude::*;
use stage01::{Access, Disk, DiskFile, OsDisk};

/// One operation; names and open files are picked by number.
#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    Open(usize, Access),
    Rename(usize, usize),
    Remove(usize),
    Write { open: usize, position: u64, byte: u8, count: usize },
    Truncate { open: usize, length: u64 },
    Read { open: usize, position: u64, count: usize },
    SyncData(usize),
    SyncDirectory,
}

const NAMES: [&str; 4] = ["a", "b", "c.jsonl", "d"];

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let open = 0usize..8;
    // Around the edges of sectors and pages, where mistakes are.
    let place = prop_oneof![0u64..20, 500u64..530, 4080u64..4110, 8180u64..8200, Just(1 << 20)];
    let access = prop_oneof![Just(Access::Read), Just(Access::Write)];
    prop_oneof![
        3 => name.clone().prop_map(Step::Create),
        2 => (name.clone(), access).prop_map(|(name, access)| Step::Open(name, access)),
        1 => (name.clone(), name.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => name.prop_map(Step::Remove),
        6 => (open.clone(), place.clone(), 1u8.., 0usize..5000)
            .prop_map(|(open, position, byte, count)| Step::Write { open, position, byte, count }),
        3 => (open.clone(), place.clone()).prop_map(|(open, length)| Step::Truncate { open, length }),
        3 => (open.clone(), place, 0usize..5000)
            .prop_map(|(open, position, count)| Step::Read { open, position, count }),
        1 => open.prop_map(Step::SyncData),
        1 => Just(Step::SyncDirectory),
    ]
}

/// What a step shows: an error's kind, or a number, or bytes.
type Outcome = Result<Vec<u8>, ErrorKind>;

/// A disk, and the files that are open on it.
struct Subject {
    disk: Arc<dyn Disk>,
    open: Vec<Arc<dyn DiskFile>>,
}

impl Subject {
    fn step(&mut self, step: &Step) -> Outcome {
        let done = match *step {
            Step::Create(name) => self.disk.create(NAMES[name]).map(|file| self.open.push(file)),
            Step::Open(name, access) => self.disk.open(NAMES[name], access).map(|file| self.open.push(file)),
            Step::Rename(from, to) => self.disk.rename(NAMES[from], NAMES[to]),
            Step::Remove(name) => self.disk.remove(NAMES[name]),
            Step::SyncDirectory => self.disk.sync_directory(),
            Step::Write { open, .. } | Step::Truncate { open, .. } | Step::Read { open, .. } | Step::SyncData(open) => {
                let Some(file) = self.open.get(open % self.open.len().max(1)) else { return Ok(vec![]) };
                return step_on_file(&**file, step);
            }
        };
        done.map(|()| vec![]).map_err(|e| e.kind())
    }

    /// All files with their content.
    fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let names = self.disk.list().unwrap();
        let read = |name: &String| {
            let file = self.disk.open(name, Access::Read).unwrap();
            let mut bytes = vec![0; file.length().unwrap() as usize];
            assert_eq!(file.read_at(&mut bytes, 0).unwrap(), bytes.len());
            bytes
        };
        names.iter().map(|name| (name.clone(), read(name))).collect()
    }
}

fn step_on_file(file: &dyn DiskFile, step: &Step) -> Outcome {
    let done = match *step {
        Step::Write { position, byte, count, .. } => file.write_at(&vec![byte; count], position),
        Step::Truncate { length, .. } => file.truncate(length),
        Step::Read { position, count, .. } => {
            let mut bytes = vec![0; count];
            let read = file.read_at(&mut bytes, position).map_err(|e| e.kind())?;
            bytes.truncate(read);
            return Ok(bytes);
        }
        _ => file.sync_data(),
    };
    done.and_then(|()| file.length()).map(|length| length.to_be_bytes().to_vec()).map_err(|e| e.kind())
}

/// Reads of a file that was opened for reading work, writes to it fail on both disks, though each says it in its way.
fn same(sim: &Outcome, os: &Outcome) -> bool {
    sim == os || matches!((sim, os), (Err(sim), Err(os)) if !named(*sim) && !named(*os))
}

fn named(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::AlreadyExists)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_simulated_disk_shows_what_the_real_one_shows(steps in proptest::collection::vec(step(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let os_disk = Arc::new(OsDisk::existing(directory.path()).unwrap());
        let sim_disk = SimDisk::new();
        let mut os = Subject { disk: os_disk, open: vec![] };
        let mut sim = Subject { disk: sim_disk.disk(), open: vec![] };
        for (number, step) in steps.iter().enumerate() {
            let (sim, os) = (sim.step(step), os.step(step));
            prop_assert!(same(&sim, &os), "step {number}, {step:?}: simulated {sim:?}, real {os:?}");
        }
        prop_assert!(sim.content() == os.content(), "the files differ in the end");
        // A kill of the process changes nothing, and neither does a replay of the trace.
        let end = sim_disk.trace().events().len();
        let killed = Subject { disk: sim_disk.trace().kill_at(end, 0).disk(), open: vec![] };
        prop_assert!(killed.content() == os.content(), "the files differ after a kill");
    }
}
