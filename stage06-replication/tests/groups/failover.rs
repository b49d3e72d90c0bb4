//! Whatever coordinators die, and wherever: a committed offset that was acknowledged is there, and does not go back.

use proptest::prelude::*;
use stage06::groups::options::GroupOptions;

use super::memory_log::{Asked, DONE, Followers, MemoryLog, commit, run};

const PARTITIONS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// The next offset of a partition is committed.
    Commit(usize),
    /// The next offset of a partition is committed, and nobody hears what becomes of it.
    CommitUnheard(usize),
    Followers(Followers),
    /// The coordinator dies. So many of the batches that were not acknowledged are on the next leader.
    FailOver(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..PARTITIONS).prop_map(Step::Commit),
        2 => (0..PARTITIONS).prop_map(Step::CommitUnheard),
        1 => prop_oneof![Just(Followers::Stand), Just(Followers::AreGone), Just(Followers::Follow)].prop_map(Step::Followers),
        1 => (0..3_usize).prop_map(Step::FailOver),
    ]
}

struct History {
    log: MemoryLog,
    options: GroupOptions,
    followers: Followers,
    asked: Asked,
    /// The last offset that somebody has tried to commit, and the last one that was acknowledged.
    tried: [u64; PARTITIONS],
    acknowledged: [u64; PARTITIONS],
}

impl History {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Commit(partition) if self.followers != Followers::Stand => {
                self.tried[partition] += 1;
                let offset = self.tried[partition];
                if self.asked.commit("g", partition as u32, offset).await == DONE {
                    self.acknowledged[partition] = offset;
                }
            }
            Step::Commit(partition) | Step::CommitUnheard(partition) => {
                self.tried[partition] += 1;
                drop(self.asked.ask("g", commit(partition as u32, self.tried[partition])).await);
            }
            Step::Followers(followers) => {
                self.log.followers(followers);
                self.followers = followers;
            }
            Step::FailOver(kept) => {
                self.log.fail_over(kept);
                self.asked = Asked::coordinator(&self.log, self.options);
                self.log.followers(Followers::Follow);
                self.followers = Followers::Follow;
                self.check().await;
            }
        }
    }

    async fn check(&mut self) {
        for partition in 0..PARTITIONS {
            let offset = self.asked.loaded_offset("g", partition as u32).await.unwrap_or(0);
            let (acknowledged, tried) = (self.acknowledged[partition], self.tried[partition]);
            let is_kept = (acknowledged..=tried).contains(&offset);
            assert!(is_kept, "partition {partition} is at {offset}, of {acknowledged} acknowledged and {tried} tried");
            // What was seen once is not taken back either.
            self.acknowledged[partition] = offset;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn an_acknowledged_offset_is_never_lost_and_never_goes_back(
        steps in prop::collection::vec(step(), 0..80),
        checkpoint_records in 3..30_u64,
    ) {
        run(async {
            let log = MemoryLog::new();
            let options = GroupOptions { checkpoint_records, ..GroupOptions::default() };
            let asked = Asked::coordinator(&log, options);
            let (tried, acknowledged, followers) = ([0; PARTITIONS], [0; PARTITIONS], Followers::Follow);
            let mut history = History { log, options, followers, asked, tried, acknowledged };
            for step in steps {
                history.take(step).await;
            }
            history.take(Step::FailOver(0)).await;
        });
    }
}
