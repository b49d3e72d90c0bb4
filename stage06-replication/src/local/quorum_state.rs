//! What a majority of the directories has to agree on before anything is appended: the controller's state.
//!
//! ```text
//! quorum-state 1
//! {"term":3,"written_in":3,"controller":{"brokers":…,"tablets":…}}
//! crc 1a2b3c4d             of all that is in front of this line
//! ```
//!
//! Between brokers, controllers agree by Raft. Here one process writes, and all that Raft would add to it are two rules:
//!
//! - **Q1** What the controller says counts once it is durable in two of the three directories. Whoever opens two of them
//!   finds it in one, since any two pairs out of three have one in common.
//! - **Q2** Whoever wants to write first makes a *term* durable in two directories that is greater than any it has found
//!   there, and writes under this term. Of two states, the one with the greater term counts, and not the one with more
//!   changes: what reached one directory alone, and was followed by others without it, must not come back.

use std::io::ErrorKind;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stage05::site::Site;
use stage05::{Access, Disk, Error, Result};

use crate::controller::Controller;

/// The name of the file in each directory.
pub const QUORUM_STATE: &str = "quorum-state";

/// The file is shorter than this; a longer one is not read.
const BYTES_MAX: u64 = 64 * 1024;

const FIRST_LINE: &str = "quorum-state 1\n";

/// The controller's state, as one directory has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumState {
    /// The greatest term that anybody was promised here: nobody with a smaller one may write any more.
    pub term: u64,
    /// The term in which the controller's state was written.
    pub written_in: u64,
    /// The controller's state.
    pub controller: Controller,
}

impl QuorumState {
    /// Which of two states counts: the one of the greater term, and of one term, the later one.
    pub fn age(&self) -> (u64, u64) {
        (self.written_in, self.controller.version())
    }

    /// The state in `disk`; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if any bit of it is not as it was written.
    pub fn read(disk: &Arc<dyn Disk>) -> Result<Option<QuorumState>> {
        let path = disk.path().join(QUORUM_STATE);
        let file = match disk.open(QUORUM_STATE, Access::Read) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|e| Error::io("open", &path, e))?,
        };
        let length = file.length().map_err(|e| Error::io("ask for the length", &path, e))?;
        // Nothing has vouched for the length yet.
        let mut bytes = vec![0; length.min(BYTES_MAX) as usize];
        let read = file.read_at(&mut bytes, 0).map_err(|e| Error::io("read", &path, e))?;
        match QuorumState::decode(&bytes[..read]) {
            Some(state) => Ok(Some(state)),
            None => Err(Error::Damaged {
                path,
                position: 0,
                what: "this is no state of a controller, or its checksum does not fit".to_string(),
            }),
        }
    }

    /// Puts the file in the place of the one before. After a crash, the one or the other is there, whole.
    pub fn write(&self, site: &Site) -> Result<()> {
        let path = site.disk.path().join(QUORUM_STATE);
        let text = self.encode().map_err(|e| Error::io("write down", &path, e.into()))?;
        let file = site.create_temporary(QUORUM_STATE)?;
        file.write_at(text.as_bytes(), 0).map_err(|e| Error::io("write", file.path(), e))?;
        file.sync_data().map_err(|e| Error::io("sync", file.path(), e))?;
        site.publish(QUORUM_STATE).map(drop)
    }

    /// The text of the file.
    pub fn encode(&self) -> serde_json::Result<String> {
        let text = format!("{FIRST_LINE}{}\n", serde_json::to_string(self)?);
        let crc = crc32fast::hash(text.as_bytes());
        Ok(format!("{text}crc {crc:08x}\n"))
    }

    fn decode(bytes: &[u8]) -> Option<QuorumState> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (front, _) = text.split_at(text.rfind("crc ")?);
        let crc = crc32fast::hash(front.as_bytes());
        if text[front.len()..] != format!("crc {crc:08x}\n") {
            return None;
        }
        serde_json::from_str(front.strip_prefix(FIRST_LINE)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::Command;
    use crate::ids::BrokerId;

    fn state() -> QuorumState {
        let mut controller = Controller::default();
        let (broker, address) = (BrokerId(1), "replica-1".to_string());
        controller.apply(&Command::Register { broker, incarnation: 1, intact_since: 0, address });
        QuorumState { term: 3, written_in: 2, controller }
    }

    #[test]
    fn a_state_comes_back() {
        let text = state().encode().unwrap();
        assert_eq!(QuorumState::decode(text.as_bytes()), Some(state()));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let text = state().encode().unwrap().into_bytes();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(QuorumState::decode(&flipped), None, "bit {bit}");
        }
        for bytes in 0..text.len() {
            assert_eq!(QuorumState::decode(&text[..bytes]), None, "{bytes} bytes");
        }
    }
}
