//! The two clients in Python, each behind a driver that takes commands.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::answers::{read_from, record_to, told_from};
use crate::client::{Client, How, Read, Record, Told, patience_for};
use crate::installed::Installed;

/// A driver, and the library that it drives.
pub(crate) struct Python {
    name: &'static str,
    process: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// librdkafka, of today.
    pub(crate) fn confluent(installed: &Installed, bootstrap: &str) -> Python {
        Python::start("confluent-kafka", "by_confluent", installed, bootstrap)
    }

    /// The protocol in Python alone.
    pub(crate) fn kafka_python(installed: &Installed, bootstrap: &str) -> Python {
        Python::start("kafka-python", "by_kafka_python", installed, bootstrap)
    }

    fn start(name: &'static str, module: &str, installed: &Installed, bootstrap: &str) -> Python {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock_clients/python/driver.py");
        let mut process = Command::new(&installed.python)
            .arg("-B")
            .arg(driver)
            .args([module, bootstrap])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output is piped"));
        Python { name, process, commands, answers }
    }

    /// Has it do something.
    ///
    /// # Panics
    ///
    /// If it cannot: the client's error is in the message, and what it wrote meanwhile is above it.
    pub(crate) fn call(&mut self, command: Value) -> Value {
        self.send(&command);
        self.receive(&command)
    }

    /// Tells it what to do, and does not wait.
    pub(crate) fn send(&mut self, command: &Value) {
        let commands = self.commands.as_mut().expect("its input is piped");
        writeln!(commands, "{command}").and_then(|()| commands.flush()).expect("the driver takes commands");
    }

    /// Waits for the answer to the oldest command that has none.
    pub(crate) fn receive(&mut self, command: &Value) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the driver answers");
        let answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{}: {}: {line:?}: {error}", self.name, command["do"]));
        assert!(answer["error"].is_null(), "{}: {}: {}", self.name, command["do"], answer["error"]);
        answer
    }

    /// Makes a topic.
    pub(crate) fn create(&mut self, topic: &str, partitions: u32) {
        self.call(json!({"do": "create", "topic": topic, "partitions": partitions}));
    }

    /// Deletes a topic.
    pub(crate) fn delete(&mut self, topic: &str) {
        self.call(json!({"do": "delete", "topic": topic}));
    }
}

impl Client for Python {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&mut self) -> String {
        self.call(json!({"do": "version"}))["version"].as_str().unwrap_or_default().to_string()
    }

    fn produce(&mut self, topic: &str, partition: u32, how: How, records: &[Record]) -> Vec<Told> {
        let records: Vec<Value> = records.iter().map(record_to).collect();
        let answer = self.call(json!({
            "do": "produce", "topic": topic, "partition": partition, "codec": how.codec, "acks": how.acks,
            "idempotent": how.is_idempotent, "bytes_max": how.bytes_max, "records": records,
        }));
        answer["told"].as_array().expect("what became of them").iter().map(told_from).collect()
    }

    fn consume(&mut self, topic: &str, partition: u32, from: i64, count: usize) -> Vec<Read> {
        let answer = self.call(json!({
            "do": "consume", "topic": topic, "partition": partition, "start": from, "count": count,
            "seconds": patience_for(count).as_secs(),
        }));
        answer["records"].as_array().expect("records").iter().map(read_from).collect()
    }

    fn topics(&mut self) -> Vec<String> {
        let answer = self.call(json!({"do": "topics"}));
        let names = answer["topics"].as_array().expect("topics").iter();
        names.filter_map(|name| name.as_str().map(String::from)).collect()
    }

    fn offset_for_time(&mut self, topic: &str, partition: u32, timestamp: i64) -> Option<i64> {
        let command = json!({"do": "offset_for_time", "topic": topic, "partition": partition, "timestamp": timestamp});
        self.call(command)["offset"].as_i64().filter(|&offset| offset >= 0)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its input would end it, but not if it is in the middle of something.
        drop(self.commands.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
