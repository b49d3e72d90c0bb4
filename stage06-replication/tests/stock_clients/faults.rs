//! Idempotent producers of all kinds at work, while brokers are killed, stopped and cut off.
//!
//! Every record has to be acknowledged in the end, without an error that the client shows. Then each client reads all of
//! them: each at the offset that was acknowledged, none twice, each producer's in its order; those that have read all the
//! time have seen the same. And when the brokers have stopped, all replicas' logs are the same, batch for batch.
//!
//! An hour of it, with the seed of a run that failed if there is one:
//!
//! ```text
//! STAGE06_FAULTS_SECONDS=3600 STAGE06_SEED=17 cargo test --release -p stage06 --test stock_clients faults -- --nocapture
//! ```

use std::env;
use std::time::{Duration, Instant};

use crate::client::{self, Client, Read};
use crate::cluster::{BROKERS, Cluster};
use crate::installed::installed;
use crate::loads::{Loads, Noted, Sent};
use crate::logs::{check_replicas, stored};
use crate::nemesis::Nemesis;
use crate::python::Python;
use crate::verdict::Verdict;

const TOPIC: &str = "faults";
const PARTITIONS: u32 = 3;
/// How long something goes wrong, if nothing is said.
const SECONDS: u64 = 25;

fn number_from(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is no number")))
}

#[test]
fn what_was_acknowledged_is_there_once_and_in_order_under_faults() {
    let Some(installed) = installed() else { return };
    let seed = number_from("STAGE06_SEED").unwrap_or_else(|| fastrand::u64(..));
    let duration = Duration::from_secs(number_from("STAGE06_FAULTS_SECONDS").unwrap_or(SECONDS));
    println!("STAGE06_SEED={seed}, {} s", duration.as_secs());
    let mut cluster = Cluster::start();
    let bootstrap = cluster.bootstrap();
    Python::confluent(&installed, &bootstrap).create(TOPIC, PARTITIONS);
    let is_whole = |cluster: &Cluster| cluster.is_whole(TOPIC, PARTITIONS as usize);
    cluster.wait_until("the topic is whole", is_whole);
    let mut loads = Loads::start(&installed, &bootstrap, TOPIC, PARTITIONS, cluster.path());

    let (begin, mut nemesis) = (Instant::now(), Nemesis::new(seed));
    while begin.elapsed() < duration {
        nemesis.strike(&mut cluster, TOPIC, PARTITIONS as usize);
    }
    for id in 1..=BROKERS {
        println!("broker {id} is restarted in order");
        cluster.terminate(id);
        cluster.start_broker(id);
        cluster.wait_until("all replicas are in sync again", is_whole);
    }
    let faults = begin.elapsed();

    let sent = loads.stop_producers();
    let verdicts: Vec<Verdict> = (0..PARTITIONS).map(|partition| Verdict::new(&sent, partition)).collect();
    let total = verdicts.iter().map(Verdict::count).sum();
    for (name, read) in loads.stop_consumers(total) {
        check_tail(name, &read, &verdicts);
    }
    for client in &mut client::all(&installed, &bootstrap) {
        read_back(&mut **client, &verdicts);
    }
    (1..=BROKERS).for_each(|id| cluster.terminate(id));
    for (partition, verdict) in (0..).zip(&verdicts) {
        let batches = check_replicas(&cluster, TOPIC, partition);
        let log = stored(&cluster.data(1), TOPIC, partition);
        let records: usize = log.iter().map(|batch| batch.count as usize).sum();
        assert_eq!(records, verdict.count(), "records in the logs of {TOPIC}-{partition}");
        println!("{TOPIC}-{partition}: {records} records in {batches} batches, the same in {BROKERS} logs");
    }
    for Sent { producer, acknowledged } in &sent {
        println!("{producer}: {} records sent, all of them acknowledged", acknowledged.len());
    }
    println!("{:.0} s; {}; three restarts in order", faults.as_secs_f64(), nemesis.summary());
}

/// What a consumer has read meanwhile: each partition's records in their order.
fn check_tail(name: &str, read: &[Noted], verdicts: &[Verdict]) {
    for (partition, verdict) in (0..).zip(verdicts) {
        let part: Vec<Noted> = read.iter().filter(|noted| noted.partition == partition).cloned().collect();
        verdict.check(&format!("{name} has read {TOPIC}-{partition} meanwhile"), &part);
    }
}

/// What a client reads when all is quiet.
fn read_back(client: &mut dyn Client, verdicts: &[Verdict]) {
    for (partition, verdict) in (0..).zip(verdicts) {
        let read = client.consume(TOPIC, partition, 0, verdict.count());
        let noted = |Read { partition, offset, record }: Read| {
            let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
            Noted { partition, offset, value }
        };
        let read: Vec<Noted> = read.into_iter().map(noted).collect();
        verdict.check(&format!("{} reads {TOPIC}-{partition}", client.name()), &read);
    }
}
