//! How a generation begins, gets its work, and ends.

use bytes::Bytes;
use stage06::groups::group::Phase;
use stage06::groups::message::{Answer, GroupError, Join};

use super::world::{DELAY_MS, REBALANCE_MS, World, join, join_again, protocol};

#[test]
fn the_first_generation_waits_for_others_who_come_late() {
    let mut world = World::new();
    let first = world.join(join("a"));
    world.pass(DELAY_MS - 1_000);
    let second = world.join(join("b"));
    world.pass(DELAY_MS - 1_000);
    assert_eq!((world.answer(first), world.answer(second)), (None, None));
    world.pass(1_000);
    let (first, second) = (world.joined(first), world.joined(second));
    assert_eq!((first.generation, second.generation), (1, 1));
    assert_eq!((first.leader.as_str(), second.leader.as_str()), ("a", "a"));
}

#[test]
fn the_first_generation_does_not_wait_for_ever() {
    let mut world = World::with(stage06::groups::options::GroupOptions { members_max: 100, ..super::world::options() });
    let first = world.join(join("m0"));
    for member in 1..(REBALANCE_MS / 1_000) {
        assert_eq!(world.answer(first), None);
        world.join(join(&format!("m{member}")));
        world.pass(1_000);
    }
    world.pass(1_000);
    assert_eq!(world.joined(first).generation, 1);
}

#[test]
fn the_leader_is_told_of_everybody_and_the_others_are_not() {
    let mut world = World::new();
    let requests = [("b", "wants t"), ("a", "wants u")]
        .map(|(id, wants)| world.join(Join { protocols: vec![protocol("range", wants)], ..join(id) }));
    world.pass(DELAY_MS);
    let leader = world.joined(requests[0]);
    let told = |id: &str, wants: &'static str| (id.to_string(), Bytes::from_static(wants.as_bytes()));
    assert_eq!((leader.leader.as_str(), leader.member.as_str()), ("b", "b"), "who came first leads");
    assert_eq!(leader.members, [told("a", "wants u"), told("b", "wants t")]);
    assert_eq!(world.joined(requests[1]).members, []);
}

#[test]
fn a_generation_takes_the_protocol_that_most_like_best_of_those_that_all_know() {
    let known = |names: [&str; 3]| names.into_iter().map(|name| protocol(name, "")).collect::<Vec<_>>();
    let mut world = World::new();
    let first = world.join(Join { protocols: known(["best", "range", "sticky"]), ..join("a") });
    world.join(Join { protocols: known(["best", "sticky", "range"]), ..join("b") });
    world.join(Join { protocols: known(["sticky", "range", "other"]), ..join("c") });
    world.pass(DELAY_MS);
    // Two like "best" best, but one does not know it. Of the others, "sticky" has two votes.
    assert_eq!(world.joined(first).protocol, "sticky");
}

#[test]
fn followers_wait_for_their_work_until_the_leader_has_shared_it_out() {
    let mut world = World::new();
    for member in ["a", "b", "c"] {
        world.join(join(member));
    }
    world.pass(DELAY_MS);
    let early = world.sync("b", 1, &[("b", "what a follower says does not count")]);
    assert_eq!((world.answer(early), world.group.phase() == Phase::Stable), (None, false));
    let leader = world.sync("a", 1, &[("a", "0"), ("b", "1"), ("nobody", "2")]);
    let late = world.sync("c", 1, &[]);
    let work = |request| world.answer(request).expect("work");
    assert_eq!(work(leader), Ok(Answer::Assignment(Bytes::from_static(b"0"))));
    assert_eq!(work(early), Ok(Answer::Assignment(Bytes::from_static(b"1"))));
    assert_eq!(work(late), Ok(Answer::Assignment(Bytes::new())), "who is not mentioned does nothing");
    assert_eq!(world.group.phase(), Phase::Stable);
}

#[test]
fn the_next_generation_waits_for_all_members_of_this_one() {
    let mut world = World::stable(&["a", "b"]);
    let new = world.join(join("c"));
    let first = world.join(join_again("a"));
    assert_eq!((world.answer(new), world.answer(first)), (None, None));
    assert_eq!(world.heartbeat("b", 1), Err(GroupError::RebalanceInProgress));
    let sync = world.sync("b", 1, &[]);
    assert_eq!(world.refused(sync), GroupError::RebalanceInProgress);
    let second = world.join(join_again("b"));
    let generations = [new, first, second].map(|request| world.joined(request).generation);
    assert_eq!(generations, [2, 2, 2]);
    assert_eq!(world.heartbeat("b", 1), Err(GroupError::IllegalGeneration));
    assert_eq!(world.heartbeat("b", 2), Ok(Answer::Done));
}

#[test]
fn who_does_not_join_in_time_is_out() {
    let mut world = World::stable(&["a", "b"]);
    let request = world.join(join_again("a"));
    world.pass_with(REBALANCE_MS - 1_000, &["b"], 1);
    assert_eq!(world.answer(request), None);
    world.pass_with(1_000, &["b"], 1);
    assert_eq!(world.joined(request).members.len(), 1);
    assert_eq!(world.heartbeat("b", 2), Err(GroupError::UnknownMember));
}

#[test]
fn when_the_leader_is_gone_another_one_leads() {
    let mut world = World::stable(&["a", "b"]);
    world.leave("a").expect("a member");
    let request = world.join(join_again("b"));
    assert_eq!(world.joined(request).leader, "b");
}

#[test]
fn a_generation_without_work_ends_when_the_leader_is_gone() {
    let mut world = World::new();
    for member in ["a", "b"] {
        world.join(join(member));
    }
    world.pass(DELAY_MS);
    let waits = world.sync("b", 1, &[]);
    world.leave("a").expect("a member");
    assert_eq!(world.refused(waits), GroupError::RebalanceInProgress);
    let request = world.join(join_again("b"));
    assert_eq!((world.joined(request).generation, world.joined(request).leader.as_str()), (2, "b"));
}

#[test]
fn who_does_not_ask_for_its_work_in_time_is_out() {
    let mut world = World::new();
    for member in ["a", "b"] {
        world.join(join(member));
    }
    world.pass(DELAY_MS);
    let waits = world.sync("b", 1, &[]);
    world.pass_with(REBALANCE_MS, &["a"], 1);
    assert_eq!(world.refused(waits), GroupError::RebalanceInProgress);
    assert_eq!(world.heartbeat("a", 1), Err(GroupError::UnknownMember), "it is there, but it does nothing");
}

#[test]
fn a_follower_that_joins_again_with_nothing_new_disturbs_nobody() {
    let mut world = World::stable(&["a", "b"]);
    let request = world.join(join_again("b"));
    let joined = world.joined(request);
    assert_eq!((joined.generation, joined.leader.as_str(), world.group.phase()), (1, "a", Phase::Stable));
    let request = world.join(Join { protocols: vec![protocol("range", "wants u")], ..join_again("b") });
    assert_eq!((world.answer(request), world.group.phase() == Phase::Stable), (None, false));
}

#[test]
fn a_leader_that_joins_again_has_the_work_shared_out_anew() {
    let mut world = World::stable(&["a", "b"]);
    let request = world.join(join_again("a"));
    assert_eq!(world.answer(request), None);
    world.join(join_again("b"));
    assert_eq!(world.joined(request).generation, 2);
}

#[test]
fn an_answer_that_was_lost_is_given_again() {
    let mut world = World::new();
    for member in ["a", "b"] {
        world.join(join(member));
    }
    world.pass(DELAY_MS);
    let again = world.join(join_again("a"));
    assert_eq!((world.joined(again).generation, world.joined(again).members.len()), (1, 2));
    world.share_out("a", 1, &["a", "b"]);
    world.share_out("a", 1, &["a", "b"]);
}

#[test]
fn a_member_on_another_connection_takes_the_place_of_the_one_before() {
    let mut world = World::stable(&["a", "b"]);
    let before = world.join(join_again("a"));
    let after = world.join(join_again("a"));
    assert_eq!((world.refused(before), world.answer(after)), (GroupError::RebalanceInProgress, None));
    world.join(join_again("b"));
    assert_eq!(world.joined(after).generation, 2);
    let before = world.sync("b", 2, &[]);
    let after = world.sync("b", 2, &[]);
    assert_eq!((world.refused(before), world.answer(after)), (GroupError::RebalanceInProgress, None));
}
