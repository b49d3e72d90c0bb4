//! Folders in which one command works at a time.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Result, anyhow};
use stage01::{Disk, DiskLock, OsDisk};

/// Makes a folder if it is not there, and keeps other commands out of it as long as the claim is held.
pub(crate) fn claim(folder: &Path) -> Result<DiskLock> {
    OsDisk::create(folder)?.lock().map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => anyhow!("another `cargo course` is at work in {}", folder.display()),
        _ => anyhow::Error::new(error).context(format!("cannot lock {}", folder.display())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_claimed_by_one_and_then_by_another() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        let held = claim(&folder).unwrap();
        let said = claim(&folder).unwrap_err().to_string();
        assert!(said.contains("is at work in"), "{said}");
        drop(held);
        claim(&folder).unwrap();
    }
}
