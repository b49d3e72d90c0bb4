//! Every answer, in every version that is taken: what the broker says can be read.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::Decodable;
use stage06::wire::ServerOptions;
use stage06::wire::versions::APIS;

use crate::batches::batch;
use crate::broker::{Alone, runtime};
use crate::requests::{encode, example};

fn options() -> ServerOptions {
    let mut options = ServerOptions::default();
    options.groups.initial_delay_ms = 0;
    options
}

#[test]
fn every_request_in_every_version_has_an_answer_that_can_be_read() {
    runtime().block_on(async {
        let alone = Alone::start(options()).await;
        let mut client = alone.client().await;
        client.produce("orders", -1, batch(&[b"a", b"b"], 1_000)).await;
        for api in APIS {
            for version in api.from..=api.to {
                // A topic that is there, one that is not, and one that cannot be.
                for topic in ["orders", "nowhere", "no/where"] {
                    // A group that has no coordinator yet, or has.
                    let request = example(api.key, version, topic, &format!("readers-{version}-{topic}"));
                    let is_there = topic == "orders";
                    if api.key == ApiKey::DeleteTopics && is_there {
                        continue;
                    }
                    let response = client.call(api.key, version, &request).await;
                    let text = format!("{response:?}");
                    assert!(!text.contains("error_code: -1"), "{:?} {version} {topic}: {text}", api.key);
                }
            }
        }
        alone.stop().await;
    });
}

#[test]
fn what_is_advertised_is_what_stock_clients_look_for() {
    runtime().block_on(async {
        let alone = Alone::start(options()).await;
        let mut client = alone.client().await;
        for version in 0..=3 {
            let request = example(ApiKey::ApiVersions, version, "", "");
            let response = client.call(ApiKey::ApiVersions, version, &request).await;
            let ResponseKind::ApiVersions(response) = response else { unreachable!() };
            let from = |key: ApiKey| {
                let found = response.api_keys.iter().find(|api| api.api_key == key as i16);
                found.map(|api| (api.min_version, api.max_version))
            };
            // Without these two, librdkafka sends uncompressed, and says nothing.
            assert_eq!(from(ApiKey::Produce), Some((0, 8)));
            assert_eq!(from(ApiKey::FindCoordinator), Some((0, 2)));
            assert_eq!(from(ApiKey::Fetch), Some((4, 12)));
            assert_eq!(response.api_keys.len(), APIS.len());
        }
        // Advertised, and refused: nobody can be told in a version that nobody reads.
        let mut old = encode(ApiKey::Produce, 3, 1, &example(ApiKey::Produce, 3, "orders", "")).to_vec();
        old[3] = 2;
        client.send_frame(&old).await;
        assert!(client.is_closed().await);
        alone.stop().await;
    });
}

#[test]
fn a_newer_api_versions_is_answered_in_version_0_with_error_35_and_the_list() {
    runtime().block_on(async {
        let alone = Alone::start(options()).await;
        let mut client = alone.client().await;
        for version in [4_u8, 99] {
            // Whatever a future version has in it.
            client.send_frame(&[&[0, 18, 0, version, 0, 0, 0, 42][..], &[0xAB; 30]].concat()).await;
            let mut frame = client.frame().await.expect("an answer");
            let header = ResponseHeader::decode(&mut frame, 0).unwrap();
            let response = ApiVersionsResponse::decode(&mut frame, 0).unwrap();
            assert_eq!((header.correlation_id, frame.len()), (42, 0));
            assert_eq!(response.error_code, ResponseError::UnsupportedVersion.code());
            assert_eq!(response.error_code, 35);
            assert!(response.api_keys.iter().any(|api| api.api_key == 18 && api.max_version == 3));
        }
        // And it asks again.
        let again = RequestKind::ApiVersions(Default::default());
        client.call(ApiKey::ApiVersions, 0, &again).await;
        alone.stop().await;
    });
}
