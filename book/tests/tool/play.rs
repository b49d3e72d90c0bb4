//! `cargo course play`, by scripts.

use std::path::Path;

use book::tool::play::ground::{Ground, OsGround, SimGround};
use book::tool::play::play;
use stage01::OsDisk;

const STAGES: [u32; 4] = [1, 2, 3, 4];

fn run(stage: u32, ground: Box<dyn Ground>, script: &str) -> anyhow::Result<String> {
    let mut out = Vec::new();
    play(stage, ground, &mut script.as_bytes(), false, &mut out)?;
    Ok(String::from_utf8(out)?)
}

/// What a script on the simulated disk prints.
fn simulated(stage: u32, script: &str) -> String {
    run(stage, Box::<SimGround>::default(), script).unwrap()
}

/// What a script on a real directory prints.
fn real(stage: u32, directory: &Path, script: &str) -> String {
    run(stage, Box::new(OsGround::new(OsDisk::create(directory).unwrap())), script).unwrap()
}

/// The file with the log's first records.
fn log_name(stage: u32) -> &'static str {
    if stage < 4 { "log.jsonl" } else { "00000000000000000000.log" }
}

fn assert_said(said: &str, line: &str) {
    assert!(said.contains(line), "it does not say {line:?}:\n{said}");
}

#[test]
fn a_power_cut_takes_what_was_not_synced() {
    for stage in STAGES {
        let said = simulated(stage, "append one\nsync\nappend two\nscan\ncrash power\nreopen\nscan");
        assert_said(&said, "   1  \"two\"   (not durable)");
        assert_said(&said, ": LOST");
        assert_said(&said, "open: 1 record\ngone: 1 record, written and not synced\n> scan\n     0  \"one\"\n");
    }
}

#[test]
fn a_sync_keeps_it() {
    for stage in STAGES {
        let said = simulated(stage, "append one\nbatch 20\nsync\ncrash power\nreopen\nread 20\ncrash torn 7\nreopen");
        assert_said(&said, "durable: 21 records");
        assert_said(&said, "    20  \"record 19 of a batch\"\n");
        assert_eq!(said.matches("open: 21 records").count(), 2, "{said}");
        assert!(!said.contains("LOST: ") && !said.contains("gone"), "{said}");
    }
}

#[test]
fn when_all_is_synced_a_power_cut_finds_nothing_to_take() {
    let said = simulated(1, "append one\nsync\ncrash torn\nreopen");
    assert_said(&said, "the power is cut; everything was synced\nthe log is down");
}

#[test]
fn a_kill_takes_nothing_that_was_written() {
    for stage in STAGES {
        let said = simulated(stage, "append one\ncrash kill\nappend two\nreopen\nscan");
        assert_said(&said, "error: the log is down");
        assert_said(&said, "open: 1 record\n> scan\n     0  \"one\"\n");
    }
}

#[test]
fn a_real_directory_survives_a_kill_and_is_there_the_next_time() {
    for stage in STAGES {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let said = real(stage, &path, "append one\ncrash power\ncrash kill\nreopen\nappend two\nsync\ntrace 100");
        assert_said(&said, "its power is not ours to cut");
        assert_said(&said, "open: 1 record\n");
        assert_said(&said, "-- kill --");
        assert_said(&said, &format!("sync {}", log_name(stage)));
        assert_said(&real(stage, &path, "scan"), ": 2 records\n> scan\n     0  \"one\"\n     1  \"two\"\n");
    }
}

#[test]
fn nothing_of_a_killed_log_reaches_a_real_disk() {
    let directory = tempfile::tempdir().unwrap();
    let ground = OsGround::new(OsDisk::create(directory.path()).unwrap());
    let mut ground: Box<dyn Ground> = Box::new(ground);
    let dead = ground.disk();
    let file = dead.create("a").unwrap();
    ground.crash(book::tool::play::command::Crash::Kill).unwrap();
    assert!(file.write_at(b"late", 0).is_err() && file.sync_data().is_err() && file.truncate(9).is_err());
    assert!(dead.create("b").is_err() && dead.remove("a").is_err() && dead.rename("a", "c").is_err());
    assert_eq!(ground.disk().list().unwrap(), ["a"]);
    assert_eq!(std::fs::read(directory.path().join("a")).unwrap(), b"");
}

#[test]
fn a_flipped_bit_is_shown_as_the_wrong_record_that_it_makes() {
    // The value "one" ends 3 bytes in front of the end of the line.
    for stage in STAGES {
        let said = simulated(stage, "append one\nsync\nfiles\nquit");
        let name = log_name(stage);
        let line = said.lines().find(|line| line.contains(name)).unwrap();
        let bytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let flip = format!("append one\nsync\nflip {name} {}\nread 0\nflip {name} 99999", (bytes - 4) * 8);
        let said = simulated(stage, &flip);
        assert_said(&said, "   0  \"ond\"   WRONG: \"one\" was appended");
        assert_said(&said, &format!("error: {name} has {bytes} bytes, so the last bit is {}", bytes * 8 - 1));
    }
}

#[test]
fn a_log_of_segments_begins_new_ones_while_one_types() {
    let said = simulated(4, "batch 20\nsync\nbatch 20\nsync\nfiles\ncrash torn 3\nreopen\nread 39");
    assert_said(&said, "00000000000000000020.log");
    assert_said(&said, "open: 40 records");
    assert_said(&said, "    39  \"record 19 of a batch\"");
}

#[test]
fn a_log_that_does_not_open_again_is_called_lost() {
    let said = simulated(1, "append one\nappend two\nsync\nflip log.jsonl 1\ncrash kill\nreopen\nscan");
    assert_said(&said, "LOST: 2 records were durable, and the log does not open\nerror: /sim/log.jsonl");
    assert_said(&said, "error: the log is down");
}

#[test]
fn files_and_trace_show_what_was_done() {
    let said = simulated(1, "append one\nfiles\nsync\ncrash power 3\ntrace\ntrace 1");
    let files = said.lines().find(|line| line.contains("log.jsonl")).unwrap();
    assert!(files.ends_with(" 0"), "nothing of the file is durable before a sync: {files:?}");
    assert_said(&said, "create log.jsonl\n");
    assert_said(&said, "acknowledged: 1 record");
    assert!(said.ends_with("-- power cut --\n") && said.matches("-- power cut --").count() == 2, "{said}");
}

#[test]
fn a_script_ends_with_its_first_mistake_and_says_where() {
    let said = format!("{:#}", run(1, Box::<SimGround>::default(), "append one\njump\n").unwrap_err());
    assert!(said.starts_with("line 2 of the input: there is no command \"jump\""), "{said}");
    let said = format!("{:#}", run(9, Box::<SimGround>::default(), "").unwrap_err());
    assert!(said.starts_with("there is no stage 9"), "{said}");
}
