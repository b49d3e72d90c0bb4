//! The questions of a tablet that follows, on their way to its leader.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::worker::Work;
use crate::ids::BrokerId;
use crate::message::{FetchAnswer, FetchRequest, FetchResult};
use crate::raft::Applied;
use crate::replica::Input;
use crate::tablet::TabletId;
use crate::wire::client::ReplicaClient;

/// How long a leader that has nothing new makes its follower wait (`replica.fetch.wait.max.ms`). It is shorter than the
/// time after which the follower asks again.
const WAIT: Duration = Duration::from_millis(500);

/// A question, and whom it is for.
pub(super) type Question = Option<(BrokerId, FetchRequest)>;

/// Carries one tablet's questions to its leader, and the answers back, until the tablet is closed. One question at a time:
/// when there is a newer one, nobody waits for the answer to the last.
pub(super) async fn fetch_for(
    tablet: TabletId,
    queue: mpsc::WeakSender<Work>,
    mut questions: watch::Receiver<Question>,
    applied: watch::Receiver<Applied>,
) {
    let mut connection = None;
    loop {
        let question = *questions.borrow_and_update();
        if let Some((leader, request)) = question {
            let asked = ask(&mut connection, leader, &tablet, &request, &applied);
            let answer = tokio::select! {
                answer = asked => answer,
                changed = questions.changed() => match changed {
                    Ok(()) => {
                        // An answer may still come on it, to a question that nobody remembers.
                        connection = None;
                        continue;
                    }
                    Err(_) => return,
                },
            };
            let Some(queue) = queue.upgrade() else { return };
            if queue.send(Work::Input(Input::FetchAnswer(answer))).await.is_err() {
                return;
            }
        }
        if questions.changed().await.is_err() {
            return;
        }
    }
}

/// Asks. Where there is no answer to be had, it is as if the one who was asked did not lead: the replica waits a little,
/// and asks again.
async fn ask(
    connection: &mut Option<(String, ReplicaClient)>,
    leader: BrokerId,
    tablet: &TabletId,
    request: &FetchRequest,
    applied: &watch::Receiver<Applied>,
) -> FetchAnswer {
    let address = applied.borrow().controller.brokers().get(&leader).map(|known| known.address.clone());
    let answer = match address {
        Some(address) => try_ask(connection, address, tablet, request).await,
        None => Err(std::io::Error::other(format!("nobody knows the address of {leader}"))),
    };
    answer.unwrap_or_else(|error| {
        tracing::debug!(%tablet, %leader, "no answer from the leader: {error}");
        *connection = None;
        let &FetchRequest { number, leader_epoch, .. } = request;
        FetchAnswer { number, leader_epoch, result: FetchResult::NotLeader }
    })
}

async fn try_ask(
    connection: &mut Option<(String, ReplicaClient)>,
    address: String,
    tablet: &TabletId,
    request: &FetchRequest,
) -> std::io::Result<FetchAnswer> {
    let mut client = match connection.take() {
        Some((to, client)) if to == address => client,
        _ => ReplicaClient::connect(&address).await?,
    };
    let answer = client.fetch(tablet, request, WAIT).await?;
    *connection = Some((address, client));
    Ok(answer)
}
