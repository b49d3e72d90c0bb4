//! The controllers under faults, in a time that a test makes: openraft itself, over the log of stage 5, on disks that lose
//! what was not synced, with a network that loses, delays and cuts.
//!
//! A minute of the cluster takes a fraction of a second: nobody sleeps while there is something to do, and when there is
//! nothing, the clock is put forward. `STAGE06_RAFT_SEEDS=1000 cargo test --release -p stage06 --test raft seeded` runs
//! more of it.

mod cluster;
mod history;
mod network;

use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::time::sleep;

use self::cluster::Cluster;

const SEEDS: u64 = 12;
const STROKES: u32 = 40;

/// What a run came to: commands sent and answered, reads, a hash of what was answered, and crashes.
type Run = (u64, u64, u64, u64, u64);

/// A minute or so of trouble, then peace.
fn run(seed: u64) -> Result<Run, String> {
    // Also the chance by which openraft draws its elections.
    fastrand::seed(seed);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut random = Rng::with_seed(seed ^ 0x5eed);
        let mut cluster = Cluster::start(random.u64(..)).await;
        let work: Vec<_> = (0..3)
            .map(|_| {
                let (clients, mut random) = (cluster.clients.clone(), random.fork());
                tokio::spawn(async move {
                    loop {
                        sleep(Duration::from_millis(random.u64(1..100))).await;
                        match random.bool() {
                            true => drop(clients.write(&mut random).await),
                            false => clients.read(&mut random).await,
                        }
                    }
                })
            })
            .collect();
        for _ in 0..STROKES {
            sleep(Duration::from_millis(random.u64(50..3_000))).await;
            cluster.befall().await;
        }
        cluster.heal().await;
        work.iter().for_each(|client| client.abort());
        let is_heard = async {
            while !cluster.clients.write(&mut random).await {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let is_heard = tokio::time::timeout(Duration::from_secs(60), is_heard).await.is_ok();
        let agree = cluster.agree(Duration::from_secs(60)).await;
        let history = &cluster.clients.history;
        let (sent, told, reads, hash) = history.summary();
        match history.wrong() {
            Some(wrong) => Err(wrong),
            None if !is_heard => Err("faults have ceased, and no command is carried out".into()),
            None if !agree => Err("faults have ceased, and the nodes do not agree".into()),
            None => Ok((sent, told, reads, hash, cluster.crashes)),
        }
    })
}

#[test]
fn no_number_is_given_twice_and_no_confirmed_read_is_old_whatever_befalls_the_controllers() {
    let seeds = std::env::var("STAGE06_RAFT_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("a number of seeds"));
    let mut total = (0, 0, 0, 0);
    for seed in 0..seeds {
        let (sent, told, reads, _, crashes) = run(seed).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        total = (total.0 + sent, total.1 + told, total.2 + reads, total.3 + crashes);
    }
    let (sent, told, reads, crashes) = total;
    println!("{seeds} seeds: {sent} commands, {told} carried out and told, {reads} confirmed reads, {crashes} crashes");
    // A cluster that never answers keeps every rule.
    assert!(told > seeds * 30 && told < sent && reads > seeds * 30 && crashes > seeds * 4, "too little has happened");
}

#[test]
fn a_seed_is_a_run() {
    assert_eq!(run(1), run(1));
}
