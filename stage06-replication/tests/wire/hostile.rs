//! Clients that mean no good, or are broken: none of them is another one's trouble.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestKind};
use stage06::wire::ServerOptions;
use stage06::wire::frame::REQUEST_BYTES_MAX;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::batches::batch;
use crate::broker::{Alone, Client, Fetch, PATIENCE, runtime};
use crate::requests::{encode, example, produce};

/// A client that is served, whatever the others do.
async fn is_served(alone: &Alone) {
    let mut client = alone.client().await;
    let served = async {
        client.call(ApiKey::ApiVersions, 3, &example(ApiKey::ApiVersions, 3, "", "")).await;
        assert_eq!(client.produce("orders", -1, batch(&[b"a"], 1)).await.error_code, 0);
        assert_eq!(client.fetch(&Fetch::default()).await.error_code, 0);
    };
    timeout(PATIENCE, served).await.expect("others are served meanwhile");
}

#[test]
fn what_is_no_request_closes_its_connection_and_no_other() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions::default()).await;
        let mut witness = alone.client().await;
        let sound = encode(ApiKey::Metadata, 8, 1, &example(ApiKey::Metadata, 8, "orders", ""));
        let mut hostile_count = sound.to_vec();
        let at = sound.len() - "orders".len() - 2 - 3 - 4;
        hostile_count[at..at + 4].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF]);
        let framed = |body: &[u8]| [&(body.len() as u32).to_be_bytes()[..], body].concat();
        let cases = [
            ("a negative length", vec![0xFF; 4]),
            ("a length over the maximum", (REQUEST_BYTES_MAX as u32 + 1).to_be_bytes().to_vec()),
            ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("an empty frame", framed(&[])),
            ("an unknown request", framed(&[0x7F, 0, 0, 0, 0, 0, 0, 1, 0, 0])),
            ("an old version", framed(&[0, 1, 0, 0, 0, 0, 0, 1, 0, 0])),
            ("a count of everything", framed(&hostile_count)),
            ("something behind the end", framed(&[&sound[..], b"more"].concat())),
            ("a request that breaks off", framed(&sound[..sound.len() - 1])),
        ];
        for (what, bytes) in cases {
            let mut client = alone.client().await;
            client.stream.write_all(&bytes).await.unwrap();
            assert!(client.is_closed().await, "{what}");
        }
        witness.call(ApiKey::ApiVersions, 0, &RequestKind::ApiVersions(ApiVersionsRequest::default())).await;
        alone.stop().await;
    });
}

#[test]
fn requests_that_never_end_do_not_keep_others_from_being_served() {
    runtime().block_on(async {
        // Memory for large requests: less than what is promised to come.
        let options = ServerOptions { request_bytes_max: 1 << 20, ..ServerOptions::default() };
        let alone = Alone::start(options).await;
        let mut half = Vec::new();
        for at in 0..200_u32 {
            let mut stream = TcpStream::connect(alone.address()).await.unwrap();
            // Large ones and small ones, of which the first bytes come.
            let length = if at % 2 == 0 { REQUEST_BYTES_MAX as u32 } else { 4_000 };
            stream.write_all(&length.to_be_bytes()).await.unwrap();
            stream.write_all(&[0; 100]).await.unwrap();
            half.push(stream);
        }
        is_served(&alone).await;
        alone.stop().await;
    });
}

#[test]
fn a_request_that_does_not_come_to_its_end_in_time_is_given_up() {
    runtime().block_on(async {
        let options = ServerOptions { transfer: Duration::from_millis(100), ..ServerOptions::default() };
        let alone = Alone::start(options).await;
        let mut client = alone.client().await;
        client.stream.write_all(&[0, 0, 1, 0, 7, 7]).await.unwrap();
        assert!(client.is_closed().await);
        let options = ServerOptions { idle: Duration::from_millis(100), ..ServerOptions::default() };
        alone.stop().await;
        let alone = Alone::start(options).await;
        let mut client = alone.client().await;
        assert!(client.is_closed().await, "it has said nothing");
        alone.stop().await;
    });
}

#[test]
fn large_requests_for_which_there_is_no_memory_are_given_up_and_small_ones_answered() {
    runtime().block_on(async {
        let pool_patience = Duration::from_millis(10);
        let options = ServerOptions { request_bytes_max: 100_000, pool_patience, ..ServerOptions::default() };
        let alone = Alone::start(options).await;
        let mut holder = alone.client().await;
        holder.stream.write_all(&200_000_u32.to_be_bytes()).await.unwrap();
        // As much as there is, and more.
        let _ = holder.stream.write_all(&[0; 100_000]).await;
        assert!(holder.is_closed().await);
        is_served(&alone).await;
        alone.stop().await;
    });
}

#[test]
fn a_client_that_never_reads_is_given_up_and_nobody_waits_for_it() {
    runtime().block_on(async {
        let options = ServerOptions { transfer: Duration::from_millis(200), ..ServerOptions::default() };
        let alone = Alone::start(options).await;
        let mut producer = alone.client().await;
        for _ in 0..4 {
            assert_eq!(producer.produce("orders", -1, batch(&[&vec![7; 1_000_000]], 1)).await.error_code, 0);
        }
        let mut deaf = alone.client().await;
        let all = Fetch { bytes_max: 8 << 20, ..Fetch::default() };
        let request = framed(&encode(ApiKey::Fetch, 11, 1, &RequestKind::Fetch(all.request())));
        // Until its connection is closed: answers of four megabytes each fill whatever is on the way.
        let given_up = async { while deaf.stream.write_all(&request).await.is_ok() {} };
        let others = async {
            for _ in 0..10 {
                is_served(&alone).await;
            }
        };
        timeout(PATIENCE, async { tokio::join!(given_up, others) }).await.expect("it is given up");
        alone.stop().await;
    });
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

#[test]
fn no_more_connections_are_served_than_there_may_be() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions { connections_max: Some(3), ..ServerOptions::default() }).await;
        let versions = RequestKind::ApiVersions(ApiVersionsRequest::default());
        let mut clients: Vec<Client> = Vec::new();
        for _ in 0..3 {
            let mut client = alone.client().await;
            client.call(ApiKey::ApiVersions, 0, &versions).await;
            clients.push(client);
        }
        assert!(alone.client().await.is_closed().await, "a fourth");
        drop(clients.pop());
        // It takes a moment until the broker has heard of that.
        let served = async {
            loop {
                let mut client = alone.client().await;
                client.send(ApiKey::ApiVersions, 0, &versions).await;
                if client.frame().await.is_some() {
                    return;
                }
            }
        };
        timeout(PATIENCE, served).await.expect("there is room for one more");
        alone.stop().await;
    });
}

#[test]
fn connections_that_are_cut_at_any_byte_leave_nothing_behind() {
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions { connections_max: Some(64), ..ServerOptions::default() }).await;
        let request = RequestKind::Produce(produce("orders", 0, -1, Some(batch(&[b"a"], 1).into())));
        let request = framed(&encode(ApiKey::Produce, 8, 1, &request));
        for length in 0..request.len() {
            let mut client = alone.client().await;
            client.stream.write_all(&request[..length]).await.unwrap();
            client.stream.shutdown().await.unwrap();
            assert!(client.is_closed().await);
        }
        is_served(&alone).await;
        alone.stop().await;
    });
}

/// Where the child process of the test below connects to, and how often.
const CHILD_CONNECTS: &str = "STAGE06_WIRE_CHILD_CONNECTS";

#[test]
fn ten_thousand_idle_connections_are_borne() {
    if let Ok(orders) = std::env::var(CHILD_CONNECTS) {
        return hold_connections(&orders);
    }
    // The other ends are in a process of their own, which may have as many files again.
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    let connections = files.saturating_sub(2_000).min(10_000);
    eprintln!("{connections} connections, where a process may have {files} files");
    runtime().block_on(async {
        let alone = Alone::start(ServerOptions { connections_max: Some(20_000), ..ServerOptions::default() }).await;
        let orders = format!("{} {connections}", alone.address());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hostile::ten_thousand_idle_connections_are_borne", "--nocapture"])
            .env(CHILD_CONNECTS, orders)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let is_ready = tokio::task::block_in_place(|| lines.any(|line| line.unwrap().contains("all are served")));
        assert!(is_ready, "the child has connected");
        is_served(&alone).await;
        // It ends when nothing more can come from here.
        drop(child.stdin.take());
        assert!(tokio::task::block_in_place(|| child.wait()).unwrap().success());
        is_served(&alone).await;
        alone.stop().await;
    });
}

/// The child: connects, lets some of the connections be answered, and keeps them until it is told to end.
fn hold_connections(orders: &str) {
    let (address, connections) = orders.split_once(' ').unwrap();
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    runtime().block_on(async {
        let mut idle = Vec::new();
        for _ in 0..connections.parse().unwrap() {
            idle.push(Client::connect(address.parse().unwrap()).await);
        }
        let versions = RequestKind::ApiVersions(ApiVersionsRequest::default());
        for client in idle.iter_mut().step_by(100) {
            client.call(ApiKey::ApiVersions, 0, &versions).await;
        }
        println!("all are served");
        let mut nothing = String::new();
        tokio::task::block_in_place(|| std::io::stdin().read_line(&mut nothing)).unwrap();
    });
}
