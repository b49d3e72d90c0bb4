//! Consumer groups: members share the partitions, commit, and go on where others have stopped.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use crate::answers::read_from;
use crate::client::{Client, How, PATIENCE, Record};
use crate::cluster::{BROKERS, Cluster};
use crate::installed::{Installed, installed};
use crate::kcat::Kcat;
use crate::python::Python;

const PARTITIONS: u32 = 4;

/// A member of a group: a process.
struct Member {
    client: Python,
    read: Vec<(u32, i64)>,
    assigned: BTreeSet<u64>,
}

impl Member {
    fn join(mut client: Python, group: &str, topic: &str) -> Member {
        client.call(json!({"do": "join", "group": group, "topic": topic}));
        Member { client, read: Vec::new(), assigned: BTreeSet::new() }
    }

    fn poll_command() -> Value {
        json!({"do": "poll", "count": 1000, "seconds": 0.5})
    }

    fn take(&mut self, answer: &Value) {
        self.read.extend(answer["records"].as_array().expect("records").iter().map(|record| {
            let read = read_from(record);
            (read.partition, read.offset)
        }));
        self.assigned = answer["assigned"].as_array().expect("partitions").iter().filter_map(Value::as_u64).collect();
    }

    fn commit(&mut self) {
        self.client.call(json!({"do": "commit"}));
    }

    fn leave(mut self) {
        self.client.call(json!({"do": "leave"}));
    }
}

/// All members ask for records at the same time, until it is as it should be.
fn poll_until(what: &str, members: &mut [&mut Member], is_so: impl Fn(&[&mut Member]) -> bool) {
    let begin = Instant::now();
    while !is_so(members) {
        let shown = || members.iter().map(|member| (&member.assigned, member.read.len())).collect::<Vec<_>>();
        assert!(begin.elapsed() < PATIENCE, "not so after a minute: {what}: {:?}", shown());
        let command = Member::poll_command();
        members.iter_mut().for_each(|member| member.client.send(&command));
        for member in members.iter_mut() {
            let answer = member.client.receive(&command);
            member.take(&answer);
        }
    }
}

/// Sends so many records to each partition.
fn send(producer: &mut Python, topic: &str, count: usize) {
    let record = Record { value: Some(b"for a group".to_vec()), ..Record::default() };
    for partition in 0..PARTITIONS {
        let told = producer.produce(topic, partition, How::default(), &vec![record.clone(); count]);
        assert!(told.iter().all(Result::is_ok), "{told:?}");
    }
}

/// The offsets from `from` to `to` of every partition.
fn offsets(from: i64, to: i64) -> Vec<(u32, i64)> {
    (0..PARTITIONS).flat_map(|partition| (from..to).map(move |offset| (partition, offset))).collect()
}

/// What all of them have read, in the order of the partitions.
fn read_by(members: &[&mut Member]) -> Vec<(u32, i64)> {
    let mut read: Vec<_> = members.iter().flat_map(|member| member.read.iter().copied()).collect();
    read.sort_unstable();
    read
}

/// Two members share, commit and leave; a third goes on; kcat is the last.
fn share(installed: &Installed, cluster: &mut Cluster, name: &str, kinds: [fn(&Installed, &str) -> Python; 3]) {
    let bootstrap = cluster.bootstrap();
    let topic = format!("shared.{name}");
    let mut producer = Python::confluent(installed, &bootstrap);
    producer.create(&topic, PARTITIONS);
    cluster.wait_until("the topic is whole", |cluster| cluster.is_whole(&topic, PARTITIONS as usize));
    let member = |kind: fn(&Installed, &str) -> Python| Member::join(kind(installed, &bootstrap), name, &topic);

    send(&mut producer, &topic, 30);
    let mut first = member(kinds[0]);
    let all = 4 * 30;
    poll_until("one member has all", &mut [&mut first], |members| members[0].read.len() >= all);
    assert_eq!(read_by(&[&mut first]), offsets(0, 30), "{name}");
    first.commit();
    first.read.clear();

    let mut second = member(kinds[1]);
    poll_until("two members share", &mut [&mut first, &mut second], |members| {
        members.iter().all(|member| member.assigned.len() == 2) && members[0].assigned.is_disjoint(&members[1].assigned)
    });
    send(&mut producer, &topic, 30);
    poll_until("both have read", &mut [&mut first, &mut second], |members| read_by(members).len() >= all);
    assert_eq!(read_by(&[&mut first, &mut second]), offsets(30, 60), "{name}");
    assert!(!first.read.is_empty() && !second.read.is_empty(), "{name}");
    first.commit();
    second.commit();
    first.leave();
    second.leave();

    send(&mut producer, &topic, 10);
    let mut third = member(kinds[2]);
    poll_until("a third goes on", &mut [&mut third], |members| members[0].read.len() >= 4 * 10);
    assert_eq!(read_by(&[&mut third]), offsets(60, 70), "{name}");
    third.commit();
    third.leave();

    send(&mut producer, &topic, 5);
    let mut read: Vec<_> = Kcat::new(&bootstrap)
        .read_as_group(name, &topic, 4 * 5)
        .into_iter()
        .map(|read| (read.partition, read.offset))
        .collect();
    read.sort_unstable();
    assert_eq!(read, offsets(70, 75), "{name}");
}

#[test]
fn members_of_all_kinds_share_the_partitions_commit_and_go_on_where_others_stopped() {
    let Some(installed) = installed() else { return };
    let mut cluster = Cluster::start();
    share(&installed, &mut cluster, "one.library", [Python::confluent, Python::confluent, Python::kafka_python]);
    share(&installed, &mut cluster, "the.other", [Python::kafka_python, Python::kafka_python, Python::confluent]);
    share(&installed, &mut cluster, "mixed", [Python::confluent, Python::kafka_python, Python::confluent]);
}

#[test]
fn committed_offsets_outlive_any_broker_that_is_killed() {
    let Some(installed) = installed() else { return };
    let mut cluster = Cluster::start();
    let bootstrap = cluster.bootstrap();
    let mut producer = Python::confluent(&installed, &bootstrap);
    let topic = "outlives";
    producer.create(topic, PARTITIONS);
    let is_whole = |cluster: &Cluster| cluster.is_whole(topic, PARTITIONS as usize);
    cluster.wait_until("the topic is whole", is_whole);
    let mut from = 0;
    for broker in 1..=BROKERS {
        for kind in [Python::confluent, Python::kafka_python] {
            send(&mut producer, topic, 10);
            let mut member = Member::join(kind(&installed, &bootstrap), "group", topic);
            poll_until("all are read", &mut [&mut member], |members| members[0].read.len() >= 4 * 10);
            assert_eq!(read_by(&[&mut member]), offsets(from, from + 10), "while broker {broker} may be gone");
            member.commit();
            from += 10;
            // The second member works while the broker is gone. One of the three was the group's coordinator.
            cluster.kill(broker);
            member.leave();
        }
        cluster.start_broker(broker);
        cluster.wait_until("all replicas are in sync again", is_whole);
    }
}
