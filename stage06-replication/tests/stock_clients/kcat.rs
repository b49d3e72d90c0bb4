//! kcat: a program, run once for each thing that is to be done.

use std::io::{Read as _, Write};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, How, PATIENCE, Read, Record, Told, patience_for};

/// Between records, and between a key and its value: bytes that are in none of them.
const RECORD_ENDS: &str = "\\x1e";
const KEY_ENDS: &str = "\\x1f";
/// How often a program that runs is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// kcat, and the brokers that it is to talk to.
#[derive(Clone, Debug)]
pub(crate) struct Kcat {
    bootstrap: String,
}

impl Kcat {
    pub(crate) fn new(bootstrap: &str) -> Kcat {
        Kcat { bootstrap: bootstrap.to_string() }
    }

    /// A command that does not end because a broker is gone.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("kcat");
        command.args(["-E", "-m", "30", "-b", &self.bootstrap]);
        command
    }

    /// What is written to kcat's standard output.
    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        run(self.command().args(args), input, PATIENCE)
    }

    /// Sends each value once, as an idempotent producer: what becomes of each. Unlike what is sent by
    /// [`Client::produce`], it may take as long as brokers are gone.
    pub(crate) fn send_lines(&self, topic: &str, partition: u32, values: &[String], patience: Duration) -> Vec<Told> {
        let mut command = self.command();
        command.args(["-P", "-t", topic, "-p", &partition.to_string(), "-z", "zstd", "-v", "-v", "-v"]);
        command.args(["-X", "acks=all", "-X", "enable.idempotence=true", "-X", "message.timeout.ms=300000"]);
        command.args(["-X", "linger.ms=20", "-X", "reconnect.backoff.max.ms=1000"]);
        let input = values.join("\n");
        told_in(&String::from_utf8_lossy(&run(&mut command, input.as_bytes(), patience).stderr))
    }

    /// The members of a consumer group read; ends when there is nothing more.
    pub(crate) fn read_as_group(&self, group: &str, topic: &str, count: usize) -> Vec<Read> {
        let count = count.to_string();
        let args = ["-G", group, "-q", "-c", &count, "-f", FORMAT, "-X", "auto.offset.reset=earliest", topic];
        parse(&succeeded(self.run(&args, b"")).stdout)
    }
}

/// Offset, timestamp, lengths and headers in a line, then key and value: so they may have any bytes.
const FORMAT: &str = "%p %o %T %K %S %h\\n%k%s\\n";

impl Client for Kcat {
    fn name(&self) -> &'static str {
        "kcat"
    }

    fn version(&mut self) -> String {
        let output = self.run(&["-V"], b"");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let word = |behind: &str| {
            let rest = text.split(behind).nth(1).unwrap_or_default();
            rest.split_whitespace().next().unwrap_or_default().to_string()
        };
        format!("{} (librdkafka {})", word("Version "), word("librdkafka "))
    }

    fn produce(&mut self, topic: &str, partition: u32, how: How, records: &[Record]) -> Vec<Told> {
        let partition = partition.to_string();
        let mut args = vec!["-P", "-t", topic, "-p", &partition, "-D", RECORD_ENDS, "-K", KEY_ENDS, "-z", how.codec];
        let settings = [
            format!("acks={}", how.acks),
            format!("enable.idempotence={}", how.is_idempotent),
            format!("message.max.bytes={}", how.bytes_max.unwrap_or(1_000_000)),
            "linger.ms=20".to_string(),
        ];
        settings.iter().for_each(|setting| args.extend(["-X", setting]));
        // All records of a call have the same headers.
        let headers: Vec<String> = records[0]
            .headers
            .iter()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
            .collect();
        headers.iter().for_each(|header| args.extend(["-H", header]));
        // Three times is what it takes to be told of every delivery.
        args.extend(["-v", "-v", "-v"]);
        let mut input = Vec::new();
        for record in records {
            if let Some(key) = &record.key {
                input.extend_from_slice(key);
                input.push(0x1f);
            }
            input.extend_from_slice(record.value.as_deref().unwrap_or_default());
            input.push(0x1e);
        }
        told_in(&String::from_utf8_lossy(&self.run(&args, &input).stderr))
    }

    fn consume(&mut self, topic: &str, partition: u32, from: i64, count: usize) -> Vec<Read> {
        let (partition, from, records) = (partition.to_string(), from.to_string(), count.to_string());
        let args = ["-C", "-q", "-t", topic, "-p", &partition, "-o", &from, "-c", &records, "-f", FORMAT];
        parse(&run(self.command().args(args), b"", patience_for(count)).stdout)
    }

    fn topics(&mut self) -> Vec<String> {
        let output = succeeded(self.run(&["-L", "-J"], b""));
        let listing: serde_json::Value = serde_json::from_slice(&output.stdout).expect("kcat -J prints JSON");
        let topics = listing["topics"].as_array().expect("topics").iter();
        topics.filter_map(|topic| topic["topic"].as_str().map(String::from)).collect()
    }

    fn offset_for_time(&mut self, topic: &str, partition: u32, timestamp: i64) -> Option<i64> {
        let query = format!("{topic}:{partition}:{timestamp}");
        let output = succeeded(self.run(&["-Q", "-t", &query], b""));
        // `topic [0] offset 17`
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let offset = text.split_whitespace().last().and_then(|word| word.parse::<i64>().ok());
        Some(offset.unwrap_or_else(|| panic!("kcat -Q printed {text:?}"))).filter(|&offset| offset >= 0)
    }

    fn is_free(&self) -> bool {
        false
    }
}

/// What its delivery reports say, in their order: on one partition that is the order of the records.
fn told_in(errors: &str) -> Vec<Told> {
    errors.lines().filter_map(told).collect()
}

/// A delivery report, if the line is one.
fn told(line: &str) -> Option<Told> {
    if let Some((_, rest)) = line.split_once("Message delivered to partition ") {
        let offset = rest.split_once("(offset ")?.1.split_once(')')?.0;
        return Some(Ok(offset.parse().expect("an offset")));
    }
    let failures = ["Delivery failed for message", "Failed to produce", "Input is too large"];
    failures.iter().any(|words| line.contains(words)).then(|| Err(line.to_string()))
}

/// Runs a program to its end, and kills it if that does not come.
fn run(command: &mut Command, input: &[u8], patience: Duration) -> Output {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = Killed(spawned.expect("kcat starts"));
    let (mut stdin, mut stdout, mut stderr) = {
        let child = &mut child.0;
        (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"), child.stderr.take().expect("piped"))
    };
    thread::scope(|scope| {
        // A kcat that has ended takes nothing more, and then its output says why.
        scope.spawn(move || drop(stdin.write_all(input)));
        let out = scope.spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        let err = scope.spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = child.0.try_wait().expect("kcat can be waited for") {
                break status;
            }
            if begin.elapsed() > patience {
                child.0.kill().expect("kcat can be killed");
            }
            thread::sleep(LOOK_EVERY);
        };
        let stdout = out.join().expect("no panic").expect("kcat's output can be read");
        let stderr = err.join().expect("no panic").expect("kcat's errors can be read");
        Output { status, stdout, stderr }
    })
}

/// The output of a program that has succeeded.
fn succeeded(output: Output) -> Output {
    assert!(output.status.success(), "kcat: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    output
}

/// A process that does not outlive whoever holds this.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Records in [`FORMAT`]. One that was cut off by the end is left out.
fn parse(mut rest: &[u8]) -> Vec<Read> {
    let mut records = Vec::new();
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let mut words = line.splitn(6, ' ');
        let mut number = || words.next().and_then(|word| word.parse::<i64>().ok());
        let fields = (number(), number(), number(), number(), number());
        let (Some(partition), Some(offset), Some(timestamp), Some(key), Some(value)) = fields else {
            panic!("kcat printed {line:?}")
        };
        let headers = words.next().unwrap_or_default();
        let headers = headers.split(',').filter_map(|header| header.split_once('='));
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let (key_bytes, value_bytes) = (key.max(0) as usize, value.max(0) as usize);
        if rest.len() < key_bytes + value_bytes + 1 {
            break;
        }
        let part = |length: i64, from: usize, bytes: usize| (length >= 0).then(|| rest[from..from + bytes].to_vec());
        let (key, value) = (part(key, 0, key_bytes), part(value, key_bytes, value_bytes));
        rest = &rest[key_bytes + value_bytes + 1..];
        let record = Record { key, value, headers, timestamp: Some(timestamp) };
        records.push(Read { partition: partition as u32, offset, record });
    }
    records
}
