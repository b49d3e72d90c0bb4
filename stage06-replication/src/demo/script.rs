//! What the demonstration does.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::processes::Processes;
use super::timeline::Timeline;
use crate::client::{Connection, Leadership, Producer, read_all};
use crate::tablet::TabletId;

/// How many brokers there are.
const BROKERS: u32 = 3;
/// How many producers.
const PRODUCERS: usize = 4;
/// Records in a batch.
const BATCH: usize = 10;
/// Much longer than anything takes: then something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the cluster is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// How the demonstration runs.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The program of a broker.
    pub program: PathBuf,
    /// Where the brokers keep what they have.
    pub directory: PathBuf,
    /// How often the leader is killed.
    pub kills: u32,
    /// Whether the brokers stay when it is over, until somebody presses Ctrl-C.
    pub stays: bool,
}

/// What a producer was told: each batch's first record, its offset, and how long it took.
type Acknowledged = Vec<(String, i64, Duration)>;

/// Runs the demonstration. The result says whether every acknowledged record was found.
///
/// # Errors
///
/// If brokers do not start, or nobody leads for a minute.
pub async fn run(options: &DemoOptions) -> io::Result<bool> {
    let timeline = Timeline::start();
    let mut brokers = Processes::new(&options.program, &options.directory, BROKERS)?;
    for id in 1..=BROKERS {
        brokers.start(id)?;
    }
    timeline.tell(format_args!("brokers 1, 2 and 3 start, in {}", options.directory.display()));
    let tablet = TabletId { topic: "demo".into(), partition: 0 };
    let mut known = None;
    let mut leader = watch_until(&brokers, &tablet, &timeline, &mut known, is_whole).await?;

    let stop = Arc::new(AtomicBool::new(false));
    let producers: Vec<JoinHandle<io::Result<Acknowledged>>> = (0..PRODUCERS)
        .map(|number| tokio::spawn(produce(number, brokers.addresses(), tablet.clone(), Arc::clone(&stop))))
        .collect();
    timeline.tell(format_args!("{PRODUCERS} producers send batches of {BATCH} records, acks=all"));
    for _ in 0..options.kills {
        tokio::time::sleep(Duration::from_secs(2)).await;
        brokers.kill(leader)?;
        let killed = Instant::now();
        timeline.tell(format_args!("broker {leader}, which leads, is killed (SIGKILL)"));
        let dead = leader;
        watch_until(&brokers, &tablet, &timeline, &mut known, |known| known.leader != dead as i32).await?;
        timeline.tell(format_args!("the failover took {:.2} s", killed.elapsed().as_secs_f64()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        brokers.start(dead)?;
        timeline.tell(format_args!("broker {dead} starts again, with what it has"));
        leader = watch_until(&brokers, &tablet, &timeline, &mut known, is_whole).await?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for producer in producers {
        acknowledged.extend(producer.await.map_err(io::Error::other)??);
    }
    let slowest = acknowledged.iter().map(|&(_, _, took)| took).max().unwrap_or_default();
    let records = acknowledged.len() * BATCH;
    timeline.tell(format_args!(
        "{records} records were acknowledged; the slowest batch took {:.2} s",
        slowest.as_secs_f64()
    ));
    let is_all_there = check(&brokers, leader, &tablet, &acknowledged, &timeline).await?;
    if options.stays {
        stay(&brokers, &tablet).await?;
    }
    Ok(is_all_there)
}

fn is_whole(known: &Leadership) -> bool {
    known.in_sync.len() == BROKERS as usize
}

/// Sends batches until it is told to stop.
async fn produce(
    number: usize,
    brokers: Vec<String>,
    tablet: TabletId,
    stop: Arc<AtomicBool>,
) -> io::Result<Acknowledged> {
    let mut producer = Producer::new(brokers, tablet, -1);
    let mut acknowledged = Vec::new();
    let mut batch = 0;
    while !stop.load(Ordering::Relaxed) {
        let values: Vec<Bytes> = (0..BATCH).map(|at| value(number, batch, at).into()).collect();
        let begin = Instant::now();
        let offset = producer.send(&values).await?;
        acknowledged.push((value(number, batch, 0), offset, begin.elapsed()));
        batch += 1;
    }
    Ok(acknowledged)
}

fn value(producer: usize, batch: usize, at: usize) -> String {
    format!("producer {producer}, batch {batch}, record {at}")
}

/// Looks at the tablet, and tells what has changed, until it is as it should be. Returns who leads then.
async fn watch_until(
    brokers: &Processes,
    tablet: &TabletId,
    timeline: &Timeline,
    known: &mut Option<Leadership>,
    is_enough: impl Fn(&Leadership) -> bool,
) -> io::Result<u32> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        for address in brokers.addresses() {
            let found = tokio::time::timeout(Duration::from_millis(500), look(&address, tablet)).await;
            let Ok(Ok(Some(found))) = found else { continue };
            // A broker that was just started speaks of what was when it was stopped.
            let is_news = known.as_ref().is_none_or(|known| found.epoch >= known.epoch && found != *known);
            if is_news {
                timeline.tell(format_args!(
                    "broker {} leads in epoch {}, in sync {:?}",
                    found.leader, found.epoch, found.in_sync
                ));
                *known = Some(found);
            }
            if let Some(known) = known.as_ref().filter(|known| is_enough(known)) {
                return Ok(known.leader as u32);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(io::Error::other(format!("{tablet} is not as it should be after {} s", PATIENCE.as_secs())))
}

async fn look(address: &str, tablet: &TabletId) -> io::Result<Option<Leadership>> {
    Ok(Connection::open(address).await?.metadata(&tablet.topic).await?.leader(tablet))
}

/// Looks for everything that was acknowledged, and for what should not be there.
async fn check(
    brokers: &Processes,
    leader: u32,
    tablet: &TabletId,
    acknowledged: &Acknowledged,
    timeline: &Timeline,
) -> io::Result<bool> {
    let mut connection = Connection::open(brokers.address(leader)).await?;
    let records = read_all(&mut connection, tablet, 0).await?;
    timeline.tell(format_args!("{} records are read back from broker {leader}", records.len()));
    let lost = acknowledged.iter().filter(|(first, offset, _)| {
        let at = records.binary_search_by_key(offset, |&(offset, _)| offset);
        at.is_err() || at.is_ok_and(|at| records[at].1 != *first.as_bytes())
    });
    let lost = lost.count();
    let mut values: Vec<&Bytes> = records.iter().map(|(_, value)| value).collect();
    values.sort_unstable();
    let twice = values.windows(2).filter(|pair| pair[0] == pair[1]).count();
    timeline.tell(format_args!("{lost} acknowledged batches are lost, {twice} records are there twice"));
    Ok(lost == 0 && twice == 0)
}

/// Leaves the brokers to whoever wants to try them.
async fn stay(brokers: &Processes, tablet: &TabletId) -> io::Result<()> {
    let addresses = brokers.addresses().join(",");
    println!("\nThe brokers run until you press Ctrl-C. Try, in another terminal:\n");
    println!("  kcat -b {addresses} -L");
    println!("  echo 'hello' | kcat -b {addresses} -t {} -p 0 -P -X acks=all", tablet.topic);
    println!("  kcat -b {addresses} -t {} -C -o -5 -e", tablet.topic);
    tokio::signal::ctrl_c().await
}
