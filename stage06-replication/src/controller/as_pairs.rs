//! JSON knows no keys but strings; a map of tablets is a list of pairs in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tablet::{TabletId, TabletState};

pub(super) fn serialize<S: Serializer>(map: &BTreeMap<TabletId, TabletState>, to: S) -> Result<S::Ok, S::Error> {
    map.iter().collect::<Vec<_>>().serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<TabletId, TabletState>, D::Error> {
    Vec::deserialize(from).map(|pairs: Vec<(TabletId, TabletState)>| pairs.into_iter().collect())
}
