//! A connection: requests in, answers out, in the same order.
//!
//! One task reads and writes. It reads on while an answer is due: a producer that sends the next batch before the last one
//! is acknowledged gets all of them into the same group of the log. Batches go into the tablets' queues as they come, so
//! they are appended in the order in which they were sent. All other requests wait for their turn to be answered: what one
//! connection asks is done one after the other.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, select};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::context::{Answer, Context, SMALL_REQUEST_BYTES_MAX};
use super::frame::{FrameError, Patience, REQUEST_BYTES_MAX, read_body, read_length};
use super::handlers::dispatch;
use super::pool::{PoolExhausted, Share};
use super::request::{Raw, ReplyTo, Request, RequestError};
use super::response::{self, ResponseError};
use super::server::ServerOptions;

/// The most requests that wait for their answers on one connection. The client's next one stays in the network.
const PIPELINE_MAX: usize = 16;
/// How long a connection that is closed is still answered.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
/// An answer is written in pieces of so many bytes, each of which has to be taken in time.
const WRITE_BYTES: usize = 64 * 1024;
/// How many bytes of an answer are in no pool: each connection may have an answer as short as that.
const SMALL_ANSWER_BYTES_MAX: usize = 4 * 1024;

/// Why a connection was closed, other than by the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    /// What came is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame is no request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There is no memory to decode a request.
    #[error(transparent)]
    Pool(#[from] PoolExhausted),
    /// An answer cannot be expressed.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// Answers cannot be written.
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
    /// The client does not take its answers.
    #[error("an answer was not taken in {} s", .0.as_secs_f32())]
    Unread(Duration),
    /// There is no answer that would tell the client.
    #[error("{0}")]
    Unanswerable(String),
}

/// A request that is to be answered.
struct Due {
    reply_to: ReplyTo,
    answer: BoxFuture<'static, Answer>,
    /// For the request's bytes.
    _share: Arc<Share>,
}

/// Serves a connection to its end.
///
/// # Errors
///
/// If it ends by anything but the client closing it.
pub(super) async fn serve(mut stream: TcpStream, context: Arc<Context>) -> Result<(), ConnectionError> {
    // Answers are written whole; none is to wait for the other side's acknowledgement (Nagle's algorithm).
    stream.set_nodelay(true)?;
    let (from, to) = stream.split();
    let (due, answers) = mpsc::channel(PIPELINE_MAX);
    let reading = Box::pin(read_requests(from, Arc::clone(&context), due));
    let writing = Box::pin(write_answers(to, answers, context));
    match select(reading, writing).await {
        Either::Left((read, writing)) => {
            // Whatever was asked before is answered.
            let written = timeout(DRAIN_PATIENCE, writing).await.unwrap_or(Ok(()));
            read.and(written)
        }
        Either::Right((written, _)) => written,
    }
}

/// Reads requests until the client closes the connection, or the server stops.
async fn read_requests(
    mut from: impl AsyncRead + Unpin,
    context: Arc<Context>,
    due: mpsc::Sender<Due>,
) -> Result<(), ConnectionError> {
    let mut stopping = context.stopping.clone();
    let patience = Patience { idle: context.options.idle, transfer: context.options.transfer };
    loop {
        let length = tokio::select! {
            length = read_length(&mut from, REQUEST_BYTES_MAX, patience) => length?,
            _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
        };
        let Some(length) = length else { return Ok(()) };
        let pools = &context.pools;
        let pool = if length <= SMALL_REQUEST_BYTES_MAX { &pools.small_requests } else { &pools.requests };
        let mut share = pool.share();
        let frame = read_body(&mut from, length, patience, &mut share).await?;
        let request = decode(frame, &mut share).await?;
        let reply_to = request.reply_to;
        let share = Arc::new(share);
        let answer = dispatch(&context, request, &share).await;
        if due.send(Due { reply_to, answer, _share: share }).await.is_err() {
            return Ok(());
        }
    }
}

async fn decode(frame: Bytes, share: &mut Share) -> Result<Request, ConnectionError> {
    let raw = Raw::read(frame)?;
    share.grow(raw.decoded_bytes_max()).await?;
    Ok(raw.decode()?)
}

/// Writes each answer when it is there, and none before the one in front of it.
async fn write_answers(
    mut to: impl AsyncWrite + Unpin,
    mut answers: mpsc::Receiver<Due>,
    context: Arc<Context>,
) -> Result<(), ConnectionError> {
    while let Some(Due { reply_to, answer, _share }) = answers.recv().await {
        match answer.await {
            Answer::Reply(reply, share) => {
                let frame = response::encode(reply_to, &reply)?;
                drop(reply);
                let mut share = share.unwrap_or_else(|| context.pools.answers.share());
                let uncounted = frame.len().saturating_sub(share.bytes());
                if uncounted > SMALL_ANSWER_BYTES_MAX {
                    share.grow_now(uncounted)?;
                }
                write(&mut to, &frame, &share, &context.options).await?;
            }
            Answer::Silence => {}
            Answer::Close(why) => return Err(ConnectionError::Unanswerable(why)),
        }
    }
    Ok(to.shutdown().await?)
}

/// Writes a frame. A client that does not take the next piece of it in time is given up, and at once if others wait for the
/// memory that it keeps from them.
async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    frame: &[u8],
    share: &Share,
    options: &ServerOptions,
) -> Result<(), ConnectionError> {
    // Often enough that some of it is given back before those who wait have waited for too long.
    let look_every = options.transfer.min(options.pool_patience / 4);
    for piece in frame.chunks(WRITE_BYTES) {
        let begin = Instant::now();
        let mut writing = pin!(to.write_all(piece));
        loop {
            match timeout(look_every, &mut writing).await {
                Ok(written) => break written?,
                Err(_) if begin.elapsed() >= options.transfer || share.is_wanted() => {
                    return Err(ConnectionError::Unread(begin.elapsed()));
                }
                Err(_) => {}
            }
        }
    }
    Ok(())
}
