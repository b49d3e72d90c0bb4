//! A folder made the same as another.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};

/// Makes a folder the same as another. Files of one size and time are taken for the same. A file has its name only when
/// it is whole.
pub(crate) fn mirror(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let entries = |folder: &Path| -> Result<BTreeMap<OsString, bool>> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        entries
            .map(|entry| entry.map_err(anyhow::Error::from))
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name(), entry.file_type()?.is_dir()))
            })
            .collect()
    };
    let (wanted, there) = (entries(from)?, entries(to)?);
    for (name, is_folder) in there.iter().filter(|(name, is_folder)| wanted.get(*name) != Some(is_folder)) {
        let path = to.join(name);
        let removed = if *is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    for (name, is_folder) in &wanted {
        let (from, to) = (from.join(name), to.join(name));
        if *is_folder {
            mirror(&from, &to)?;
        } else if stamp(&from).ok() != stamp(&to).ok() {
            copy_with_time(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(())
}

fn stamp(path: &Path) -> io::Result<(u64, SystemTime)> {
    let facts = fs::metadata(path)?;
    Ok((facts.len(), facts.modified()?))
}

pub(super) fn copy_with_time(from: &Path, to: &Path) -> io::Result<()> {
    let part = to.with_extension("part");
    fs::copy(from, &part)?;
    let file = fs::OpenOptions::new().write(true).open(&part)?;
    file.set_modified(fs::metadata(from)?.modified()?)?;
    drop(file);
    fs::rename(&part, to)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn write(path: &Path, text: &str, time: SystemTime) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn what_is_new_or_of_another_size_or_time_is_copied_with_its_time_and_what_is_gone_goes() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let wanted = [("a/new", "0", 1), ("a/older", "0", 2), ("a/longer", "00", 3), ("turned", "0", 5)];
        wanted.iter().for_each(|(path, text, time)| write(&from.join(path), text, at(*time)));
        write(&from.join("a/same"), "0", at(4));
        for (path, text, time) in [("a/older", "1", 9), ("a/longer", "1", 3), ("a/same", "x", 4), ("turned/f", "1", 5)]
        {
            write(&to.join(path), text, at(time));
        }
        write(&to.join("gone/too"), "1", at(6));
        mirror(&from, &to).unwrap();
        for (path, text, time) in wanted {
            assert_eq!(fs::read_to_string(to.join(path)).unwrap(), text, "{path}");
            assert_eq!(fs::metadata(to.join(path)).unwrap().modified().unwrap(), at(time), "{path}");
        }
        assert_eq!(fs::read_to_string(to.join("a/same")).unwrap(), "x", "it was copied for nothing");
        assert!(!to.join("gone").exists());
    }
}
