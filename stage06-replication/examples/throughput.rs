//! What replication costs: records of 1 KiB, from producers that wait for each batch, into
//!
//! 1. a log of stage 5, with nothing around it;
//! 2. a tablet of one broker, asked directly: the state machine and its task;
//! 3. the same through the front door, over loopback, acks=1: the protocol;
//! 4. three brokers, acks=all: three logs on one disk, and the way between them.
//!
//! They take turns, and what is printed is the median of the rounds: `throughput [ROUNDS] [SECONDS]`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use stage06::broker::{BrokerOptions, NewBatch, RunningBroker};
use stage06::client::producer::encode_batch;
use stage06::client::{Connection, Producer};
use stage06::controller::{Command, Reply};
use stage06::ids::BrokerId;
use stage06::replica::{Acks, Outcome};
use stage06::tablet::TabletId;
use stage06::wire::server::{Server, ServerOptions};
use stage06::{Disk, Framed, GroupCommit, Options, OsDisk, Record, SegmentOptions, SegmentedLog};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// How many producers there are at a time.
const PRODUCERS: usize = 16;
/// Records in a batch.
const BATCH: usize = 64;
/// Bytes of a record.
const RECORD_BYTES: usize = 1024;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().map_or(Ok(5), |text| text.parse()).context("ROUNDS")?;
    let seconds = arguments.next().map_or(Ok(2.0), |text| text.parse()).context("SECONDS")?;
    let duration = Duration::from_secs_f64(seconds);
    let directory = tempfile::tempdir_in(".")?;
    let runtime = Runtime::new()?;
    let one = runtime.block_on(Cluster::start(&directory.path().join("one"), 1))?;
    let three = runtime.block_on(Cluster::start(&directory.path().join("three"), 3))?;
    let names = [
        "a log of stage 5",
        "a tablet of one broker",
        "one broker over loopback, acks=1",
        "three brokers over loopback, acks=all",
    ];
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    for round in 0..rounds {
        rates[0].push(log_alone(&directory.path().join(format!("log-{round}")), duration)?);
        rates[1].push(runtime.block_on(tablet_alone(&one, duration))?);
        rates[2].push(runtime.block_on(through_the_door(&one, 1, duration))?);
        rates[3].push(runtime.block_on(through_the_door(&three, -1, duration))?);
    }
    println!(
        "{PRODUCERS} producers, batches of {BATCH} records of {RECORD_BYTES} bytes, {rounds} rounds of {seconds} s\n"
    );
    println!("| | records/s | MiB/s | of stage 5 |\n|---|---:|---:|---:|");
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    for (name, rate) in names.into_iter().zip(&medians) {
        let mebibytes = rate * RECORD_BYTES as f64 / f64::from(1 << 20);
        println!("| {name} | {rate:.0} | {mebibytes:.1} | {:.2} |", rate / medians[0]);
    }
    runtime.block_on(async {
        one.stop().await?;
        three.stop().await
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Records a second, durable, by producers that are threads.
fn log_alone(directory: &Path, duration: Duration) -> Result<f64> {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::create(directory)?);
    let log = SegmentedLog::open(&disk, Framed::default(), SegmentOptions::default())?;
    let log = GroupCommit::new(log, Options::default());
    let begin = Instant::now();
    let produce = || -> Result<usize> {
        let mut count = 0;
        while begin.elapsed() < duration {
            let mut last = None;
            for _ in 0..BATCH {
                last = Some(log.submit(Record::new(1, vec![b'x'; RECORD_BYTES]))?);
            }
            last.context("a batch")?.wait()?;
            count += BATCH;
        }
        Ok(count)
    };
    let counts: Vec<Result<usize>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..PRODUCERS).map(|_| scope.spawn(produce)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a producer that does not panic")).collect()
    });
    let count = counts.into_iter().sum::<Result<usize>>()?;
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    log.close()?;
    std::fs::remove_dir_all(directory)?;
    Ok(rate)
}

fn values() -> Vec<Bytes> {
    vec![Bytes::from(vec![b'x'; RECORD_BYTES]); BATCH]
}

/// The same by a broker's tablet, without the protocol: the batch is encoded once.
async fn tablet_alone(cluster: &Cluster, duration: Duration) -> Result<f64> {
    let tablet = cluster.nodes[0].0.broker().tablet(&measured()).context("the tablet is there")?;
    let body = encode_batch(&values(), -1, -1, -1)?;
    rate_of(duration, |_| {
        let (tablet, body) = (tablet.clone(), body.clone());
        async move {
            let begin = Instant::now();
            let mut count = 0;
            while begin.elapsed() < duration {
                let body = body.clone();
                let batch =
                    NewBatch { count: BATCH as u32, base_timestamp_ms: 1, max_timestamp_ms: 1, sequence: None, body };
                let outcome = tablet.produce(batch, Acks::Leader).await.await;
                ensure!(matches!(outcome, Outcome::Acknowledged(_)), "{outcome:?}");
                count += BATCH;
            }
            Ok(count)
        }
    })
    .await
}

/// The same by clients of the brokers.
async fn through_the_door(cluster: &Cluster, acks: i16, duration: Duration) -> Result<f64> {
    rate_of(duration, |_| {
        let mut producer = Producer::new(cluster.addresses.clone(), measured(), acks);
        async move {
            let values = values();
            let begin = Instant::now();
            let mut count = 0;
            while begin.elapsed() < duration {
                producer.send(&values).await?;
                count += BATCH;
            }
            Ok(count)
        }
    })
    .await
}

/// Records a second of all producers together.
async fn rate_of<F>(_: Duration, produce: impl Fn(usize) -> F) -> Result<f64>
where
    F: Future<Output = Result<usize>> + Send + 'static,
{
    let begin = Instant::now();
    let producers: Vec<_> = (0..PRODUCERS).map(|number| tokio::spawn(produce(number))).collect();
    let mut count = 0;
    for producer in producers {
        count += producer.await??;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

fn measured() -> TabletId {
    TabletId { topic: "measured".into(), partition: 0 }
}

/// Brokers in this process, with one tablet that all of them keep.
struct Cluster {
    addresses: Vec<String>,
    nodes: Vec<(RunningBroker, Server)>,
}

impl Cluster {
    async fn start(directory: &Path, count: u32) -> Result<Cluster> {
        let mut listeners = Vec::new();
        let mut controllers = BTreeMap::new();
        for id in (1..=count).map(BrokerId) {
            let (door, controller) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
            controllers.insert(id, controller.local_addr()?.to_string());
            listeners.push((id, door, controller));
        }
        let mut cluster = Cluster { addresses: Vec::new(), nodes: Vec::new() };
        for (id, door, controller) in listeners {
            let options = BrokerOptions::new(id, directory.join(id.0.to_string()), controllers.clone());
            let address = door.local_addr()?.to_string();
            let running = RunningBroker::start(options, address.clone(), controller).await?;
            let server = Server::start(running.broker().clone(), door, ServerOptions::default());
            cluster.nodes.push((running, server));
            cluster.addresses.push(address);
        }
        for (node, _) in &cluster.nodes {
            node.broker().ready().await;
        }
        let replicas = vec![controllers.keys().copied().collect()];
        let min_insync_replicas = count.min(2) as usize;
        let create = Command::CreateTopic { topic: measured().topic, replicas, min_insync_replicas };
        let reply = cluster.nodes[0].0.broker().order(create).await?;
        ensure!(reply == Reply::Done, "{reply:?}");
        // Until there is a leader that can be reached.
        Producer::new(cluster.addresses.clone(), measured(), -1).send(&values()).await?;
        Connection::open(&cluster.addresses[0]).await?;
        Ok(cluster)
    }

    async fn stop(self) -> Result<()> {
        for (running, server) in self.nodes {
            server.stop().await;
            running.stop().await?;
        }
        Ok(())
    }
}
