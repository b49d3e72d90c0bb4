//! How much memory the broker takes while it is attacked: the program itself, measured by what Linux says of its process.
//!
//! What peers can make a broker hold takes a share of a pool (`wire/pool.rs`). Pools count, and what is not counted they do
//! not see. So this test counts nothing. It looks at the largest resident set that the process has had (`VmHWM`) during one
//! attack after the other, and expects that it was never above
//!
//! ```text
//! at rest + 2 × all pools + connections × CONNECTION_BYTES + SLACK_BYTES
//! ```
//!
//! - The pools are small here, so that little has to be sent to fill them: [`REQUEST_BYTES_MAX`] for requests,
//!   [`ANSWER_BYTES_MAX`] for consumers, a quarter of that for followers.
//! - They count twice. An answer is encoded from the batches that were read for it, and both are there for a moment; a batch
//!   whose stamps are taken off is copied out of its request.
//! - [`CONNECTION_BYTES`] is for a connection's task, for the requests on it that wait, and for an answer that is short.
//! - [`SLACK_BYTES`] is for what the tablets' logs write with, for the threads, and for what the allocator keeps.
//!
//! The allocator of glibc is told to give large pieces of memory back when they are freed (`program.rs`): what it keeps
//! otherwise is free memory too, but the resident set does not say so.
//!
//! After each attack, and if possible during it, another client has to be served. Without Linux there is no test: elsewhere
//! the memory of a process is asked for in other ways.
#![cfg(all(feature = "broker", target_os = "linux"))]

mod attacks;
mod program;

use std::time::{Duration, Instant};

use bytes::Bytes;
use stage06::client::{Connection, Producer, read_all};
use stage06::tablet::TabletId;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use attacks::Target;
use program::Program;

/// The program's option `--request-bytes-max`.
const REQUEST_BYTES_MAX: u64 = 32 << 20;
/// The program's option `--answer-bytes-max`.
const ANSWER_BYTES_MAX: u64 = 32 << 20;
/// What a connection takes that is in no pool, at most: its task, and 16 requests (`PIPELINE_MAX`) that wait for their turn,
/// with five kibibytes each.
const CONNECTION_BYTES: u64 = IDLE_BYTES + 16 * (5 << 10);
/// What it takes before anything has come.
const IDLE_BYTES: u64 = 8 << 10;
/// What the attacks do not cause, or not one by one.
const SLACK_BYTES: u64 = 32 << 20;
/// How long a client may take that is no part of an attack.
const PROMPTLY: Duration = Duration::from_secs(20);

/// Produces a record, and reads it, as a client does who has nothing to do with the attack.
async fn is_served(target: &Target, when: &str) {
    let tablet = TabletId { topic: "witness".into(), partition: 0 };
    let served = async {
        let value = Bytes::from_static(b"a record");
        let mut producer = Producer::new(vec![target.address.clone()], tablet.clone(), -1);
        let offset = producer.send(std::slice::from_ref(&value)).await.unwrap();
        let mut connection = Connection::open(&target.address).await.unwrap();
        loop {
            let read = read_all(&mut connection, &tablet, offset).await.unwrap();
            if read.first() == Some(&(offset, value.clone())) {
                return;
            }
        }
    };
    timeout(PROMPTLY, served).await.unwrap_or_else(|_| panic!("{when}, another client is not served"));
}

/// The broker, and what was measured of it.
struct Trial {
    program: Program,
    target: Target,
    rest: u64,
}

impl Trial {
    /// Looks at the memory of the broker while it is attacked by these connections, and after they are gone.
    async fn withstand(&mut self, name: &str, attack: impl Future<Output = Vec<TcpStream>>, connection_bytes: u64) {
        self.program.forget_peak();
        let begin = Instant::now();
        let connections = attack.await;
        is_served(&self.target, &format!("{name}: while it lasts")).await;
        let (count, held) = (connections.len() as u64, self.program.memory());
        drop(connections);
        is_served(&self.target, &format!("{name}: afterwards")).await;
        assert!(self.program.lives(), "{name}: the broker has ended");
        let pools = REQUEST_BYTES_MAX + ANSWER_BYTES_MAX + ANSWER_BYTES_MAX / 4;
        let bound = self.rest + 2 * pools + count * connection_bytes + SLACK_BYTES;
        let peak = self.program.memory().peak;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!(
            "{name:44} {count:6} connections  peak {:6.1} MiB  held {:6.1} MiB  bound {:6.1} MiB  {:4.1} s",
            mib(peak),
            mib(held.resident),
            mib(bound),
            begin.elapsed().as_secs_f64()
        );
        assert!(peak <= bound, "{name}: {peak} bytes, and {bound} are the bound");
    }
}

/// Starts the program, and attacks it. The two tests have a program each, so that neither waits for the other.
fn resident_set_is_bounded(attacks: impl AsyncFnOnce(&mut Trial, &Target)) {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let program = Program::start();
        let target = Target::new(&program.address);
        is_served(&target, "at first").await;
        target.fill().await;
        let rest = program.memory().resident;
        println!("at rest {:.1} MiB", rest as f64 / f64::from(1 << 20));
        attacks(&mut Trial { program, target: target.clone(), rest }, &target).await;
    });
}

#[test]
fn requests_take_no_more_than_the_pools_have() {
    resident_set_is_bounded(async |trial, target| {
        trial.withstand("frames that are none", target.nonsense(), CONNECTION_BYTES).await;
        trial.withstand("the largest frames but for the last byte", target.unfinished(), CONNECTION_BYTES).await;
        trial.withstand("questions that name a partition 9900 times", target.long_questions(), CONNECTION_BYTES).await;
        trial.withstand("the largest batches, at once", target.batches(), CONNECTION_BYTES).await;
    });
}

#[test]
fn answers_groups_and_connections_take_no_more_than_is_allotted_to_them() {
    resident_set_is_bounded(async |trial, target| {
        trial.withstand("answers that nobody reads", target.deaf(), CONNECTION_BYTES).await;
        trial.withstand("large requests of groups' members", target.members(), CONNECTION_BYTES).await;
        trial.withstand("short questions with long answers", target.repetitions(), CONNECTION_BYTES).await;
        trial.withstand("idle connections", target.idle(), IDLE_BYTES).await;
        trial.withstand("requests that wait for the one in front", target.pipelines(), CONNECTION_BYTES).await;
    });
}
