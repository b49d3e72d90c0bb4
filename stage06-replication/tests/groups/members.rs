//! Who becomes a member, and who does not any more.

use stage06::groups::group::Phase;
use stage06::groups::message::{Answer, GroupError, Input, Join};
use stage06::groups::options::GroupOptions;

use super::world::{DELAY_MS, REBALANCE_MS, SESSION_MS, World, join, join_again, options, protocol};

#[test]
fn a_client_that_asks_for_an_id_is_no_member_before_it_joins_with_it() {
    let mut world = World::new();
    let request = world.join(Join { asks_for_id_first: true, ..join("a") });
    assert_eq!(world.answer(request), Some(Ok(Answer::NewId("a".into()))));
    assert_eq!(world.group.phase(), Phase::Empty);
    let request = world.join(Join { asks_for_id_first: true, ..join_again("a") });
    world.pass(DELAY_MS);
    assert_eq!(world.joined(request).member, "a");
}

#[test]
fn an_id_that_was_given_to_nobody_is_unknown() {
    let mut world = World::new();
    let request = world.join(join_again("somebody"));
    assert_eq!(world.refused(request), GroupError::UnknownMember);
    assert!(world.group.is_forgettable());
}

#[test]
fn an_id_is_good_for_one_session() {
    let mut world = World::new();
    world.join(Join { asks_for_id_first: true, ..join("a") });
    world.pass(SESSION_MS + 1);
    assert!(world.group.is_forgettable());
    let request = world.join(join_again("a"));
    assert_eq!(world.refused(request), GroupError::UnknownMember);
}

#[test]
fn a_generation_waits_for_those_who_have_got_an_id() {
    let mut world = World::stable(&["a"]);
    world.join(Join { asks_for_id_first: true, ..join("b") });
    let first = world.join(join_again("a"));
    assert_eq!(world.answer(first), None);
    let second = world.join(join_again("b"));
    assert_eq!((world.joined(first).generation, world.joined(second).generation), (2, 2));
}

#[test]
fn a_session_has_to_be_as_long_as_is_allowed() {
    let GroupOptions { session_timeout_min_ms: min, session_timeout_max_ms: max, .. } = options();
    for (session_timeout_ms, is_taken) in [(0, false), (min - 1, false), (min, true), (max, true), (max + 1, false)] {
        let mut world = World::new();
        let request = world.join(Join { session_timeout_ms, ..join("a") });
        let refusal = (!is_taken).then_some(Err(GroupError::InvalidSessionTimeout));
        assert_eq!(world.answer(request), refusal, "{session_timeout_ms} ms");
    }
}

#[test]
fn a_member_has_a_protocol_in_common_with_all_others() {
    let mut world = World::new();
    world.join(Join { protocols: vec![protocol("x", ""), protocol("y", "")], ..join("a") });
    world.join(Join { protocols: vec![protocol("y", ""), protocol("z", "")], ..join("b") });
    // It has one in common with each of them, and none with both.
    let both = world.join(Join { protocols: vec![protocol("z", ""), protocol("x", "")], ..join("c") });
    assert_eq!(world.refused(both), GroupError::InconsistentProtocol);
    let none = world.join(Join { protocols: vec![], ..join("d") });
    assert_eq!(world.refused(none), GroupError::InconsistentProtocol);
    let another = world.join(Join { protocol_type: "connect".into(), protocols: vec![protocol("y", "")], ..join("e") });
    assert_eq!(world.refused(another), GroupError::InconsistentProtocol);
}

#[test]
fn ids_that_were_given_out_count_as_members() {
    let mut world = World::new();
    let ids = ["a", "b", "c", "d", "e"];
    let requests = ids.map(|id| world.join(Join { asks_for_id_first: id < "c", ..join(id) }));
    assert_eq!(world.refused(requests[4]), GroupError::GroupFull);
    // Whoever has an id has a place.
    let request = world.join(join_again("a"));
    assert_eq!(world.answer(request), None);
}

#[test]
fn what_is_kept_of_a_member_is_bounded() {
    let options = GroupOptions { member_bytes_max: 20, protocols_max: 2, ..options() };
    let mut world = World::with(options);
    let large = world.join(Join { protocols: vec![protocol("range", "more than 20 bytes")], ..join("a") });
    assert_eq!(world.refused(large), GroupError::TooLarge);
    let many =
        world.join(Join { protocols: vec![protocol("a", ""), protocol("b", ""), protocol("c", "")], ..join("a") });
    assert_eq!(world.refused(many), GroupError::InconsistentProtocol);
    let first = world.join(join("a"));
    world.pass(DELAY_MS);
    assert_eq!(world.joined(first).generation, 1);
    let work = world.sync("a", 1, &[("a", "more than twenty bytes of work")]);
    assert_eq!(world.refused(work), GroupError::TooLarge);
    assert_eq!(world.group.bytes(), "range".len() + "wants t".len() + "client".len());
}

#[test]
fn a_member_that_is_silent_for_a_session_is_out() {
    let mut world = World::stable(&["a", "b"]);
    world.pass_with(SESSION_MS + 1_000, &["b"], 1);
    assert_eq!(world.heartbeat("a", 1), Err(GroupError::UnknownMember));
    assert_eq!(world.heartbeat("b", 1), Err(GroupError::RebalanceInProgress));
    let request = world.join(join_again("b"));
    assert_eq!((world.joined(request).generation, world.joined(request).leader.as_str()), (2, "b"));
}

#[test]
fn whatever_a_member_asks_it_is_heard_of_by_it() {
    let mut world = World::stable(&["a"]);
    for _ in 0..10 {
        world.pass(SESSION_MS - 1_000);
        assert_eq!(world.commit("a", 1), Ok(Answer::Done));
        world.pass(SESSION_MS - 1_000);
        world.sync("a", 1, &[]);
    }
    assert_eq!(world.heartbeat("a", 1), Ok(Answer::Done));
}

#[test]
fn who_waits_for_an_answer_is_not_silent() {
    let mut world = World::stable(&["a", "b"]);
    // b takes its time to finish what it does, and says so by its heartbeats.
    let request = world.join(join_again("a"));
    world.pass_with(REBALANCE_MS - 1_000, &["b"], 1);
    assert_eq!(world.answer(request), None);
    world.join(join_again("b"));
    assert_eq!(world.joined(request).generation, 2);
    // And b waits for its work while a thinks.
    let work = world.sync("b", 2, &[]);
    world.pass_with(2 * SESSION_MS, &["a"], 2);
    assert_eq!(world.answer(work), None);
    assert_eq!(world.heartbeat("b", 2), Ok(Answer::Done));
}

#[test]
fn who_leaves_is_out_at_once_and_the_others_share_its_work() {
    let mut world = World::stable(&["a", "b"]);
    assert_eq!(world.leave("b"), Ok(Answer::Done));
    assert_eq!(world.leave("b"), Err(GroupError::UnknownMember));
    assert_eq!(world.heartbeat("a", 1), Err(GroupError::RebalanceInProgress));
    let request = world.join(join_again("a"));
    assert_eq!(world.joined(request).members.len(), 1);
    assert_eq!(world.leave("a"), Ok(Answer::Done));
    assert_eq!(world.group.phase(), Phase::Empty);
    assert!(world.group.is_forgettable());
}

#[test]
fn an_id_can_be_given_back() {
    let mut world = World::new();
    world.join(Join { asks_for_id_first: true, ..join("a") });
    assert_eq!(world.leave("a"), Ok(Answer::Done));
    assert!(world.group.is_forgettable());
}

#[test]
fn who_waits_when_the_coordinator_goes_is_sent_to_the_next_one() {
    let mut world = World::stable(&["a", "b"]);
    let joining = world.join(join_again("a"));
    world.tell(Input::Close);
    assert_eq!(world.refused(joining), GroupError::NotCoordinator);
    assert_eq!(world.heartbeat("b", 1), Err(GroupError::NotCoordinator));
    assert_eq!(world.commit("", -1), Err(GroupError::NotCoordinator));
    assert_eq!(world.leave("b"), Err(GroupError::NotCoordinator));
    let request = world.join(join("c"));
    assert_eq!(world.refused(request), GroupError::NotCoordinator);

    let mut world = World::new();
    let requests = ["a", "b"].map(|member| world.join(join(member)));
    world.pass(DELAY_MS);
    requests.iter().for_each(|request| assert_eq!(world.joined(*request).generation, 1));
    let syncing = world.sync("b", 1, &[]);
    world.tell(Input::Close);
    assert_eq!(world.refused(syncing), GroupError::NotCoordinator);
}
