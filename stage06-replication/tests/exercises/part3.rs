//! Part 3: a replica that leads.

use stage06::Offset;
use stage06::epochs::EpochEnd;
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::log_ends::Flush;
use stage06::message::{FetchRequest, FetchResult};
use stage06::replica::{Acks, Input, Outcome, Output, Why};

use crate::cluster::Cluster;
use crate::common::*;

fn asks(from: u32, offset: u64, last: u32) -> Input {
    Input::FetchRequest(fetch(from, offset, last))
}

fn is_proposal(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::Propose { .. }))
}

/// A producer that wants no answer gets none. One that wants the leader's word gets it when the leader has synced, and not
/// when it has written.
#[test]
fn s06p3_acks_0_and_acks_1_are_the_leaders_own_affair() {
    let mut replica = leader(5, &[1, 2]);
    assert_eq!(appends(&replica.handle(1, produce(0, Acks::None))), [5]);
    let out = replica.handle(1, produce(1, Acks::Leader));
    assert_eq!((appends(&out), answers(&out)), (vec![6], vec![]), "it is in the page cache");
    assert_eq!(answers(&replica.handle(2, Input::Synced)), [], "that sync was for the first batch");
    assert_eq!(answers(&replica.handle(3, Input::Synced)), [(1, Outcome::Acknowledged(Offset(6)))]);
    assert_eq!(answers(&replica.handle(10_000, Input::Tick)), [], "nobody is left who waits");
    let mut later = crate::common::replica(5, Flush::Async);
    later.handle(0, Input::Tablet(state(1, 2, 2, &[1, 2])));
    let out = later.handle(1, produce(1, Acks::Leader));
    assert_eq!(answers(&out), [(1, Outcome::Acknowledged(Offset(5)))], "one that syncs later answers at once");
}

/// With `acks=all` a batch is acknowledged when all in-sync replicas have it, the leader's own disk among them.
#[test]
fn s06p3_acks_all_waits_for_all_in_sync_replicas_and_for_the_leaders_own_disk() {
    let mut replica = leader(0, &[1, 2, 3]);
    replica.handle(1, produce(1, Acks::All));
    assert_eq!(answers(&replica.handle(2, has(2, 1))), [], "broker 3 has not said anything");
    assert_eq!(answers(&replica.handle(3, has(3, 1))), [], "the leader itself has not synced");
    assert_eq!(answers(&replica.handle(4, Input::Synced)), [(1, Outcome::Acknowledged(Offset(0)))]);
    assert_eq!(replica.high_watermark(), Offset(1));
    replica.handle(5, produce(2, Acks::All));
    replica.handle(6, Input::Synced);
    assert_eq!(answers(&replica.handle(7, has(3, 2))), [], "broker 2 lacks the second batch");
    assert_eq!(answers(&replica.handle(8, has(2, 2))), [(2, Outcome::Acknowledged(Offset(1)))]);
    replica.handle(9, produce(3, Acks::All));
    replica.handle(9, produce(4, Acks::Leader));
    replica.handle(10, Input::Synced);
    let out = replica.handle(11, Input::Synced);
    assert_eq!(
        answers(&out),
        [(4, Outcome::Acknowledged(Offset(3)))],
        "who wants less does not wait for who wants more"
    );
}

/// The least end counts, whatever the order in which they come; a follower that is not in sync does not count, and one
/// that was not heard of in this epoch counts with nothing.
#[test]
fn s06p3_the_watermark_is_the_least_end_of_those_who_count() {
    let mut replica = leader(9, &[1, 2, 3]);
    for (from, offset, watermark) in [(2, 7, 0), (3, 4, 4), (3, 8, 7), (2, 9, 8), (3, 9, 9)] {
        replica.handle(1, asks(from, offset, 1));
        assert_eq!(replica.high_watermark(), Offset(watermark), "broker {from} asks for {offset}");
    }
    let mut replica = leader(9, &[1, 2]);
    replica.handle(1, asks(3, 2, 1));
    replica.handle(2, asks(2, 6, 1));
    assert_eq!(replica.high_watermark(), Offset(6), "broker 3 is not in sync");
    replica.handle(3, asks(2, 3, 1));
    assert_eq!(replica.high_watermark(), Offset(6), "it does not fall: consumers have seen what is in front of it");
}

/// With fewer replicas in sync than the minimum, the watermark stands still, and so does whoever waits for it.
#[test]
fn s06p3_below_the_minimum_nothing_moves() {
    let mut replica = leader(0, &[1, 2]);
    replica.handle(1, produce(1, Acks::All));
    replica.handle(2, Input::Tablet(state(1, 2, 3, &[1])));
    assert_eq!(answers(&replica.handle(3, Input::Synced)), [], "the leader alone is not enough");
    assert_eq!(replica.high_watermark(), Offset(0));
    replica.handle(4, Input::Tablet(state(1, 2, 4, &[1, 2])));
    assert_eq!(answers(&replica.handle(5, has(2, 1))), [(1, Outcome::Acknowledged(Offset(0)))], "two are enough");
}

/// Broker 3 has caught up, and the leader asks for it to be in sync. No answer has come: the controller may have said yes, and
/// may elect broker 3 at any moment. So it counts from the proposal on, before anybody has confirmed it.
#[test]
fn s06p3_who_may_be_in_sync_counts() {
    let mut replica = leader(5, &[1, 2]);
    assert!(is_proposal(&replica.handle(1, asks(3, 5, 1))), "broker 3 has all that there is");
    replica.handle(2, produce(1, Acks::All));
    replica.handle(3, Input::Synced);
    assert_eq!(answers(&replica.handle(4, has(2, 6))), [], "broker 3 may be in sync, and lacks the batch");
    assert_eq!(replica.high_watermark(), Offset(5));
    assert_eq!(answers(&replica.handle(5, has(3, 6))), [(1, Outcome::Acknowledged(Offset(5)))]);
    let mut replica = leader(0, &[1, 2, 3]);
    replica.handle(1, produce(1, Acks::All));
    replica.handle(2, Input::Synced);
    replica.handle(1_000, has(2, 1));
    assert!(is_proposal(&replica.handle(1_001, Input::Tick)), "broker 3 is silent, and is to leave");
    assert_eq!(replica.high_watermark(), Offset(0), "and counts until the controller has said so");
    let (life, partition_epoch, result) = (LIFE, PartitionEpoch(2), Ok(state(1, 2, 3, &[1, 2])));
    let out = replica.handle(1_002, Input::ProposalAnswer { life, partition_epoch, result });
    assert_eq!(answers(&out), [(1, Outcome::Acknowledged(Offset(0)))], "now it is out");
}

/// A batch that was appended is never *refused*. If nobody can say whether it stays, the answer is that: when its leader goes,
/// when its disk fails, or when it takes too long.
#[test]
fn s06p3_a_batch_that_was_appended_is_acknowledged_or_unknown() {
    let waits = || {
        let mut replica = leader(0, &[1, 2]);
        replica.handle(1, produce(1, Acks::All));
        replica.handle(1, produce(2, Acks::Leader));
        replica
    };
    let both = |why| [(1, Outcome::Unknown(why)), (2, Outcome::Unknown(why))];
    let out = waits().handle(2, Input::Tablet(state(2, 3, 3, &[1, 2])));
    assert_eq!(answers(&out), both(Why::NotLeader), "another one leads");
    assert_eq!(answers(&waits().handle(2, Input::DiskFailed)), both(Why::DiskFailed), "the disk has failed");
    let mut late = waits();
    assert_eq!(answers(&late.handle(5_000, Input::Tick)), [], "5 s are not over");
    assert_eq!(answers(&late.handle(5_001, Input::Tick)), both(Why::TimedOut), "it has waited for 5 s");
    assert_eq!(answers(&late.handle(5_002, has(2, 1))), [], "an answer is given once");
}

/// A question that fits is answered with what comes next, and with the watermark as it was before: and it counts as the
/// follower's word that it has everything in front of it.
#[test]
fn s06p3_a_question_is_served_and_counts() {
    let mut replica = leader(5, &[1, 2]);
    assert_eq!(served(&replica.handle(1, asks(2, 3, 1))), Some((3, 0)), "from 3 on");
    assert_eq!(replica.high_watermark(), Offset(3));
    assert_eq!(served(&replica.handle(2, asks(2, 5, 1))), Some((5, 3)), "there is nothing new, and that is an answer");
    assert_eq!(replica.latest_offset(), Some(Offset(5)));
    let mut empty = leader(5, &[1, 2]);
    assert_eq!(served(&empty.handle(1, asks(2, 0, 0))), Some((0, 0)), "an empty log is like any other");
    let stranger = FetchRequest { from: BrokerId(9), ..fetch(2, 5, 1) };
    let out = empty.handle(2, Input::FetchRequest(stranger));
    assert!(served(&out).is_none() && told(&out).is_none(), "broker 9 has no replica: {out:?}");
}

/// A question that shows another log is answered with how far the leader has the follower's last epoch, or the last one
/// before it. It says nothing of how far the follower is with *this* log, and counts for nothing.
#[test]
fn s06p3_a_log_that_has_parted_is_told_where_and_does_not_count() {
    let parts = |epoch, end| Some(FetchResult::Diverging(EpochEnd { epoch: LeaderEpoch(epoch), end: Offset(end) }));
    let mut replica = leader(5, &[1, 2]);
    let out = replica.handle(1, asks(2, 9, 1));
    assert_eq!((told(&out), served(&out)), (parts(1, 5), None), "it has more of epoch 1 than there was");
    assert_eq!(told(&replica.handle(1, asks(2, 6, 2))), parts(2, 5), "nor is there a record 5 of epoch 2");
    let mut far = leader(5, &[1, 2]);
    far.handle(1, Input::Tablet(state(1, 4, 4, &[1, 2])));
    let of_epoch_3 = FetchRequest { leader_epoch: LeaderEpoch(4), ..fetch(2, 4, 3) };
    let out = far.handle(2, Input::FetchRequest(of_epoch_3));
    assert_eq!((told(&out), served(&out)), (parts(2, 5), None), "there was no epoch 3 here, and epoch 2 ends at 5");
    let without = FetchRequest { leader_epoch: LeaderEpoch(4), ..fetch(2, 7, 0) };
    let out = far.handle(3, Input::FetchRequest(without));
    assert_eq!(told(&out), Some(FetchResult::Deleted { start: Offset(0) }), "an empty log does not end at 7");
    assert_eq!((replica.high_watermark(), far.high_watermark()), (Offset(0), Offset(0)), "none of them counts");
}

/// Of what retention has deleted, a leader cannot say whether it was the same. Who lacks it begins anew where the log begins.
#[test]
fn s06p3_who_asks_for_what_is_deleted_is_told_where_the_log_begins() {
    let mut replica = leader(50, &[1, 2]);
    replica.handle(1, Input::Tablet(state(1, 6, 6, &[1, 2])));
    replica.handle(2, Input::Deleted(Offset(30)));
    let deleted = Some(FetchResult::Deleted { start: Offset(30) });
    for (offset, last, expected) in
        [(20, 1, deleted.clone()), (29, 1, deleted.clone()), (0, 0, deleted.clone()), (45, 0, None), (30, 1, None)]
    {
        let request = FetchRequest { leader_epoch: LeaderEpoch(6), ..fetch(2, offset, last) };
        let out = replica.handle(3, Input::FetchRequest(request));
        assert_eq!(told(&out), expected, "offset {offset}, last epoch {last}");
        assert_eq!(served(&out).is_some(), expected.is_none(), "offset {offset}, last epoch {last}");
    }
    let mut newer = opened(1, LIFE, Flush::Sync, 30, 50, {
        let mut epochs = stage06::epochs::Epochs::default();
        epochs.begin(LeaderEpoch(5), Offset(30));
        epochs
    });
    newer.handle(0, Input::Tablet(state(1, 6, 6, &[1, 2])));
    let older = FetchRequest { leader_epoch: LeaderEpoch(6), ..fetch(2, 40, 3) };
    assert_eq!(told(&newer.handle(1, Input::FetchRequest(older))), deleted, "nothing as old as epoch 3 is left");
}

/// A question is for one epoch. A leader of another one, older or newer, answers that it does not lead, and believes nothing
/// (KIP-320).
#[test]
fn s06p3_a_question_of_another_epoch_is_not_answered_with_records() {
    let mut replica = leader(5, &[1, 2]);
    for leader_epoch in [LeaderEpoch(1), LeaderEpoch(3)] {
        let out = replica.handle(1, Input::FetchRequest(FetchRequest { leader_epoch, ..fetch(2, 5, 1) }));
        assert_eq!((told(&out), served(&out)), (Some(FetchResult::NotLeader), None), "asked in {leader_epoch}");
    }
    assert_eq!(replica.high_watermark(), Offset(0), "neither counts");
}

/// A question may take so long that its follower has been restarted since, and has less. It is not answered, and does not
/// count; one of a *later* life is how a leader hears of the restart.
#[test]
fn s06p3_a_question_of_an_earlier_life_is_not_answered() {
    let mut replica = leader(5, &[1, 2]);
    replica.handle(1, asks(2, 3, 1));
    let late = FetchRequest { life: BrokerEpoch(1), ..fetch(2, 5, 1) };
    let out = replica.handle(2, Input::FetchRequest(late));
    assert!(served(&out).is_none() && told(&out).is_none(), "{out:?}");
    assert_eq!(replica.high_watermark(), Offset(3));
    let reborn = FetchRequest { life: BrokerEpoch(40), ..fetch(2, 4, 1) };
    assert_eq!(served(&replica.handle(3, Input::FetchRequest(reborn))), Some((4, 3)));
    assert_eq!(replica.high_watermark(), Offset(4));
}

/// Under load no follower ever has everything: while its question is on the way, the leader appends. One that asks for what
/// was the end when it asked the last time had caught up then, and stays in sync. One that only asks, and never gets further,
/// does not.
#[test]
fn s06p3_a_follower_that_is_a_round_trip_behind_has_caught_up() {
    let mut replica = leader(0, &[1, 2]);
    for end in 0..300 {
        let now = 10 * (end + 1);
        replica.handle(now, produce(end, Acks::None));
        assert!(!is_proposal(&replica.handle(now + 1, has(2, end))), "at {now}: it asks for the end of 10 ms ago");
        replica.handle(now + 2, Input::Synced);
    }
    let mut replica = leader(0, &[1, 2]);
    let mut is_out = false;
    for end in 0..300 {
        let now = 10 * (end + 1);
        replica.handle(now, produce(end, Acks::None));
        is_out |= is_proposal(&replica.handle(now + 1, has(2, 0)));
        replica.handle(now + 2, Input::Synced);
    }
    assert!(is_out, "it has asked for the same offset for three seconds");
}

/// Three replicas, a network that loses, doubles and swaps messages, power cuts, and another leader now and then. At each
/// acknowledgement and at each step of the watermark, every in-sync replica has the record, durably; what was committed
/// never changes; nothing that was refused appears; and when the trouble ends, all have the same.
#[test]
fn s06p3_a_small_cluster_keeps_what_it_has_acknowledged() {
    let mut acknowledged = 0;
    for seed in 0..200 {
        let mut cluster = Cluster::new(seed);
        (0..1_000).for_each(|_| cluster.step());
        cluster.heal();
        acknowledged += cluster.acknowledged;
    }
    assert!(acknowledged > 2_000, "only {acknowledged} batches were acknowledged: little has happened");
}
