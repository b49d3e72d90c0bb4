//! What one client has sent, every client reads, byte for byte; and what clients ask beside that.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::client::{self, Client, How, Read, Record};
use crate::cluster::{BROKERS, Cluster};
use crate::codecs::codecs;
use crate::installed::{Installed, installed};
use crate::python::Python;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// Each has its own partition.
const ACKS: [&str; 3] = ["0", "1", "all"];

/// The machine's clients and three brokers; `None` if clients are missing.
fn set_up() -> Option<(Installed, Cluster)> {
    Some((installed()?, Cluster::start()))
}

fn text(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

/// Records with and without keys, empty values, headers and times of their own: as much of it as the client can say.
fn records(client: &dyn Client, codec: &str) -> Vec<Record> {
    let name = client.name();
    let headers = vec![("trace".to_string(), name.as_bytes().to_vec()), ("codec".to_string(), codec.into())];
    let mut records: Vec<Record> = (0..40)
        .map(|number| Record {
            key: (number % 3 != 0).then(|| format!("key {number}").into_bytes()),
            // Much of the same, so that packing it is of use.
            value: text(&format!("{name} {codec} {number} ").repeat(10)),
            headers: headers.clone(),
            timestamp: None,
        })
        .collect();
    records[7].value = text("");
    if client.is_free() {
        for (record, timestamp) in records.iter_mut().zip(1_700_000_000_000..) {
            record.timestamp = Some(timestamp);
        }
        records[4].headers.clear();
        records[5].headers = vec![("bytes".to_string(), (0..=255).collect())];
        records[8].value = None;
        records[9].key = text("");
        records[10].value = Some((0..=255).collect());
    }
    records
}

/// Checks what a client has read against what was sent.
fn assert_read(reader: &dyn Client, about: &str, sent: &[Record], read: &[Read]) {
    let reader_name = reader.name();
    assert_eq!(read.len(), sent.len(), "{reader_name} reads {about}");
    for (at, (sent, Read { offset, record, .. })) in sent.iter().zip(read).enumerate() {
        let about = format!("{reader_name} reads record {at} of {about}");
        assert_eq!(*offset, at as i64, "{about}");
        assert_eq!(record.key, sent.key, "{about}");
        assert_eq!(record.value, sent.value, "{about}");
        if sent.timestamp.is_some() {
            assert_eq!(record.timestamp, sent.timestamp, "{about}");
        }
        // kcat prints headers as text.
        if reader.is_free() || sent.headers.iter().all(|(_, value)| value.is_ascii() && !value.contains(&b',')) {
            assert_eq!(record.headers, sent.headers, "{about}");
        }
    }
}

#[test]
fn what_one_client_sends_every_client_reads_packed_as_it_was_asked() {
    let Some((installed, mut cluster)) = set_up() else { return };
    let bootstrap = cluster.bootstrap();
    let mut clients = client::all(&installed, &bootstrap);
    let mut admin = Python::confluent(&installed, &bootstrap);
    let topic_of = |client: &str, codec: &str| format!("{client}.{codec}");
    let names: Vec<&'static str> = clients.iter().map(|client| client.name()).collect();
    for producer in 0..clients.len() {
        for codec in CODECS {
            let topic = topic_of(names[producer], codec);
            admin.create(&topic, ACKS.len() as u32);
            cluster.wait_until("the topic is whole", |cluster| cluster.is_whole(&topic, ACKS.len()));
            let sent = records(&*clients[producer], codec);
            for (partition, acks) in ACKS.into_iter().enumerate() {
                let about = format!("{topic}-{partition}, acks={acks}");
                let how = How { codec, acks, is_idempotent: acks == "all", ..How::default() };
                let told = clients[producer].produce(&topic, partition as u32, how, &sent);
                let offset = |at: usize| if acks == "0" { -1 } else { at as i64 };
                let expected: Vec<_> = (0..sent.len()).map(|at| Ok(offset(at))).collect();
                // What kind of number stands for no offset is the client's own affair.
                match acks {
                    "0" => assert!(told.iter().all(Result::is_ok), "{about}: {told:?}"),
                    _ => assert_eq!(told, expected, "{about}"),
                }
                for reader in &mut clients {
                    let read = reader.consume(&topic, partition as u32, 0, sent.len());
                    assert_read(&**reader, &about, &sent, &read);
                }
            }
        }
    }
    (1..=BROKERS).for_each(|id| cluster.terminate(id));
    for (name, codec) in names.iter().flat_map(|name| CODECS.map(|codec| (name, codec))) {
        for partition in 0..ACKS.len() as u32 {
            for broker in 1..=BROKERS {
                let found = codecs(&cluster, broker, &topic_of(name, codec), partition);
                assert_eq!(Vec::from_iter(found), [codec], "{name}, partition {partition}, broker {broker}");
            }
        }
    }
    for client in &mut clients {
        println!("{} {}", client.name(), client.version());
    }
    let combinations = clients.len() * CODECS.len() * ACKS.len();
    println!("{combinations} combinations of producer, codec and acks, each read by {} clients", clients.len());
}

#[test]
fn a_record_may_have_almost_a_mebibyte_and_a_larger_one_is_the_clients_own_error() {
    let Some((installed, mut cluster)) = set_up() else { return };
    let bootstrap = cluster.bootstrap();
    let mut clients = client::all(&installed, &bootstrap);
    Python::kafka_python(&installed, &bootstrap).create("large", 3);
    cluster.wait_until("the topic is whole", |cluster| cluster.is_whole("large", 3));
    let record = |bytes: usize| {
        let value = (0..bytes).map(|at| b'a' + (at % 23) as u8).collect();
        Record { value: Some(value), ..Record::default() }
    };
    let large = record(1_048_000);
    let how = How { bytes_max: Some(8 << 20), ..How::default() };
    for (partition, producer) in (0..).zip(0..clients.len()) {
        let told = clients[producer].produce("large", partition, how, std::slice::from_ref(&large));
        assert_eq!(told, [Ok(0)], "{}", clients[producer].name());
        for reader in &mut clients {
            let read = reader.consume("large", partition, 0, 1);
            assert_read(&**reader, "a large record", std::slice::from_ref(&large), &read);
        }
        // The broker refuses it.
        let client = &mut clients[producer];
        let too_large = client.produce("large", partition, how, &[record(2 << 20)]);
        assert_is_too_large(&**client, &too_large);
        // The client does not even send it.
        let too_large = client.produce("large", partition, How::default(), &[record(2 << 20)]);
        assert_is_too_large(&**client, &too_large);
        // Neither is in the way of what comes next.
        let next = Record { value: text("next"), ..Record::default() };
        assert_eq!(client.produce("large", partition, how, &[next]), [Ok(1)], "{}", client.name());
    }
}

fn assert_is_too_large(client: &dyn Client, told: &[client::Told]) {
    let [Err(error)] = told else { panic!("{}: {told:?}", client.name()) };
    let error = error.to_lowercase();
    let says_so = ["too_large", "toolarge", "too large", "size_too_large"].iter().any(|words| error.contains(words));
    assert!(says_so, "{}: {error}", client.name());
}

#[test]
fn every_client_finds_the_offset_for_a_time() {
    let Some((installed, mut cluster)) = set_up() else { return };
    let bootstrap = cluster.bootstrap();
    let mut producer = Python::confluent(&installed, &bootstrap);
    producer.create("times", 1);
    cluster.wait_until("the topic is whole", |cluster| cluster.is_whole("times", 1));
    let begin = now_ms() - 1_000_000;
    // Batches of ten, a second between two records.
    for batch in 0..10 {
        let record = |at: i64| {
            let value = text(&format!("record {at} ").repeat(20));
            Record { value, timestamp: Some(begin + at * 1000), ..Record::default() }
        };
        let records: Vec<Record> = (batch * 10..batch * 10 + 10).map(record).collect();
        // The first batch is not packed.
        let how = How { codec: CODECS[(batch as usize).min(4)], ..How::default() };
        assert!(producer.produce("times", 0, how, &records).iter().all(Result::is_ok));
    }
    for client in &mut client::all(&installed, &bootstrap) {
        let mut find = |timestamp| client.offset_for_time("times", 0, timestamp);
        for at in [0, 1, 9, 10, 11, 55, 99] {
            // A broker does not unpack: of a packed batch it is the first record, and whoever reads on from there finds it.
            let expected = Some(if at < 10 { at } else { at / 10 * 10 });
            assert_eq!(find(begin + at * 1000), expected, "{}, record {at}", client.name());
        }
        assert_eq!((find(begin - 1), find(begin + 3001)), (Some(0), Some(4)), "{}", client.name());
        // Nothing is so new. librdkafka says the end of the log then.
        assert!(matches!(client.offset_for_time("times", 0, begin + 100_000), None | Some(100)), "{}", client.name());
    }
}

#[test]
fn topics_are_made_listed_and_deleted_by_every_client_that_can() {
    let Some((installed, mut cluster)) = set_up() else { return };
    let bootstrap = cluster.bootstrap();
    let mut clients = client::all(&installed, &bootstrap);
    let mut admins = [Python::confluent(&installed, &bootstrap), Python::kafka_python(&installed, &bootstrap)];
    for admin in &mut admins {
        let topic = format!("made.by.{}", admin.name());
        // Twice: one that was deleted leaves nothing to the next of its name.
        for _ in 0..2 {
            admin.create(&topic, 2);
            cluster.wait_until("the topic is whole", |cluster| cluster.is_whole(&topic, 2));
            for client in &mut clients {
                assert!(client.topics().contains(&topic), "{} lists {topic}", client.name());
            }
            let sent = [Record { value: text("only one"), ..Record::default() }];
            assert_eq!(clients[0].produce(&topic, 1, How::default(), &sent), [Ok(0)]);
            let read = clients[1].consume(&topic, 1, 0, 1);
            assert_read(&*clients[1], "a new topic", &sent, &read);
            admin.delete(&topic);
            cluster.wait_until("the topic is gone", |cluster| cluster.leader(&topic, 0).is_none());
            for client in &mut clients {
                assert!(!client.topics().contains(&topic), "{} lists {topic}", client.name());
            }
        }
    }
}
