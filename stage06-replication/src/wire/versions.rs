//! Which requests are taken, in which versions.
//!
//! Every version of every request here is tested: what comes is decoded, and what is answered is encoded, as that version
//! has it.
//!
//! Two windows are told wider than they are. librdkafka looks at the lowest versions in order to find out what a broker can
//! do: where there is no Produce 0, it sends gzip and snappy uncompressed, without a word, and it knows lz4 only where
//! FindCoordinator 0 is. So Produce 0 to 2 are in the list, and nobody uses them; Kafka itself does the same since version 4
//! (KAFKA-18659).

use kafka_protocol::messages::ApiKey;

use super::layouts;
use super::shape::Field;

/// A kind of request.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    /// Its number.
    pub key: ApiKey,
    /// The first version that clients are told of.
    pub advertised_from: i16,
    /// The first version that is taken.
    pub from: i16,
    /// The last one.
    pub to: i16,
    /// The first version with compact lengths and tagged fields (KIP-482).
    flexible_from: i16,
    /// Its fields.
    pub(super) fields: &'static [Field],
}

impl Api {
    /// Whether a version has compact lengths and tagged fields.
    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }

    /// Whether a version is taken.
    pub fn takes(&self, version: i16) -> bool {
        (self.from..=self.to).contains(&version)
    }

    /// The request of this number, if it is one that is taken.
    pub fn of(key: i16) -> Option<&'static Api> {
        APIS.iter().find(|api| api.key as i16 == key)
    }
}

const fn api(key: ApiKey, from: i16, to: i16, flexible_from: i16, fields: &'static [Field]) -> Api {
    Api { key, advertised_from: from, from, to, flexible_from, fields }
}

/// All of them.
pub const APIS: &[Api] = &[
    // The window ends in front of the flexible versions, and of topics that are told by numbers.
    Api { advertised_from: 0, ..api(ApiKey::Produce, 3, 8, 9, layouts::PRODUCE) },
    // 12 carries what followers have to say.
    api(ApiKey::Fetch, 4, 12, 12, layouts::FETCH),
    api(ApiKey::ListOffsets, 1, 5, 6, layouts::LIST_OFFSETS),
    // Not 9: there librdkafka asks for all topics by three bytes too many.
    api(ApiKey::Metadata, 4, 8, 9, layouts::METADATA),
    api(ApiKey::OffsetCommit, 2, 7, 8, layouts::OFFSET_COMMIT),
    api(ApiKey::OffsetFetch, 1, 7, 6, layouts::OFFSET_FETCH),
    api(ApiKey::FindCoordinator, 0, 2, 3, layouts::FIND_COORDINATOR),
    api(ApiKey::JoinGroup, 0, 5, 6, layouts::JOIN_GROUP),
    api(ApiKey::Heartbeat, 0, 3, 4, layouts::HEARTBEAT),
    api(ApiKey::LeaveGroup, 0, 3, 4, layouts::LEAVE_GROUP),
    api(ApiKey::SyncGroup, 0, 3, 4, layouts::SYNC_GROUP),
    api(ApiKey::DescribeGroups, 0, 4, 5, layouts::DESCRIBE_GROUPS),
    api(ApiKey::ListGroups, 0, 2, 3, layouts::LIST_GROUPS),
    api(ApiKey::ApiVersions, 0, 3, 3, layouts::API_VERSIONS),
    api(ApiKey::CreateTopics, 2, 4, 5, layouts::CREATE_TOPICS),
    api(ApiKey::DeleteTopics, 1, 3, 4, layouts::DELETE_TOPICS),
    api(ApiKey::InitProducerId, 0, 1, 2, layouts::INIT_PRODUCER_ID),
    api(ApiKey::OffsetForLeaderEpoch, 2, 3, 4, layouts::OFFSET_FOR_LEADER_EPOCH),
];
