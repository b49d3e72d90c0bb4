//! Part 2: a replica that follows. The leader is the test.

use fastrand::Rng;
use stage06::Offset;
use stage06::batch::Batch;
use stage06::epochs::Epochs;
use stage06::ids::{BrokerEpoch, LeaderEpoch};
use stage06::log_ends::Flush;
use stage06::message::{FetchAnswer, FetchRequest, FetchResult};
use stage06::replica::{Input, Output, Replica};
use stage06::replica_log::ReplicaLog;
use stage06::sim::MemoryLog;

use crate::common::*;

/// The question is a promise: everything in front of its offset is safe. So what was received is synced first, and asked
/// for more when that is done.
#[test]
fn s06p2_a_follower_asks_for_more_only_when_what_it_has_is_synced() {
    let (mut replica, asked) = follower(5);
    assert_eq!((asked.offset, asked.last_epoch), (Offset(5), Some(LeaderEpoch(1))), "its end, and its last epoch");
    assert_eq!((asked.life, asked.leader_epoch), (LIFE, LeaderEpoch(2)), "its life, and the epoch in which it follows");
    let out = replica.handle(1, batches(asked.number, vec![batch(5, 2), batch(6, 2)], 6));
    assert_eq!((appends(&out), is_sync(&out)), (vec![5, 6], true), "both are appended, and a sync is begun");
    assert_eq!(question(&out), None, "no question while 5 and 6 are in the page cache");
    assert_eq!(question(&replica.handle(900, Input::Tick)), None, "however long the sync takes");
    let next = question(&replica.handle(901, Input::Synced)).expect("the sync is over: now it asks");
    assert_eq!((next.offset, next.last_epoch), (Offset(7), Some(LeaderEpoch(2))));
    assert!(next.number > asked.number, "another question has another number");
}

/// A replica that syncs later promises what is written, and goes on asking.
#[test]
fn s06p2_a_follower_that_syncs_later_asks_at_once() {
    let mut replica = replica(5, Flush::Async);
    let asked = question(&replica.handle(0, Input::Tablet(state(2, 2, 2, &[1, 2])))).expect("a question");
    let next = question(&replica.handle(1, batches(asked.number, vec![batch(5, 2)], 5)));
    assert_eq!(next.expect("it does not wait for its sync").offset, Offset(6));
}

/// A follower hears of the leader's high watermark, which may lie behind what has arrived here, or in front of what is
/// left here.
#[test]
fn s06p2_a_followers_watermark_stays_within_its_own_log() {
    let (mut replica, asked) = follower(5);
    replica.handle(1, batches(asked.number, vec![batch(5, 2)], 100));
    assert_eq!(replica.high_watermark(), Offset(6), "the leader is at 100, and this log ends at 6");
    let mut replica = opened(1, LIFE, Flush::Sync, 40, 50, Epochs::default());
    let asked = question(&replica.handle(0, Input::Tablet(state(2, 2, 2, &[1, 2])))).expect("a question");
    replica.handle(1, batches(asked.number, vec![batch(50, 2)], 3));
    assert_eq!(replica.high_watermark(), Offset(40), "the leader has just begun to count, and this log starts at 40");
}

/// What comes over a network is looked at. A batch is appended if it starts where the log ends, in an epoch that is not
/// older than the last one and not newer than the leader's; from the first that is not on, nothing is.
#[test]
fn s06p2_only_batches_that_go_on_where_the_log_ends_are_appended() {
    for (sent, taken, why) in [
        (vec![batch(5, 1), batch(6, 2)], vec![5, 6], "both go on where the log ends"),
        (vec![batch(5, 2), batch(7, 2)], vec![5], "there is a gap in front of 7"),
        (vec![batch(6, 2)], vec![], "there is a gap in front of 6"),
        (vec![batch(4, 2), batch(5, 2)], vec![], "4 is there already"),
        (vec![batch(5, 2), batch(6, 1)], vec![5], "epoch 1 is over when epoch 2 has begun"),
        (vec![batch(5, 3)], vec![], "epoch 3 is not the leader's"),
        (vec![Batch { count: 0, ..batch(5, 2) }], vec![], "a batch without a record"),
        (vec![Batch { count: 3, ..batch(5, 2) }, batch(8, 2)], vec![5, 8], "a batch of three records"),
    ] {
        let (mut replica, asked) = follower(5);
        let out = replica.handle(1, batches(asked.number, sent, 0));
        assert_eq!(appends(&out), taken, "{why}");
        assert_eq!(is_sync(&out), !taken.is_empty(), "{why}: what was appended is synced");
    }
}

/// A question whose answer does not come is asked again, under another number. The first answer may come all the same: it
/// is about a log that may have changed since, and counts for nothing. So does an answer that comes twice.
#[test]
fn s06p2_only_the_answer_to_the_last_question_counts() {
    let (mut replica, first) = follower(5);
    assert_eq!(question(&replica.handle(399, Input::Tick)), None, "one question at a time");
    let second = question(&replica.handle(400, Input::Tick)).expect("after 400 ms the first one is taken for lost");
    assert_eq!((second.offset, second.number > first.number), (first.offset, true));
    let late = replica.handle(401, batches(first.number, vec![batch(5, 2)], 6));
    assert_eq!((appends(&late), replica.high_watermark()), (vec![], Offset(0)), "the answer to the first question");
    assert_eq!(cut(&replica.handle(402, diverging(first.number, 1, 2))), None, "the same, and worse");
    assert_eq!(appends(&replica.handle(403, batches(second.number, vec![batch(5, 2)], 6))), [5], "the right answer");
    assert_eq!(cut(&replica.handle(404, diverging(second.number, 1, 2))), None, "an answer counts once");
}

/// An answer that was given in another epoch is about another leader's log.
#[test]
fn s06p2_an_answer_of_another_epoch_changes_nothing() {
    let (mut replica, asked) = follower(5);
    for result in [
        FetchResult::Batches { batches: vec![batch(5, 1)], high_watermark: Offset(6) },
        FetchResult::Deleted { start: Offset(50) },
    ] {
        let late = FetchAnswer { number: asked.number, leader_epoch: LeaderEpoch(1), result };
        let out = replica.handle(1, Input::FetchAnswer(late));
        assert!(out.is_empty(), "{out:?}");
    }
    assert_eq!(replica.high_watermark(), Offset(0));
}

/// There is nothing new, or the one who was asked does not lead: a follower that asked again at once would ask for ever.
#[test]
fn s06p2_a_follower_waits_after_an_answer_without_records() {
    for result in [FetchResult::NotLeader, FetchResult::Batches { batches: vec![], high_watermark: Offset(0) }] {
        let (mut replica, asked) = follower(5);
        assert_eq!(question(&replica.handle(1, answer(asked.number, result.clone()))), None, "{result:?}");
        assert_eq!(question(&replica.handle(30, Input::Tick)), None, "{result:?}, 29 ms ago");
        assert!(question(&replica.handle(31, Input::Tick)).is_some(), "{result:?}, 30 ms ago");
    }
}

/// The leader says where the logs part, and the follower cuts there: not at its high watermark, which says only what it
/// has heard of. As long as the cut is not done it asks nothing.
#[test]
fn s06p2_a_follower_cuts_where_the_leaders_log_parts_from_its_own() {
    let (mut replica, asked) = follower(5);
    let out = replica.handle(1, diverging(asked.number, 1, 3));
    assert_eq!((cut(&out), question(&out)), (Some(3), None), "the leader has epoch 1 up to 3");
    assert_eq!(question(&replica.handle(1_000, Input::Tick)), None, "it is still cutting");
    let next = question(&replica.handle(1_001, Input::Truncated(Offset(3)))).expect("the cut is done");
    assert_eq!((next.offset, next.last_epoch), (Offset(3), Some(LeaderEpoch(1))));
}

/// The leader's end of an epoch may lie behind the follower's own, and the epoch that the leader names may be one that the
/// follower does not have. It goes by the last of its own that is not newer.
#[test]
fn s06p2_the_cut_is_at_the_lesser_of_the_two_ends() {
    for (named, end, expected, why) in [
        (1, 6, 3, "its own epoch 1 ends at 3, and the leader's at 6"),
        (1, 2, 2, "its own epoch 1 ends at 3, and the leader's at 2"),
        (2, 6, 3, "it has no epoch 2: its epoch 1 ends at 3"),
        (4, 7, 7, "the leader has less of epoch 4"),
        (0, 2, 0, "it has nothing as old as that"),
    ] {
        let mut epochs = Epochs::default();
        epochs.begin(LeaderEpoch(1), Offset(0));
        epochs.begin(LeaderEpoch(4), Offset(3));
        let mut replica = opened(1, LIFE, Flush::Sync, 0, 9, epochs);
        let asked = question(&replica.handle(0, Input::Tablet(state(2, 5, 5, &[2])))).expect("a question");
        let result = diverging(asked.number, named, end);
        let Input::FetchAnswer(answer) = result else { unreachable!("it is one") };
        let answer = FetchAnswer { leader_epoch: LeaderEpoch(5), ..answer };
        assert_eq!(cut(&replica.handle(1, Input::FetchAnswer(answer))), Some(expected), "{why}");
    }
}

/// A follower that was away for so long that the leader has deleted what it lacks cannot have a log with a hole. It begins
/// anew where the leader's log begins, and asks nothing before that is done.
#[test]
fn s06p2_a_follower_whose_next_record_is_deleted_begins_again() {
    let (mut replica, asked) = follower(5);
    let out = replica.handle(1, answer(asked.number, FetchResult::Deleted { start: Offset(50) }));
    assert!(out.iter().any(|output| matches!(output, Output::StartAgain(Offset(50)))), "{out:?}");
    assert_eq!(question(&replica.handle(1_000, Input::Tick)), None, "it is still at it");
    let next = question(&replica.handle(1_001, Input::StartedAgain(Offset(50)))).expect("a question");
    assert_eq!((next.offset, next.last_epoch), (Offset(50), None));
}

/// The leader of epoch 9, with a log that nobody changes. The follower's is the same up to `common`.
struct Leader {
    log: MemoryLog,
    epochs: Epochs,
}

impl Leader {
    fn answer(&self, request: &FetchRequest) -> FetchAnswer {
        let known = request.last_epoch.map(|last| (last, self.epochs.end_of(last, self.log.end())));
        let result = match known {
            Some((last, Some(end))) if end.epoch == last && end.end >= request.offset => self.batches(request.offset),
            Some((_, Some(end))) => FetchResult::Diverging(end),
            None => self.batches(request.offset),
            Some((_, None)) => FetchResult::Deleted { start: Offset(0) },
        };
        FetchAnswer { number: request.number, leader_epoch: request.leader_epoch, result }
    }

    fn batches(&self, from: Offset) -> FetchResult {
        let batches = self.log.read(from, 24).expect("a log in memory");
        FetchResult::Batches { batches, high_watermark: self.log.end() }
    }
}

/// A follower's process and its disk. What it wants done is done, and whatever it asks is checked.
struct Following {
    replica: Replica,
    log: MemoryLog,
    /// What a running sync covers.
    syncing: Option<Offset>,
    asked: Vec<FetchRequest>,
}

impl Following {
    fn start(log: MemoryLog, life: u64) -> Following {
        let epochs = log.epochs().expect("a log in memory");
        let replica = opened(1, BrokerEpoch(life), Flush::Sync, log.start().0, log.end().0, epochs);
        Following { replica, log, syncing: None, asked: Vec::new() }
    }

    fn tell(&mut self, now: u64, input: Input) {
        for output in self.replica.handle(now, input) {
            match output {
                Output::Append(batches) => self.log.append(&batches).expect("a log in memory"),
                Output::Sync => self.syncing = Some(self.log.end()),
                Output::Truncate(end) => {
                    let end = self.log.truncate(end).expect("a log in memory");
                    self.tell(now, Input::Truncated(end));
                }
                Output::StartAgain(start) => {
                    self.log.start_again(start);
                    self.tell(now, Input::StartedAgain(start));
                }
                Output::Fetch { request, .. } => {
                    let durable = self.log.durable_end();
                    assert!(
                        request.offset <= durable,
                        "it says that it has everything in front of {}; a power cut would leave {durable}",
                        request.offset
                    );
                    self.asked.push(request);
                }
                _ => {}
            }
        }
    }

    fn synced(&mut self, now: u64) {
        if let Some(end) = self.syncing.take() {
            self.log.synced(end);
            self.tell(now, Input::Synced);
        }
    }
}

/// A log of batches of one to three records, in these epochs.
fn write(log: &mut MemoryLog, random: &mut Rng, epochs: &[u32]) {
    for &epoch in epochs {
        for _ in 0..random.u64(0..4) {
            let base = log.end().0;
            log.append(&[Batch { count: random.u32(1..=3), ..batch(base, epoch) }]).expect("a log in memory");
        }
    }
}

/// A follower whose log has gone astray, over a network that loses, doubles and swaps answers, with a disk that takes its
/// time and loses power now and then. It never says that it has what a power cut would take, never cuts what it has in
/// common with the leader, and in the end has the leader's log.
#[test]
fn s06p2_whatever_happens_on_the_way_it_comes_to_have_the_leaders_log() {
    for seed in 0..400 {
        let mut random = Rng::with_seed(seed);
        let mut log = MemoryLog::default();
        write(&mut log, &mut random, &[1, 2]);
        let (common, mut own) = (log.end(), log.clone());
        write(&mut own, &mut random, &[3, 5, 6]);
        write(&mut log, &mut random, &[4, 8, 9]);
        log.sync().and(own.sync()).expect("logs in memory");
        let epochs = log.epochs().expect("a log in memory");
        let leader = Leader { log, epochs };
        let mut follower = Following::start(own, 1);
        let mut life = 1;
        follower.tell(0, Input::Tablet(state(2, 9, 9, &[1, 2])));
        for now in 1..600 {
            match random.u32(0..12) {
                0 if now < 300 => {
                    follower.log.lose_power(&mut random);
                    // Opening a log makes what is left of it durable.
                    follower.log.sync().expect("a log in memory");
                    life += 1;
                    follower = Following::start(follower.log, life);
                    follower.tell(now * 20, Input::Tablet(state(2, 9, 9, &[1, 2])));
                }
                1..4 => follower.synced(now * 20),
                4..10 if !follower.asked.is_empty() => {
                    // Any question that was ever asked in this life may be answered, once or again.
                    let last = follower.asked.len() - 1;
                    let at = if random.bool() { last } else { random.usize(0..=last) };
                    follower.tell(now * 20, Input::FetchAnswer(leader.answer(&follower.asked[at])));
                }
                _ => follower.tell(now * 20, Input::Tick),
            }
            assert!(follower.log.end() >= common, "seed {seed}: cut to {}, below {common}", follower.log.end());
        }
        for now in 600..900 {
            follower.synced(now * 20);
            let last = *follower.asked.last().expect("it has asked");
            follower.tell(now * 20, Input::FetchAnswer(leader.answer(&last)));
        }
        assert_eq!(follower.log.durable_end(), leader.log.end(), "seed {seed}: it has all, durably");
        for at in (0..leader.log.end().0).map(Offset) {
            assert_eq!(follower.log.cell(at), leader.log.cell(at), "seed {seed}: the record at {at}");
        }
    }
}
