//! A coordinator over a tablet: what it answers, when, and what it writes.

use std::collections::BTreeSet;

use bytes::Bytes;
use stage05::Offset;
use stage06::groups::log::OffsetsLog;
use stage06::groups::message::{Answer, Caller, GroupError, Join};
use stage06::groups::options::GroupOptions;
use stage06::groups::question::{Question, Reply};
use stage06::groups::record::OffsetRecord;

use super::memory_log::{Asked, DONE, Followers, MemoryLog, at, commit, run};
use super::world::{join, join_again};

fn options() -> GroupOptions {
    GroupOptions { initial_delay_ms: 0, ..GroupOptions::default() }
}

#[test]
fn a_broker_that_does_not_lead_sends_clients_elsewhere() {
    run(async {
        let log = MemoryLog::new();
        log.leads(false);
        let asked = Asked::coordinator(&log, options());
        assert_eq!(asked.commit("g", 0, 1).await, Err(GroupError::NotCoordinator));
        log.leads(true);
        assert_eq!(asked.commit("g", 0, 1).await, DONE);
        log.leads(false);
        assert_eq!(asked.commit("g", 0, 2).await, Err(GroupError::NotCoordinator));
    });
}

#[test]
fn a_commit_is_acknowledged_when_all_in_sync_replicas_have_it_and_not_seen_before() {
    run(async {
        let log = MemoryLog::new();
        let asked = Asked::coordinator(&log, options());
        assert_eq!(asked.commit("g", 0, 1).await, DONE);
        log.followers(Followers::Stand);
        let second = asked.ask("g", commit(0, 2)).await;
        assert_eq!(asked.offset("g", 0).await, Ok(Some(1)));
        log.followers(Followers::Follow);
        assert_eq!(second.await, DONE);
        assert_eq!(asked.offset("g", 0).await, Ok(Some(2)));
    });
}

#[test]
fn a_commit_is_refused_where_too_few_replicas_are_in_sync() {
    run(async {
        let log = MemoryLog::new();
        let asked = Asked::coordinator(&log, options());
        assert_eq!(asked.commit("g", 0, 1).await, DONE);
        log.followers(Followers::AreGone);
        assert_eq!(asked.commit("g", 0, 2).await, Err(GroupError::NotAvailable));
        assert_eq!(asked.offset("g", 0).await, Ok(Some(1)));
    });
}

#[test]
fn groups_and_partitions_are_kept_apart() {
    run(async {
        let asked = Asked::coordinator(&MemoryLog::new(), options());
        for (group, partition, offset) in [("g", 0, 10), ("g", 1, 11), ("h", 0, 20)] {
            assert_eq!(asked.commit(group, partition, offset).await, DONE);
        }
        let Ok(Reply::Offsets(all)) = asked.ask("g", Question::Fetch(None)).await.await else { panic!("no offsets") };
        let all: Vec<_> = all.into_iter().map(|(at, committed)| (at.1, committed.expect("an offset").offset)).collect();
        assert_eq!(all, [(0, 10), (1, 11)]);
        assert_eq!(asked.offset("h", 1).await, Ok(None));
        let Ok(Reply::Groups(groups)) = asked.ask("", Question::List).await.await else { panic!("no groups") };
        assert_eq!(groups, [("g".into(), String::new()), ("h".into(), String::new())]);
    });
}

#[test]
fn a_new_coordinator_answers_nothing_before_it_has_all_that_the_one_before_acknowledged() {
    run(async {
        let log = MemoryLog::new();
        let before = Asked::coordinator(&log, options());
        for offset in 1..=50 {
            assert_eq!(before.commit("g", 0, offset).await, DONE);
        }
        log.followers(Followers::Stand);
        let lost = before.ask("g", commit(0, 51)).await;
        while log.view().borrow().end < Offset(51) {
            tokio::task::yield_now().await;
        }
        log.fail_over(1);
        assert_eq!(lost.await, Err(GroupError::NotCoordinator));
        let after = Asked::coordinator(&log, options());
        for _ in 0..200 {
            // The new leader does not know yet how far its followers are.
            assert_eq!(after.offset("g", 0).await, Err(GroupError::LoadInProgress));
            assert_eq!(after.commit("g", 0, 99).await, Err(GroupError::LoadInProgress));
        }
        log.followers(Followers::Follow);
        // It was never acknowledged, and it is there: it may be.
        assert_eq!(after.loaded_offset("g", 0).await, Some(51));
    });
}

#[test]
fn what_is_appended_after_the_end_of_a_reign_counts_for_nothing() {
    run(async {
        let log = MemoryLog::new();
        let before = Asked::coordinator(&log, options());
        assert_eq!(before.commit("g", 0, 1).await, DONE);
        // The member was fenced by another coordinator, and this one has not heard of it.
        log.is_slow();
        assert_eq!(before.commit("g", 0, 2).await, Err(GroupError::NotCoordinator));
        assert_eq!(log.view().borrow().end, Offset(2), "it is in the log");
        let after = Asked::coordinator(&log, options());
        assert_eq!(after.loaded_offset("g", 0).await, Some(1));
    });
}

#[test]
fn members_that_wait_are_sent_to_the_next_coordinator() {
    run(async {
        let log = MemoryLog::new();
        let asked = Asked::coordinator(&log, GroupOptions { initial_delay_ms: 60_000, ..options() });
        let joining = asked.ask("g", Question::Join(join("a"))).await;
        log.leads(false);
        assert_eq!(joining.await, Err(GroupError::NotCoordinator));
    });
}

#[test]
fn two_members_share_the_work_and_commit_in_their_generation() {
    run(async {
        let asked = Asked::coordinator(&MemoryLog::new(), options());
        let first = asked.ask("g", Question::Join(join("a"))).await.await;
        assert!(matches!(first, Ok(Reply::Answer(Answer::Joined(_)))), "{first:?}");
        let second = asked.ask("g", Question::Join(join("b"))).await;
        let first = asked.ask("g", Question::Join(join_again("a"))).await;
        for joined in [first.await, second.await] {
            let Ok(Reply::Answer(Answer::Joined(joined))) = joined else { panic!("no generation, but {joined:?}") };
            assert_eq!((joined.generation, joined.leader.as_str()), (2, "a"));
        }
        let caller = |member: &str, generation| Caller { member: member.into(), generation };
        let waiting = asked.ask("g", Question::Sync(caller("b", 2), vec![])).await;
        let work = ["a", "b"].map(|member| (member.to_string(), Bytes::from(member)));
        asked.ask("g", Question::Sync(caller("a", 2), work.to_vec())).await.await.expect("work");
        assert_eq!(waiting.await, Ok(Reply::Answer(Answer::Assignment(Bytes::from("b")))));

        let Question::Commit(_, offsets) = commit(0, 7) else { panic!("a commit") };
        let fenced = asked.ask("g", Question::Commit(caller("a", 1), offsets.clone())).await.await;
        assert_eq!(fenced, Err(GroupError::IllegalGeneration));
        assert_eq!(asked.offset("g", 0).await, Ok(None));
        assert_eq!(asked.commit("g", 0, 7).await, Err(GroupError::UnknownMember), "a client of no group");
        assert_eq!(asked.ask("g", Question::Commit(caller("a", 2), offsets)).await.await, DONE);
        assert_eq!(asked.offset("g", 0).await, Ok(Some(7)));

        let Ok(Reply::Description(group)) = asked.ask("g", Question::Describe).await.await else { panic!("no group") };
        let ids: Vec<&str> = group.members.iter().map(|member| member.id.as_str()).collect();
        assert_eq!((group.state, group.protocol.as_str(), ids), ("Stable", "range", vec!["a", "b"]));
    });
}

/// Commits until a checkpoint was completed, and a few more.
async fn commit_a_lot(asked: &Asked, last: u64) {
    for offset in 1..=last {
        assert_eq!(asked.commit("g", (offset % 3) as u32, offset).await, DONE);
    }
}

#[test]
fn a_checkpoint_lets_go_what_is_in_front_of_it_and_loses_nothing() {
    run(async {
        let log = MemoryLog::new();
        let options = GroupOptions { checkpoint_records: 10, ..options() };
        let asked = Asked::coordinator(&log, options);
        assert_eq!(asked.commit("old", 0, 5).await, DONE);
        commit_a_lot(&asked, 99).await;
        assert!(log.start() > Offset(50), "the log starts at {:?}", log.start());
        let count = log.records().len();
        assert!(count < 60, "{count} records");
        log.fail_over(0);
        log.followers(Followers::Follow);
        let after = Asked::coordinator(&log, options);
        assert_eq!(after.loaded_offset("old", 0).await, Some(5));
        for (partition, offset) in [(0, 99), (1, 97), (2, 98)] {
            assert_eq!(after.offset("g", partition).await, Ok(Some(offset)));
        }
    });
}

#[test]
fn a_checkpoint_of_which_a_part_was_refused_gives_up_nothing() {
    run(async {
        let log = MemoryLog::new();
        let options = GroupOptions { checkpoint_records: 10, ..options() };
        let asked = Asked::coordinator(&log, options);
        log.refuses(Some(|record| matches!(record, OffsetRecord::Kept(..))));
        commit_a_lot(&asked, 60).await;
        assert_eq!(log.start(), Offset(0));
        let begun = |record: &OffsetRecord| matches!(record, OffsetRecord::CheckpointBegins);
        let complete = |record: &OffsetRecord| matches!(record, OffsetRecord::CheckpointComplete(_));
        assert!(log.records().iter().any(begun), "no checkpoint was tried");
        assert!(!log.records().iter().any(complete), "a checkpoint without its parts");
        log.refuses(None);
        commit_a_lot(&asked, 60).await;
        assert!(log.start() > Offset(60), "it is tried again");
    });
}

#[test]
fn offsets_that_cannot_be_read_are_not_guessed() {
    run(async {
        let log = MemoryLog::new();
        let before = Asked::coordinator(&log, options());
        assert_eq!(before.commit("g", 0, 1).await, DONE);
        log.fail_over(0);
        log.damage();
        log.followers(Followers::Follow);
        let after = Asked::coordinator(&log, options());
        assert_eq!(after.offset("g", 0).await, Err(GroupError::NotAvailable));
        assert_eq!(after.commit("g", 0, 2).await, Err(GroupError::NotAvailable));
    });
}

#[test]
fn offsets_expire_when_nobody_was_in_the_group_for_as_long_as_they_are_kept() {
    run(async {
        let log = MemoryLog::new();
        let asked = Asked::coordinator(&log, GroupOptions { retention_ms: 1, ..options() });
        // All three are old, but one group has a member.
        let joined = asked.ask("used", Question::Join(join("a"))).await.await;
        assert!(matches!(joined, Ok(Reply::Answer(Answer::Joined(_)))), "{joined:?}");
        let caller = Caller { member: "a".into(), generation: 1 };
        asked.ask("used", Question::Sync(caller.clone(), vec![])).await.await.expect("work");
        let Question::Commit(_, offsets) = commit(0, 7) else { panic!("a commit") };
        assert_eq!(asked.ask("used", Question::Commit(caller, offsets)).await.await, DONE);
        assert_eq!(asked.commit("unused", 0, 8).await, DONE);
        while asked.offset("unused", 0).await.expect("an answer").is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked.offset("used", 0).await, Ok(Some(7)));
        let expired = log.records().into_iter().filter(|record| matches!(record, OffsetRecord::Expired(_)));
        let groups: BTreeSet<String> = expired
            .map(|record| match record {
                OffsetRecord::Expired(slot) => slot.group,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(groups, BTreeSet::from(["unused".into()]));
    });
}

#[test]
fn a_coordinator_that_has_just_begun_lets_nothing_expire() {
    run(async {
        let asked = Asked::coordinator(&MemoryLog::new(), options());
        // Committed in 1970. Whoever did it may have been a member until a moment ago, at another coordinator.
        assert_eq!(asked.commit("g", 0, 1).await, DONE);
        tokio::time::timeout(std::time::Duration::from_millis(300), async {
            while asked.offset("g", 0).await == Ok(Some(1)) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect_err("the offset is gone");
    });
}

#[test]
fn what_is_kept_is_bounded_whatever_clients_say() {
    run(async {
        let options = GroupOptions { groups_max: 1, offsets_bytes_max: 300, commit_bytes_max: 400, ..options() };
        let asked = Asked::coordinator(&MemoryLog::new(), options);
        assert_eq!(asked.commit("g", 0, 1).await, DONE);
        assert_eq!(asked.commit("g", 1, 1).await, DONE);
        assert_eq!(asked.commit("g", 2, 1).await, Err(GroupError::NotAvailable));
        assert_eq!(asked.commit("g", 1, 2).await, DONE, "what takes no more room is taken");
        let many = (0..4).map(|partition| {
            (
                at(partition),
                stage06::groups::record::Committed { offset: 1, leader_epoch: -1, note: String::new(), at_ms: 0 },
            )
        });
        let caller = Caller { member: String::new(), generation: -1 };
        let refused = asked.ask("g", Question::Commit(caller, many.collect())).await.await;
        assert_eq!(refused, Err(GroupError::TooLarge));
        let long = "x".repeat(250);
        assert_eq!(asked.commit(&long, 0, 1).await, Err(GroupError::InvalidGroup));
        assert_eq!(asked.commit("", 0, 1).await, Err(GroupError::InvalidGroup));

        let new = Join { asks_for_id_first: true, ..join("a") };
        assert!(asked.ask("one", Question::Join(new.clone())).await.await.is_ok());
        assert_eq!(asked.ask("two", Question::Join(new.clone())).await.await, Err(GroupError::NotAvailable));
        let named = Join { client: long, ..new };
        assert_eq!(asked.ask("one", Question::Join(named)).await.await, Err(GroupError::TooLarge));
    });
}

#[test]
fn commits_that_wait_for_replicas_are_not_piled_up() {
    run(async {
        let log = MemoryLog::new();
        let asked = Asked::coordinator(&log, GroupOptions { commits_waiting_max: 2, ..options() });
        log.followers(Followers::Stand);
        let waiting = [asked.ask("g", commit(0, 1)).await, asked.ask("g", commit(0, 2)).await];
        assert_eq!(asked.commit("g", 0, 3).await, Err(GroupError::NotAvailable));
        log.followers(Followers::Follow);
        for done in waiting {
            assert_eq!(done.await, DONE);
        }
        assert_eq!(asked.commit("g", 0, 4).await, DONE);
    });
}
