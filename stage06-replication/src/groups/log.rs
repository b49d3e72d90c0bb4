//! The log of the committed offsets, as a coordinator sees it.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use stage05::Offset;
use tokio::sync::watch;

use crate::batch::Batch;
use crate::broker::{NewBatch, Tablet, View};
use crate::replica::{Acks, Outcome};

/// The log of the committed offsets: a tablet of `__consumer_offsets`, or a test's.
pub trait OffsetsLog: Clone + Send + Sync + 'static {
    /// How it is, and how it becomes.
    fn view(&self) -> watch::Receiver<View>;

    /// Batches from the one that holds `from` on, at least one if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`TabletReader::read`](crate::tablet_log::TabletReader::read).
    fn read(&self, from: Offset, bytes_max: usize) -> stage05::Result<Vec<Batch>>;

    /// Puts a batch behind those that were put there before, for all in-sync replicas to have. What is returned first is
    /// its place, and then what becomes of it.
    fn append(&self, batch: NewBatch) -> impl Future<Output = BoxFuture<'static, Outcome>> + Send;

    /// Gives up records in front of `limit`. Returns where the log starts then.
    fn delete_before(&self, limit: Offset) -> impl Future<Output = Offset> + Send;
}

impl OffsetsLog for Tablet {
    fn view(&self) -> watch::Receiver<View> {
        Tablet::view(self)
    }

    fn read(&self, from: Offset, bytes_max: usize) -> stage05::Result<Vec<Batch>> {
        self.reader().read(from, bytes_max)
    }

    async fn append(&self, batch: NewBatch) -> BoxFuture<'static, Outcome> {
        self.produce(batch, Acks::All).await.boxed()
    }

    async fn delete_before(&self, limit: Offset) -> Offset {
        Tablet::delete_before(self, limit).await
    }
}
