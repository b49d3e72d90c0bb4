//! Numbers for producers that want their batches told apart (KIP-98).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::broker::Broker;
use crate::controller::{Command, Reply};

/// A number that no other producer has. A producer that asks again gets another one, and begins to count anew. There are no
/// transactions: who wants some is told that it may not have them, which is the one error that no client tries again.
pub(super) async fn init(broker: &Broker, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let failed = |error: ResponseError| {
        InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1)
    };
    if request.transactional_id.is_some() {
        return failed(ResponseError::TransactionalIdAuthorizationFailed);
    }
    match broker.order(Command::NewProducer).await {
        Ok(Reply::Producer(producer)) => {
            InitProducerIdResponse::default().with_producer_id((producer as i64).into()).with_producer_epoch(0)
        }
        Ok(_) => failed(ResponseError::UnknownServerError),
        // It asks again. Of any other error of coordinators, kafka-python looks for one, for a transaction without a name.
        Err(_) => failed(ResponseError::CoordinatorLoadInProgress),
    }
}
