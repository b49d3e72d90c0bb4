//! What is written into `__consumer_offsets`: a record's key and value, in JSON.
//!
//! ```text
//! key                                              value
//! {"group":"g","topic":"t","partition":0}          {"v":1,"committed":{"offset":150,...}}    an offset is committed
//! {"group":"g","topic":"t","partition":0}          none                                      it is given up
//! "checkpoint"                                     {"v":1,"begins":null}                     a checkpoint begins
//! {"group":"g","topic":"t","partition":0}          {"v":1,"kept":{"offset":150,...}}         a part of it
//! "checkpoint"                                     {"v":1,"complete":2}                      it had 2 parts
//! ```
//!
//! Kafka's own records are shorter, and say the same. These can be read by eye: `kcat -C -t __consumer_offsets -K ' '`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stage05::Offset;

/// What an offset is committed for: a partition of a topic, as a group reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
}

/// How far a group has come in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The next record that it wants.
    pub offset: u64,
    /// The epoch of the last record that it had, if it said so; else below 0 (KIP-320).
    pub leader_epoch: i32,
    /// A note of the client's.
    pub note: String,
    /// When it was committed, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A record of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffsetRecord {
    /// An offset is committed.
    Committed(Slot, Committed),
    /// A committed offset is given up.
    Expired(Slot),
    /// A checkpoint begins: all that is known by now is going to be written once more.
    CheckpointBegins,
    /// An offset that was committed before the checkpoint began.
    Kept(Slot, Committed),
    /// The checkpoint is over, and had so many offsets.
    CheckpointComplete(u64),
}

/// A record of `__consumer_offsets` that cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("the batch at offset {} of the committed offsets: {what}", .offset.0)]
pub struct BadRecord {
    /// Where the batch with it begins.
    pub offset: Offset,
    /// What was expected and what is there.
    pub what: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Key {
    Slot(Slot),
    Checkpoint(String),
}

#[derive(Serialize, Deserialize)]
struct Value {
    /// The version of the format.
    v: u32,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Committed(Committed),
    Kept(Committed),
    Begins(()),
    Complete(u64),
}

const VERSION: u32 = 1;
const CHECKPOINT: &str = "checkpoint";

impl OffsetRecord {
    /// The record as a key and a value.
    pub fn to_bytes(&self) -> (Bytes, Option<Bytes>) {
        let of_slot = |slot: &Slot| Key::Slot(slot.clone());
        let of_checkpoint = || Key::Checkpoint(CHECKPOINT.to_string());
        let (key, what) = match self {
            OffsetRecord::Committed(slot, committed) => (of_slot(slot), Some(What::Committed(committed.clone()))),
            OffsetRecord::Kept(slot, committed) => (of_slot(slot), Some(What::Kept(committed.clone()))),
            OffsetRecord::Expired(slot) => (of_slot(slot), None),
            OffsetRecord::CheckpointBegins => (of_checkpoint(), Some(What::Begins(()))),
            OffsetRecord::CheckpointComplete(parts) => (of_checkpoint(), Some(What::Complete(*parts))),
        };
        (json(&key), what.map(|what| json(&Value { v: VERSION, what })))
    }

    /// The record that a key and a value are, or what is wrong with them.
    pub fn from_bytes(key: &[u8], value: Option<&[u8]>) -> Result<OffsetRecord, String> {
        let key: Key = serde_json::from_slice(key).map_err(|e| format!("the key: {e}"))?;
        let value: Option<Value> =
            value.map(serde_json::from_slice).transpose().map_err(|e| format!("the value: {e}"))?;
        if let Some(Value { v, .. }) = value
            && v != VERSION
        {
            return Err(format!("version {v}, and this program reads version {VERSION}"));
        }
        match (key, value.map(|value| value.what)) {
            (Key::Slot(slot), Some(What::Committed(committed))) => Ok(OffsetRecord::Committed(slot, committed)),
            (Key::Slot(slot), Some(What::Kept(committed))) => Ok(OffsetRecord::Kept(slot, committed)),
            (Key::Slot(slot), None) => Ok(OffsetRecord::Expired(slot)),
            (Key::Checkpoint(name), Some(What::Begins(()))) if name == CHECKPOINT => Ok(OffsetRecord::CheckpointBegins),
            (Key::Checkpoint(name), Some(What::Complete(parts))) if name == CHECKPOINT => {
                Ok(OffsetRecord::CheckpointComplete(parts))
            }
            _ => Err("a key and a value that do not belong together".to_string()),
        }
    }
}

fn json(value: &impl Serialize) -> Bytes {
    // Strings and numbers only, and string keys: this cannot fail, and an empty record would be found by its reader.
    serde_json::to_vec(value).unwrap_or_default().into()
}
