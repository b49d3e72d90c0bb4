//! `cargo course inspect`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use book::tool::inspect::{annotated, verified};
use stage01::{Log, OsDisk, Record, Stage};
use stage02::Stage02;
use stage03::Stage03;
use stage05::Stage05;
use stage05::verify::Outcome;
use stage06::Stage06;

fn write_log<S: Stage>(directory: &Path) {
    let mut log = S::open(Arc::new(OsDisk::create(directory).unwrap())).unwrap();
    log.append_durable(&Record::new(1_736_937_000_000, b"hello".as_slice()).with_key(b"greeting".as_slice())).unwrap();
}

#[test]
fn the_bytes_of_a_log_are_explained_and_left_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    write_log::<stage01::Stage01>(&directory.path().join("1"));
    write_log::<Stage02>(&directory.path().join("2"));
    write_log::<Stage03>(&directory.path().join("3"));
    for stage in ["1", "2", "3"] {
        let log = directory.path().join(stage).join("log.jsonl");
        let before = fs::read(&log).unwrap();
        let text = annotated(&directory.path().join(stage)).unwrap();
        assert!(text.contains(&format!("log.jsonl: {} bytes", before.len())), "{text}");
        assert!(text.contains("68 65 6c 6c 6f") && text.contains("hello"), "{text}");
        assert_eq!(fs::read(&log).unwrap(), before);
    }
}

#[test]
fn a_directory_without_files_and_one_that_is_not_there_are_said_to_be_so() {
    let directory = tempfile::tempdir().unwrap();
    assert!(annotated(directory.path()).unwrap().contains("holds no files"));
    let said = format!("{:#}", annotated(&directory.path().join("missing")).unwrap_err());
    assert!(said.contains("missing is not a directory"), "{said}");
}

#[test]
fn a_log_of_frames_is_read_as_a_whole_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let outcome = |stage: &str| {
        let mut said = Vec::new();
        let outcome = verified(&directory.path().join(stage), &mut said).unwrap();
        (outcome, String::from_utf8(said).unwrap())
    };
    write_log::<Stage03>(&directory.path().join("3"));
    assert_eq!(outcome("3"), (None, String::new()));
    write_log::<Stage05>(&directory.path().join("5"));
    assert_eq!(outcome("5").0, Some(Outcome::Clean));
    write_log::<Stage06>(&directory.path().join("6"));
    let (clean, said) = outcome("6");
    assert_eq!((clean, said.matches("replica-").count()), (Some(Outcome::Clean), 3), "{said}");
    let text = annotated(&directory.path().join("6")).unwrap();
    assert!(text.contains("replica-3/quorum-state") && text.contains("what the controller has said"), "{text}");
    let segment = directory.path().join("5/00000000000000000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let (damaged, said) = outcome("5");
    assert_eq!(damaged, Some(Outcome::Corrupt), "{said}");
    assert!(said.contains("00000000000000000000.log"), "{said}");
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}
