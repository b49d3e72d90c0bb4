//! From the names in a request to a tablet of this broker.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use tokio::time::{Instant, sleep};

use crate::broker::{Broker, Tablet, View};
use crate::tablet::TabletId;

/// How long a tablet may take to be opened.
const OPENING_PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait before it is looked at again.
const OPENING_PAUSE: Duration = Duration::from_millis(10);

/// The tablet of these names. A partition below zero is none of anybody's.
pub(super) fn id_of(topic: &TopicName, partition: i32) -> Result<TabletId, ResponseError> {
    let partition = u32::try_from(partition).map_err(|_| ResponseError::UnknownTopicOrPartition)?;
    Ok(TabletId { topic: topic.as_str().to_string(), partition })
}

/// A tablet, if this broker keeps it. Clients ask again, and elsewhere, after each of the errors.
pub(super) fn find(broker: &Broker, tablet: &TabletId) -> Result<Tablet, ResponseError> {
    broker.tablet(tablet).ok_or_else(|| match broker.cluster().controller.tablet(tablet) {
        Some(_) => ResponseError::NotLeaderOrFollower,
        None => ResponseError::UnknownTopicOrPartition,
    })
}

/// A tablet for a batch that is to be appended. If this broker is to lead it and has heard of that only now, the batch waits
/// for the tablet to be opened: if it were refused, and the next one taken, they would change places when it is sent again.
pub(super) async fn find_to_append(broker: &Broker, tablet: &TabletId) -> Result<Tablet, ResponseError> {
    let until = Instant::now() + OPENING_PATIENCE;
    loop {
        let found = find(broker, tablet);
        let leads = found.as_ref().is_ok_and(|found| found.view().borrow().is_leader);
        let known_leader = || broker.cluster().controller.tablet(tablet).and_then(|state| state.leader);
        if leads || known_leader() != Some(broker.id()) || Instant::now() >= until {
            return found;
        }
        sleep(OPENING_PAUSE).await;
    }
}

/// A tablet that this broker leads, and how it is. `client_epoch` is the leader epoch that the client knows of, or -1.
pub(super) fn find_led(
    broker: &Broker,
    topic: &TopicName,
    partition: i32,
    client_epoch: i32,
) -> Result<(Tablet, View), ResponseError> {
    let tablet = find(broker, &id_of(topic, partition)?)?;
    let view = tablet.view().borrow().clone();
    check_led(&view, client_epoch)?;
    Ok((tablet, view))
}

/// Whether this broker leads the tablet, in the epoch that the client knows of.
pub(super) fn check_led(view: &View, client_epoch: i32) -> Result<(), ResponseError> {
    // A client that knows of an older epoch may have read what is no more, and one that knows of a newer one would read
    // here what is no more (KIP-320).
    if let Ok(epoch) = u32::try_from(client_epoch) {
        if epoch < view.leader_epoch.0 {
            return Err(ResponseError::FencedLeaderEpoch);
        }
        if epoch > view.leader_epoch.0 {
            return Err(ResponseError::UnknownLeaderEpoch);
        }
    }
    if view.is_leader { Ok(()) } else { Err(ResponseError::NotLeaderOrFollower) }
}

/// Topics whose names start so are the broker's own (Kafka's `__consumer_offsets`).
pub(super) fn is_internal(topic: &str) -> bool {
    topic.starts_with("__")
}
