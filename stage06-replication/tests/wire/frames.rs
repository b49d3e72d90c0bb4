//! Frames: lengths that are none, bytes that do not come, memory that is not there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stage06::wire::frame::{FrameError, Patience, REQUEST_BYTES_MAX, read_body, read_length};
use stage06::wire::pool::{Pool, PoolExhausted};
use tokio::io::{AsyncWriteExt, duplex};

use crate::broker::runtime;

const PATIENCE: Patience = Patience { idle: Duration::from_secs(60), transfer: Duration::from_secs(60) };
/// Nobody waits for so little in vain.
const HASTE: Patience = Patience { idle: Duration::from_millis(1), transfer: Duration::from_millis(1) };

async fn length_of(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let (mut from, mut to) = duplex(64);
    to.write_all(bytes).await.unwrap();
    drop(to);
    read_length(&mut from, REQUEST_BYTES_MAX, PATIENCE).await
}

#[test]
fn a_length_is_believed_up_to_the_maximum() {
    runtime().block_on(async {
        assert!(matches!(length_of(&[]).await, Ok(None)));
        assert!(matches!(length_of(&[0, 0, 0, 9]).await, Ok(Some(9))));
        let most = (REQUEST_BYTES_MAX as i32).to_be_bytes();
        assert!(matches!(length_of(&most).await, Ok(Some(REQUEST_BYTES_MAX))));
        let more = (REQUEST_BYTES_MAX as i32 + 1).to_be_bytes();
        assert!(matches!(length_of(&more).await, Err(FrameError::Length { .. })));
        assert!(matches!(length_of(&[0xFF; 4]).await, Err(FrameError::Length { found: -1, .. })));
        assert!(matches!(length_of(b"GET ").await, Err(FrameError::Length { .. })));
        assert!(matches!(length_of(&[0, 0]).await, Err(FrameError::BreaksOff { expected: 4, found: 2 })));
    });
}

#[test]
fn memory_is_taken_for_what_has_come_and_not_for_what_is_promised() {
    runtime().block_on(async {
        let pool = Pool::new(REQUEST_BYTES_MAX, Duration::ZERO);
        let (mut from, mut to) = duplex(64 * 1024);
        to.write_all(&[7; 5_000]).await.unwrap();
        let mut share = pool.share();
        let read = read_body(&mut from, REQUEST_BYTES_MAX, HASTE, &mut share).await;
        assert!(matches!(read, Err(FrameError::Slow(_))), "{read:?}");
        assert!((5_000..=10_240).contains(&share.bytes()), "{} bytes for 5000 that came", share.bytes());
        drop(share);
        assert_eq!(pool.bytes_left(), REQUEST_BYTES_MAX, "all of it is given back");
    });
}

#[test]
fn a_whole_frame_is_read_byte_for_byte() {
    runtime().block_on(async {
        for length in [0, 1, 1_023, 1_024, 1_025, 100_000] {
            let sent: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let pool = Pool::new(200_000, Duration::ZERO);
            let (mut from, mut to) = duplex(1 << 20);
            to.write_all(&sent).await.unwrap();
            to.write_all(b"the next one").await.unwrap();
            let mut share = pool.share();
            let read = read_body(&mut from, length, PATIENCE, &mut share).await.unwrap();
            assert_eq!(read, sent);
            assert_eq!(share.bytes(), length);
        }
    });
}

#[test]
fn a_frame_that_is_closed_in_the_middle_says_how_far_it_came() {
    runtime().block_on(async {
        let pool = Pool::new(10_000, Duration::ZERO);
        let (mut from, mut to) = duplex(10_000);
        to.write_all(&[7; 300]).await.unwrap();
        drop(to);
        let read = read_body(&mut from, 500, PATIENCE, &mut pool.share()).await;
        assert!(matches!(read, Err(FrameError::BreaksOff { expected: 500, found: 300 })), "{read:?}");
    });
}

#[test]
fn who_gets_no_memory_gives_up_what_it_has() {
    runtime().block_on(async {
        let pool = Pool::new(1_000, Duration::from_millis(1));
        let (mut one, mut other) = (pool.share(), pool.share());
        one.grow(600).await.unwrap();
        assert_eq!(other.grow(600).await, Err(PoolExhausted { bytes: 600 }));
        one.shrink_to(100);
        other.grow(600).await.unwrap();
        assert_eq!((one.bytes(), other.bytes(), pool.bytes_left()), (100, 600, 300));
    });
}

#[test]
fn bytes_keep_their_share_wherever_they_go() {
    runtime().block_on(async {
        let pool = Pool::new(1_000, Duration::ZERO);
        let mut share = pool.share();
        share.grow(600).await.unwrap();
        assert_eq!(share.grow_now(600), Err(PoolExhausted { bytes: 600 }));
        let share = Arc::new(share);
        let part = share.held_by(Bytes::from_static(b"a request")).slice(2..5);
        drop(share);
        assert_eq!((&part[..], pool.bytes_left()), (&b"req"[..], 400));
        drop(part);
        assert_eq!(pool.bytes_left(), 1_000);
    });
}

#[test]
fn a_silent_connection_is_not_waited_for_for_ever() {
    runtime().block_on(async {
        let (mut from, _to) = duplex(64);
        assert!(matches!(read_length(&mut from, 10, HASTE).await, Err(FrameError::Idle(_))));
        let (mut from, mut to) = duplex(64);
        to.write_all(&[0]).await.unwrap();
        assert!(matches!(read_length(&mut from, 10, HASTE).await, Err(FrameError::Slow(_))));
    });
}
