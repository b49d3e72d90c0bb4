//! Who may commit offsets, and when.

use stage06::groups::message::{Answer, GroupError};

use super::world::{DELAY_MS, World, join, join_again};

const OK: Result<Answer, GroupError> = Ok(Answer::Done);

#[test]
fn a_member_of_this_generation_may_commit_and_of_no_other() {
    let mut world = World::stable(&["a"]);
    assert_eq!(world.commit("a", 1), OK);
    assert_eq!(world.commit("a", 0), Err(GroupError::IllegalGeneration));
    assert_eq!(world.commit("a", 2), Err(GroupError::IllegalGeneration));
    assert_eq!(world.commit("b", 1), Err(GroupError::UnknownMember));
}

#[test]
fn a_client_of_no_group_may_commit_where_there_are_no_members() {
    let mut world = World::new();
    assert_eq!(world.commit("", -1), OK);
    assert_eq!(world.commit("", 0), Err(GroupError::UnknownMember));
    let mut world = World::stable(&["a"]);
    assert_eq!(world.commit("", -1), Err(GroupError::UnknownMember));
    assert_eq!(world.commit("a", -1), Err(GroupError::IllegalGeneration));
    world.leave("a").expect("a member");
    assert_eq!(world.commit("", -1), OK);
}

#[test]
fn members_may_commit_what_they_finish_before_they_join_again() {
    let mut world = World::stable(&["a", "b"]);
    let new = world.join(join("c"));
    assert_eq!(world.commit("a", 1), OK);
    world.join(join_again("a"));
    assert_eq!(world.commit("b", 1), OK);
    world.join(join_again("b"));
    assert_eq!(world.joined(new).generation, 2);
    assert_eq!(world.commit("b", 1), Err(GroupError::IllegalGeneration));
}

#[test]
fn nobody_commits_before_the_work_is_shared_out() {
    let mut world = World::new();
    world.join(join("a"));
    world.pass(DELAY_MS);
    assert_eq!(world.commit("a", 1), Err(GroupError::RebalanceInProgress));
    world.share_out("a", 1, &["a"]);
    assert_eq!(world.commit("a", 1), OK);
}
