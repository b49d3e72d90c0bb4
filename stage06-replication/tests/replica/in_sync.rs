//! Whom a leader proposes as in sync, and who counts meanwhile.

use stage06::Offset;
use stage06::ids::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch};
use stage06::log_ends::Flush;
use stage06::message::FetchRequest;
use stage06::replica::{Acks, Input, Outcome, Replica};
use stage06::tablet::Refusal;

use super::{LIFE, answers, fetch, has, leader, members, produce, proposal, replica, state, tablet};

#[test]
fn a_follower_that_lags_for_too_long_leaves_and_the_proposal_is_repeated_as_it_is() {
    let mut replica = leader(0, &[1, 2, 3]);
    replica.handle(1, produce(1, Acks::All));
    replica.handle(2, Input::Synced);
    replica.handle(1_000, has(2, 1));
    assert_eq!(proposal(&replica.handle(1_000, Input::Tick)), None);
    let first = proposal(&replica.handle(1_001, Input::Tick)).expect("broker 3 was not heard of");
    assert_eq!(members(&first), [(1, None), (2, None)]);
    assert_eq!(
        (first.leader_life, first.leader_epoch, first.partition_epoch),
        (LIFE, LeaderEpoch(2), PartitionEpoch(2))
    );
    assert_eq!(replica.high_watermark(), Offset(0), "broker 3 counts until the controller has said otherwise");
    assert_eq!(proposal(&replica.handle(1_400, Input::Tick)), None, "one at a time");
    assert_eq!(proposal(&replica.handle(1_401, has(2, 1))), Some(first));
    let result = Ok(state(1, 2, 3, &[1, 2]));
    let out = replica.handle(1_402, Input::ProposalAnswer { life: LIFE, partition_epoch: PartitionEpoch(2), result });
    assert_eq!(answers(&out), [(1, Outcome::Acknowledged(Offset(0)))]);
}

#[test]
fn a_follower_that_is_always_a_little_behind_does_not_lag() {
    let mut replica = leader(0, &[1, 2]);
    for end in 0..300 {
        // A record is written, and then broker 2 asks for what there was the last time.
        let now = 10 * (end + 1);
        replica.handle(now, produce(end, Acks::None));
        assert_eq!(proposal(&replica.handle(now + 1, has(2, end))), None, "at {now}");
        replica.handle(now + 2, Input::Synced);
    }
}

#[test]
fn a_replica_joins_when_it_has_reached_the_watermark_and_the_start_of_the_epoch() {
    let mut replica = leader(5, &[1, 2]);
    assert_eq!(proposal(&replica.handle(1, Input::FetchRequest(fetch(3, 4, 1)))), None, "the epoch starts at 5");
    let change = proposal(&replica.handle(2, Input::FetchRequest(fetch(3, 5, 1)))).expect("it is there");
    assert_eq!(members(&change), [(1, None), (2, None), (3, Some(13))]);
    replica.handle(3, produce(1, Acks::All));
    replica.handle(4, Input::Synced);
    replica.handle(5, has(2, 6));
    assert_eq!(replica.high_watermark(), Offset(5), "who may be in sync counts, before anybody has said that it is");
}

#[test]
fn a_proposal_names_the_life_that_had_caught_up_even_when_it_is_repeated() {
    let mut replica = leader(5, &[1, 2]);
    let change = proposal(&replica.handle(1, Input::FetchRequest(fetch(3, 5, 1)))).expect("a proposal");
    let reborn = FetchRequest { life: BrokerEpoch(20), ..fetch(3, 0, 0) };
    replica.handle(2, Input::FetchRequest(reborn));
    assert_eq!(proposal(&replica.handle(401, Input::Tick)), Some(change));
}

#[test]
fn who_was_refused_counts_until_there_is_another_version_and_the_leader_asks_for_one() {
    let mut replica = leader(5, &[1, 2]);
    replica.handle(1, Input::FetchRequest(fetch(3, 5, 1)));
    let result = Err(Refusal::Ineligible { tablet: tablet(), broker: BrokerId(3) });
    replica.handle(2, Input::ProposalAnswer { life: LIFE, partition_epoch: PartitionEpoch(2), result });
    let counted = |replica: &Replica| replica.leading().expect("it leads").maximal_isr().contains(&BrokerId(3));
    assert!(counted(&replica), "an earlier copy of the proposal may arrive yet");
    assert_eq!(proposal(&replica.handle(31, Input::Tick)), None, "not at once");
    let change = proposal(&replica.handle(32, Input::Tick)).expect("a change that changes only the version");
    assert_eq!(members(&change), [(1, None), (2, None)]);
    let result = Ok(state(1, 2, 3, &[1, 2]));
    replica.handle(33, Input::ProposalAnswer { life: LIFE, partition_epoch: PartitionEpoch(2), result });
    assert!(!counted(&replica));
    assert_eq!(proposal(&replica.handle(100, Input::FetchRequest(fetch(3, 5, 1)))), None, "not again so soon");
    let reborn = FetchRequest { life: BrokerEpoch(20), ..fetch(3, 5, 1) };
    assert!(proposal(&replica.handle(101, Input::FetchRequest(reborn))).is_some(), "another life is another matter");
}

#[test]
fn an_answer_of_the_controller_to_an_earlier_life_changes_nothing() {
    let mut replica = replica(5, Flush::Sync);
    let (life, partition_epoch) = (BrokerEpoch(6), PartitionEpoch(1));
    replica.handle(1, Input::ProposalAnswer { life, partition_epoch, result: Ok(state(1, 2, 2, &[1, 2])) });
    assert!(replica.leading().is_none() && replica.state().is_none(), "that life has led, and it is over");
}
