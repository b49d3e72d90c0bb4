//! The task that coordinates the groups whose offsets are in one tablet: asleep, until this broker leads the tablet and
//! somebody asks.

use tokio::sync::mpsc;

use super::log::OffsetsLog;
use super::message::GroupError;
use super::options::GroupOptions;
use super::question::Call;
use super::reign::Reign;

/// Coordinates the groups of one tablet of `__consumer_offsets`, whenever this broker leads it. `find` gives the tablet,
/// if it is here. Ends when nobody can ask any more.
pub async fn coordinate<L: OffsetsLog>(
    find: impl Fn() -> Option<L> + Send,
    options: GroupOptions,
    mut calls: mpsc::Receiver<Call>,
) {
    while let Some(call) = calls.recv().await {
        let log = find().filter(|log| log.view().borrow().is_leader);
        match log {
            Some(log) => Reign::begin(log, options).run(call, &mut calls).await,
            None => call.answer(Err(GroupError::NotCoordinator)),
        }
    }
}
