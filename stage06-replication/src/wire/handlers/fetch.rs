//! Fetch, as a consumer asks: batches of many tablets, as soon as there are enough of them.
//!
//! A consumer that has read everything waits here, and not by asking again and again. It is woken by its tablets' high
//! watermarks: what is behind one, it does not see.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::select_all;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::FetchableTopicResponse;
use kafka_protocol::messages::{FetchRequest, FetchResponse, ResponseKind, TopicName};
use tokio::time::{Instant, sleep_until};

use super::reading::Reading;
use crate::wire::batch_check::BATCH_BYTES_MAX;
use crate::wire::context::{Answer, Context};

/// The longest that anybody may wait for an answer.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);
/// The most bytes of batches in an answer (`fetch.max.bytes`), but for a last one.
const FETCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The first version that can say that there is no such session.
const ERROR_FROM: i16 = 7;

/// What a consumer wants, of all partitions together.
struct Limits {
    bytes_min: usize,
    bytes_max: usize,
    until: Instant,
}

/// Answers a consumer.
pub(super) async fn fetch(context: &Context, version: i16, request: FetchRequest) -> Answer {
    if version >= ERROR_FROM && request.session_id != 0 {
        // Nobody was given a session. A client that believes in one names only what has changed in it, and starts anew
        // when it is told so (KIP-227).
        let error = ResponseError::FetchSessionIdNotFound.code();
        return ResponseKind::Fetch(FetchResponse::default().with_error_code(error)).into();
    }
    let bytes = |bytes: i32| usize::try_from(bytes).unwrap_or(0).min(FETCH_BYTES_MAX);
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(WAIT_MAX);
    let limits = Limits {
        bytes_min: bytes(request.min_bytes).min(bytes(request.max_bytes)),
        bytes_max: bytes(request.max_bytes),
        until: Instant::now() + wait,
    };
    let begin = |topic: &TopicName, asked| Reading::begin(&context.broker, topic, asked);
    let mut readings: Vec<(TopicName, Vec<Reading>)> = Vec::new();
    // Each partition once, as in Kafka. One that is named a thousand times would be looked at as often, at each of its changes.
    let mut named = BTreeSet::new();
    for topic in &request.topics {
        let news = topic.partitions.iter().filter(|asked| named.insert((&topic.topic, asked.partition)));
        readings.push((topic.topic.clone(), news.map(|asked| begin(&topic.topic, asked)).collect()));
    }
    let mut share = context.pools.answers.share();
    let mut bytes = 0;
    loop {
        all(&mut readings).for_each(Reading::look);
        if all(&mut readings).any(|reading| reading.is_ready()) {
            // Memory is taken for as much as may come, and given back when it is known how much it is.
            let room = limits.bytes_max.max(BATCH_BYTES_MAX).saturating_sub(share.bytes());
            if share.grow(room).await.is_err() {
                tracing::warn!(
                    "a consumer is told that there is nothing: answers that others do not take have all memory"
                );
                break;
            }
            bytes += tokio::task::block_in_place(|| read_all(&mut readings, version, bytes, &limits));
            share.shrink_to(bytes);
        }
        let has_failed = all(&mut readings).any(|reading| reading.has_failed());
        if bytes >= limits.bytes_min || has_failed || !wait_for_more(context, &mut readings, &limits).await {
            break;
        }
    }
    Answer::Reply(Box::new(ResponseKind::Fetch(answer(readings, version, request.isolation_level))), Some(share))
}

fn all(readings: &mut [(TopicName, Vec<Reading>)]) -> impl Iterator<Item = &mut Reading> {
    readings.iter_mut().flat_map(|(_, partitions)| partitions)
}

/// Reads once from each partition, and returns how many bytes that is.
fn read_all(readings: &mut [(TopicName, Vec<Reading>)], version: i16, before: usize, limits: &Limits) -> usize {
    let mut bytes = before;
    for reading in all(readings) {
        let left = limits.bytes_max.saturating_sub(bytes);
        bytes += reading.read(version, left, bytes == 0);
    }
    bytes - before
}

/// Waits until one of the tablets is another one. `false` if there is no more time for that.
async fn wait_for_more(context: &Context, readings: &mut [(TopicName, Vec<Reading>)], limits: &Limits) -> bool {
    let mut stopping = context.stopping.clone();
    let changes: Vec<_> = all(readings).map(|reading| Box::pin(reading.changed())).collect();
    let changed = async {
        match changes.is_empty() {
            true => std::future::pending().await,
            false => drop(select_all(changes).await),
        }
    };
    tokio::select! {
        () = changed => true,
        () = sleep_until(limits.until) => false,
        _ = stopping.wait_for(|stopping| *stopping) => false,
    }
}

fn answer(readings: Vec<(TopicName, Vec<Reading>)>, version: i16, isolation_level: i8) -> FetchResponse {
    let mut topics = Vec::new();
    for (name, partitions) in readings {
        let partitions = partitions.into_iter().map(|reading| reading.answer(version, isolation_level == 1));
        topics.push(FetchableTopicResponse::default().with_topic(name).with_partitions(partitions.collect()));
    }
    FetchResponse::default().with_responses(topics)
}
