//! The contract of a log that knows how far it was synced: what it may cut, and what it must not touch.

use std::sync::Arc;

use stage01::{Error, Log, Offset, Reader, Scan, Stage};

use super::{append_synced, assert_holds, assert_prefix, killed_log, open};
use crate::disks::{Disks, Image};
use crate::random::Random;

/// Whatever follows the last record of the log, nobody was told that it is there. The log goes on in its place, and
/// every byte of it is kept in a file beside the log: it may be somebody's.
pub fn what_follows_the_last_record_is_saved_and_cut<S: Stage>(disks: &dyn Disks) {
    let whole = killed_log::<S>(disks, 3, 0);
    let name = whole.log_name();
    let mut random = Random::new(1);
    let endings = [b"x".to_vec(), b"\n".to_vec(), b"{\"offset\":3".to_vec(), vec![0xff; 8]];
    for ending in endings.into_iter().chain((1..40).map(|i| random.bytes(i * 37))) {
        let disk = disks.empty();
        whole.with(&name, [whole.bytes(&name), &ending].concat()).restore(&disk);
        let mut log = open::<S>(&disk);
        assert_prefix(&log.reader(), 3, || format!("{:?} followed", ending.escape_ascii().to_string()));
        append_synced(&mut log, 2);
        drop(log);
        assert_holds(&open::<S>(&disk).reader(), 5);
        // Zeros at the end are as good as nothing.
        let kept = &ending[..ending.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)];
        let image = Image::of(&disk);
        let is_saved = image.names().filter(|file| *file != name).any(|file| image.bytes(file).ends_with(kept));
        assert!(is_saved, "{:?} is in no file of {image:?}", kept.escape_ascii().to_string());
    }
}

/// Records that were synced are not cut, whatever is in their place: that is an error, and not a byte moves.
pub fn what_takes_the_place_of_synced_records_is_refused_and_left_alone<S: Stage>(disks: &dyn Disks) {
    let disk = disks.empty();
    let mut log = open::<S>(&disk);
    (0..4).for_each(|_| append_synced(&mut log, 1));
    drop(log);
    let whole = Image::of(&disk);
    let name = whole.log_name();
    let length = whole.bytes(&name).len();
    for cut in (length - 200..length).step_by(3) {
        for ending in [&b""[..], b"x", &[0xff; 300]] {
            let ending = &ending[..ending.len().min(length - cut)];
            let disk = disks.empty();
            let image = whole.with(&name, [&whole.bytes(&name)[..cut], ending].concat());
            image.restore(&disk);
            // Opening need not read all of the log; then the reading says it.
            let refused = S::open(Arc::clone(&disk)).and_then(|log| {
                let mut scan = log.reader().scan(Offset(0))?;
                while scan.next()?.is_some() {}
                Ok(())
            });
            let is_typed = matches!(refused, Err(Error::BadFrame { .. } | Error::OutOfOrder { .. }));
            assert!(is_typed, "cut at byte {cut}, {} bytes behind: {refused:?}", ending.len());
            let after = Image::of(&disk);
            assert_eq!(after.bytes(&name), image.bytes(&name), "a damaged log is left as it was");
        }
    }
}
