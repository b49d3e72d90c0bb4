//! What there is to say about this machine, so that its numbers can be judged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::date;
use crate::results::Machine;

const UNKNOWN: &str = "unknown";

/// The facts about this machine, today, when `directory` is what is measured.
pub fn machine(directory: &Path, awake: bool) -> Machine {
    Machine {
        processor: processor(),
        cores: thread::available_parallelism().map_or(1, |cores| cores.get()),
        kernel: said_by("uname", &["-sr"]),
        file_system: file_system(directory),
        date: date::today(),
        rustc: said_by("rustc", &["--version"]),
        awake,
    }
}

/// The type of the file system that `directory` lies on, such as `ext4`.
pub fn file_system(directory: &Path) -> String {
    let path = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let mounts = match fs::read_to_string("/proc/self/mountinfo") {
        Ok(linux) => linux.lines().filter_map(mount_of_linux).collect(),
        Err(_) => said_by("mount", &[]).lines().filter_map(mount_of_bsd).collect(),
    };
    file_system_in(mounts, &path).unwrap_or_else(|| UNKNOWN.to_string())
}

/// Whether a sync costs nothing on this file system, because it has no disk.
pub fn is_in_memory(file_system: &str) -> bool {
    matches!(file_system, "tmpfs" | "ramfs")
}

/// The innermost mount that holds `path`; where two were mounted at the same point, the later.
fn file_system_in(mounts: Vec<(PathBuf, String)>, path: &Path) -> Option<String> {
    let holding = mounts.into_iter().filter(|(point, _)| path.starts_with(point));
    holding.max_by_key(|(point, _)| point.components().count()).map(|(_, kind)| kind)
}

/// `36 35 98:0 /root /point opts shared:1 - ext4 /dev/vda rw`: any number of fields in front of the dash.
fn mount_of_linux(line: &str) -> Option<(PathBuf, String)> {
    let (mount, source) = line.split_once(" - ")?;
    let point = mount.split(' ').nth(4)?;
    let point = point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
    Some((point.into(), source.split(' ').next()?.to_string()))
}

/// `/dev/disk3s5 on /point (apfs, local, journaled)`.
fn mount_of_bsd(line: &str) -> Option<(PathBuf, String)> {
    let (mount, facts) = line.rsplit_once(" (")?;
    let (_, point) = mount.split_once(" on ")?;
    Some((point.into(), facts.split([',', ')']).next()?.to_string()))
}

fn processor() -> String {
    let linux = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    let name = linux.unwrap_or_else(|| said_by("sysctl", &["-n", "machdep.cpu.brand_string"]));
    // ARM's kernels give numbers and no name.
    if name == UNKNOWN { std::env::consts::ARCH.to_string() } else { name }
}

/// What a command prints, or "unknown" if it is not there or fails.
fn said_by(command: &str, arguments: &[&str]) -> String {
    match Command::new(command).args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_string(),
        _ => UNKNOWN.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_lies_on_its_innermost_mount() {
        let lines = [
            "22 1 254:0 / / rw - ext4 /dev/vda rw",
            "30 22 0:25 / /tmp rw shared:2 master:1 - tmpfs tmpfs rw",
            "31 22 8:1 / /my\\040disk rw - xfs /dev/sda1 rw",
            "32 22 0:9 / /my\\040disk rw - btrfs /dev/sdb1 rw",
        ];
        let mounts = || lines.iter().filter_map(|line| mount_of_linux(line)).collect::<Vec<_>>();
        let cases = [("/home", "ext4"), ("/tmp/a", "tmpfs"), ("/tmpfiles", "ext4"), ("/my disk/log", "btrfs")];
        for (path, kind) in cases {
            assert_eq!(file_system_in(mounts(), Path::new(path)).as_deref(), Some(kind), "{path}");
        }
    }

    #[test]
    fn mounts_are_read_as_macos_prints_them() {
        let mount = mount_of_bsd("/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled)").unwrap();
        assert_eq!(mount, ("/System/Volumes/Data".into(), "apfs".to_string()));
        assert_eq!(mount_of_bsd("nonsense"), None);
    }
}
