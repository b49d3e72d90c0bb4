//! Directories that are gone, emptied, or put back from an older day.

use std::fs;
use std::sync::Arc;

use lab::disks::Image;
use stage06::local::quorum_state::QUORUM_STATE;
use stage06::local::{DIRECTORIES, LocalReader, LocalTablet, QuorumState};
use stage06::tablet::TabletId;
use stage06::{Access, Disk, Error, Framed, Log, OsDisk, Reader, SegmentOptions};

use super::{Tiny, append, assert_holds, closed_tablet, disk_with, options, tablet};

/// A real directory, removed with all that is in it: the next open has every record, and three copies again.
#[test]
fn a_directory_that_is_gone_is_filled_from_the_others() {
    let root = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(root.path()).unwrap());
    let open = || LocalTablet::open(&disk, Framed::default(), SegmentOptions::default()).unwrap();
    append(&mut open(), 20);
    for (lost, count) in DIRECTORIES.into_iter().zip(20..) {
        fs::remove_dir_all(root.path().join(lost)).unwrap();
        let mut tablet = open();
        assert_holds(&tablet.reader(), count, lost);
        assert!(tablet.copies().all(|(_, left_out)| left_out.is_none()), "all three are at work");
        append(&mut tablet, 1);
    }
}

/// Whichever is lost, however many records there are, in one segment or in many; then each of the others, one by one.
#[test]
fn each_copy_can_be_lost_in_turn_until_no_first_one_is_left() {
    for count in [1, 2, 7, 30] {
        for first in 0..3 {
            let mut image = closed_tablet(count);
            for lost in (0..3).map(|at| DIRECTORIES[(first + at) % 3]) {
                let disk = disk_with(&image.without_directory(lost));
                assert_holds(&tablet(&disk).unwrap().reader(), count, lost);
                image = Image::of(&disk);
            }
        }
    }
}

/// The same when retention has been at work: the copy begins where the others do.
#[test]
fn a_lost_copy_of_a_tablet_that_starts_late_starts_late() {
    let disk = disk_with(&closed_tablet(30));
    let mut log = tablet(&disk).unwrap();
    log.delete_before(stage06::Offset(20)).unwrap();
    let start = log.reader().start();
    assert!(start.0 > 10, "whole segments are gone");
    drop(log);
    for lost in DIRECTORIES {
        let disk = disk_with(&Image::of(&disk).without_directory(lost));
        let mut log = tablet(&disk).unwrap();
        assert_eq!(log.reader().start(), start, "without {lost}");
        assert_holds(&log.reader(), 30, lost);
        append(&mut log, 1);
    }
}

/// With one copy, nobody can tell what is missing: an error that says so, and not a byte moves.
#[test]
fn one_copy_of_three_is_refused_and_left_alone() {
    let image = closed_tablet(7);
    for kept in DIRECTORIES {
        let lost = DIRECTORIES.into_iter().filter(|name| *name != kept);
        let image = lost.fold(image.clone(), |image, name| image.without_directory(name));
        let disk = disk_with(&image);
        let refused = tablet(&disk).unwrap_err();
        assert!(matches!(&refused, Error::Damaged { path, .. } if path == disk.path()), "{refused}");
        assert!(refused.to_string().contains("of 3 copies, 1 can be opened"), "{refused}");
        assert_eq!(Image::of(&disk), image);
        let unread = LocalReader::open(&disk, &Framed::default(), &options()).unwrap_err();
        assert_eq!(unread.to_string(), refused.to_string(), "nor is it served to a reader");
    }
}

/// A directory that somebody has put back from a backup lacks what came later. It is brought up to the others, and does
/// not lead.
#[test]
fn a_copy_put_back_from_an_older_day_takes_nothing_back() {
    for old in DIRECTORIES {
        let disk = disk_with(&closed_tablet(5));
        let yesterday = Image::of(&disk);
        append(&mut tablet(&disk).unwrap(), 10);
        let mut image = Image::of(&disk).without_directory(old);
        for name in yesterday.names().filter(|name| name.starts_with(old)) {
            image = image.with(name, yesterday.bytes(name));
        }
        let disk = disk_with(&image);
        let mut log = tablet(&disk).unwrap();
        assert_holds(&log.reader(), 15, old);
        append(&mut log, 1);
    }
}

/// **Q2**: what the controller said in one directory alone, and however much it was, does not count against what it said
/// later without that directory.
#[test]
fn a_word_that_reached_one_directory_does_not_come_back() {
    // Two logs that differ within an epoch have no place to be cut at: their replicas would talk about it for ever.
    lab::watchdog::within_limit(look_for_the_word);
}

fn look_for_the_word() {
    let image = closed_tablet(3);
    // The first directory has a longer story of the first term than anybody else has heard.
    let state_of = |image: &Image, name: &str| {
        let disk = disk_with(image).directory(name, Access::Read).unwrap();
        QuorumState::read(&disk).unwrap().unwrap()
    };
    let mut alone = state_of(&image, DIRECTORIES[0]);
    for _ in 0..100 {
        alone.controller.apply(&stage06::controller::Command::NewProducer);
    }
    let name = format!("{}/{QUORUM_STATE}", DIRECTORIES[0]);
    let with_word = image.with(&name, alone.encode().unwrap());
    // The others go on without it, and then it is there again, and another one is lost.
    let disk = disk_with(&image.without_directory(DIRECTORIES[0]));
    append(&mut tablet(&disk).unwrap(), 2);
    let later = Image::of(&disk);
    let mut mixed = later.without_directory(DIRECTORIES[0]).without_directory(DIRECTORIES[2]);
    for name in with_word.names().filter(|name| name.starts_with(DIRECTORIES[0])) {
        mixed = mixed.with(name, with_word.bytes(name));
    }
    let id = TabletId { topic: "local".to_string(), partition: 0 };
    let epoch = |image: &Image| state_of(image, DIRECTORIES[1]).controller.tablet(&id).unwrap().leader_epoch;
    let disk = disk_with(&mixed);
    match tablet(&disk) {
        Ok(log) => {
            assert_holds(&log.reader(), 5, "with the word that nobody heard");
            drop(log);
            assert!(epoch(&Image::of(&disk)) > epoch(&later), "epochs only grow");
        }
        Err(refused) => assert!(refused.to_string().contains("cannot choose a leader"), "{refused}"),
    }
}

/// Reading alone changes nothing, and does with two copies.
#[test]
fn reading_alone_changes_nothing_and_does_with_two_copies() {
    let image = closed_tablet(9);
    for lost in [None, Some(DIRECTORIES[0]), Some(DIRECTORIES[2])] {
        let image = lost.map_or_else(|| image.clone(), |name| image.without_directory(name));
        let disk = disk_with(&image);
        let metered = lab::meter::MeteredDisk::new(Arc::clone(&disk));
        let reader = <Tiny as stage06::Stage>::open_reader(metered.clone()).unwrap();
        assert_holds(&reader, 9, "read alone");
        assert_eq!(metered.changes(), 0, "operations that change the disk");
    }
}
