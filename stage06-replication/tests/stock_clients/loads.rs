//! Producers and consumers that go on until they are told to stop, and write down what they are told.

use std::fs::{self, File};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::installed::Installed;
use crate::kcat::{Kcat, Killed};
use crate::python::Python;

/// How often a file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many records kcat sends each time it is run.
const KCAT_RECORDS: usize = 50;
/// Longer than what a producer has left takes to be delivered.
const FLUSH_PATIENCE: Duration = Duration::from_secs(180);

/// A record that was acknowledged, or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    /// Who has sent it, its partition and its number: `kcat/0/17`.
    pub(crate) value: String,
}

/// What one producer has sent, and what it was told. Every record that it has sent was acknowledged.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) producer: &'static str,
    pub(crate) acknowledged: Vec<Noted>,
}

/// All producers at work, and a consumer of each kind that reads what they send.
pub(crate) struct Loads {
    pythons: Vec<(&'static str, Python, PathBuf)>,
    kcats: Vec<KcatLoad>,
    tails: Vec<(&'static str, Python, PathBuf)>,
    kcat_tail: (Killed, PathBuf),
}

impl Loads {
    /// Each kind of producer sends to each partition.
    pub(crate) fn start(installed: &Installed, bootstrap: &str, topic: &str, partitions: u32, path: &Path) -> Loads {
        let python = |name: &'static str| match name {
            "confluent-kafka" => Python::confluent(installed, bootstrap),
            _ => Python::kafka_python(installed, bootstrap),
        };
        let begin = |work: &'static str, name: &'static str| {
            let (mut client, file) = (python(name), path.join(format!("{work}-{name}")));
            client.call(json!({"do": work, "topic": topic, "name": name, "partitions": partitions, "path": file}));
            (name, client, file)
        };
        let kcat = Kcat::new(bootstrap);
        let names = ["confluent-kafka", "kafka-python"];
        Loads {
            tails: names.map(|name| begin("tail", name)).into(),
            pythons: names.map(|name| begin("load", name)).into(),
            kcats: (0..partitions).map(|partition| KcatLoad::start(&kcat, topic, partition)).collect(),
            kcat_tail: kcat_tail(&kcat, topic, path.join("tail-kcat")),
        }
    }

    /// No producer sends anything more. Returns when all that was sent is acknowledged.
    ///
    /// # Panics
    ///
    /// If a producer has had an error.
    pub(crate) fn stop_producers(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        for (producer, client, file) in &mut self.pythons {
            let answer = client.call(json!({"do": "stop_load"}));
            assert_eq!(answer["errors"], json!([]), "{producer}");
            assert_eq!(answer["acknowledged"], answer["sent"], "{producer}");
            all.push(Sent { producer, acknowledged: noted(file) });
        }
        let kcats = self.kcats.drain(..).flat_map(KcatLoad::stop).collect();
        all.push(Sent { producer: "kcat", acknowledged: kcats });
        all
    }

    /// What each consumer has read, once it has read so much.
    pub(crate) fn stop_consumers(self, count: usize) -> Vec<(&'static str, Vec<Noted>)> {
        let mut all = Vec::new();
        for (name, mut client, file) in self.tails {
            wait_for_lines(name, &file, count);
            client.call(json!({"do": "stop_tail"}));
            all.push((name, noted(&file)));
        }
        let (kcat, file) = self.kcat_tail;
        wait_for_lines("kcat", &file, count);
        drop(kcat);
        all.push(("kcat", noted(&file)));
        all
    }
}

/// Waits until a consumer has written down as many records as there are.
fn wait_for_lines(consumer: &str, file: &Path, count: usize) {
    let begin = Instant::now();
    loop {
        let lines = fs::read(file).expect("the consumer's file").iter().filter(|&&byte| byte == b'\n').count();
        if lines >= count {
            return;
        }
        assert!(begin.elapsed() < FLUSH_PATIENCE, "{consumer} has read {lines} of {count} records, and no more come");
        thread::sleep(LOOK_EVERY);
    }
}

/// What was written down. The last line may not be whole yet.
fn noted(file: &Path) -> Vec<Noted> {
    let text = fs::read_to_string(file).expect("the client's file");
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let partition = words.next()?.parse().ok()?;
        let offset = words.next()?.parse().ok()?;
        Some(Noted { partition, offset, value: words.next()?.to_string() })
    };
    whole.lines().map(|line| parse(line).unwrap_or_else(|| panic!("{}: {line:?}", file.display()))).collect()
}

/// kcat as a consumer of all partitions, which prints what it reads into a file.
fn kcat_tail(kcat: &Kcat, topic: &str, path: PathBuf) -> (Killed, PathBuf) {
    let file = File::create(&path).expect("a file for what is read");
    let child = kcat
        .command()
        .args(["-C", "-q", "-u", "-t", topic, "-o", "beginning", "-f", "%p %o %s\\n"])
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(Stdio::null())
        .spawn();
    (Killed(child.expect("kcat starts")), path)
}

/// kcat as a producer of one partition. It reads its input to the end before it sends anything, so it is run again and
/// again, for some records each time. When one run has ended, all of its records are acknowledged: the order goes on.
struct KcatLoad {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Noted>>,
}

impl KcatLoad {
    fn start(kcat: &Kcat, topic: &str, partition: u32) -> KcatLoad {
        let (kcat, topic, stopping) = (kcat.clone(), topic.to_string(), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let stopping = Arc::clone(&stopping);
            move || send_until(&kcat, &topic, partition, &stopping)
        });
        KcatLoad { stopping, thread }
    }

    fn stop(self) -> Vec<Noted> {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panicked| resume_unwind(panicked))
    }
}

fn send_until(kcat: &Kcat, topic: &str, partition: u32, stopping: &AtomicBool) -> Vec<Noted> {
    let mut all = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        let values: Vec<String> =
            (all.len()..all.len() + KCAT_RECORDS).map(|number| value(partition, number)).collect();
        let told = kcat.send_lines(topic, partition, &values, FLUSH_PATIENCE);
        assert_eq!(told.len(), values.len(), "kcat tells of each delivery");
        for (value, told) in values.into_iter().zip(told) {
            let offset = told.unwrap_or_else(|error| panic!("{value}: {error}"));
            all.push(Noted { partition, offset, value });
        }
    }
    all
}

fn value(partition: u32, number: usize) -> String {
    format!("kcat/{partition}/{number}")
}
