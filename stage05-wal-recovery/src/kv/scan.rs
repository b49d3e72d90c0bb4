//! Reading keys in order.

use std::ops::Bound;
use std::sync::Arc;

use super::table::Map;

/// The pairs of a range of keys, in ascending order, as they were when the scan began: no later write shows.
///
/// It holds the map of that moment, so the first write behind it copies the map; drop it when it is done.
#[derive(Clone, Debug)]
pub struct KvScan {
    map: Arc<Map>,
    /// Keys from here on are still to come.
    from: Bound<Arc<[u8]>>,
    to: Bound<Arc<[u8]>>,
}

impl KvScan {
    pub(crate) fn new(map: Arc<Map>, from: Bound<&[u8]>, to: Bound<&[u8]>) -> KvScan {
        KvScan { map, from: from.map(Arc::from), to: to.map(Arc::from) }
    }

    /// Whether a key can be in the range. `BTreeMap::range` panics if it ends in front of its start.
    fn is_empty(&self) -> bool {
        match (&self.from, &self.to) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        }
    }
}

impl Iterator for KvScan {
    type Item = (Arc<[u8]>, Arc<[u8]>);

    /// The next pair. Each is looked up behind the one before, at the cost of one search: an iterator that borrows the
    /// map cannot own it too.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_empty() {
            return None;
        }
        let (key, value) = self.map.range::<Arc<[u8]>, _>((self.from.as_ref(), self.to.as_ref())).next()?;
        self.from = Bound::Excluded(Arc::clone(key));
        Some((Arc::clone(key), Arc::clone(value)))
    }
}
