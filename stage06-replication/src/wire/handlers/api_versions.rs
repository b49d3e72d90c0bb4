//! What a client asks first: which requests are taken, in which versions (KIP-35).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::api_versions_response::ApiVersion;

use crate::wire::versions::APIS;

/// All of them.
pub(super) fn all() -> ApiVersionsResponse {
    let version_of = |api: &crate::wire::versions::Api| {
        ApiVersion::default()
            .with_api_key(api.key as i16)
            .with_min_version(api.advertised_from)
            .with_max_version(api.to)
    };
    ApiVersionsResponse::default().with_api_keys(APIS.iter().map(version_of).collect())
}

/// The same for a client that has asked in a version that nobody here knows. It is answered in version 0, which every
/// client can read, and asks again (KIP-511).
pub(super) fn too_new() -> ApiVersionsResponse {
    all().with_error_code(ResponseError::UnsupportedVersion.code())
}
