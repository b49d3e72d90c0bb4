//! The command line: that it is well formed, explains itself, and refuses what it does not understand.

use book::tool::Cli;
use clap::{CommandFactory, Parser};

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_a_help_with_an_example() {
    let mut cli = Cli::command();
    let tour = cli.render_long_help().to_string();
    assert!(tour.contains("Example:\n  cargo course"), "{tour}");
    for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let name = command.get_name().to_string();
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example:\n") && help.contains(&format!("cargo course {name}")), "{name}: {help}");
    }
}

#[test]
fn the_lines_that_the_course_tells_its_readers_to_type_are_understood() {
    let lines = [
        "course",
        "course --quick --no-serve",
        "course --open --dir /tmp",
        "course read --open",
        "course build",
        "course bench 1 2",
        "course bench 03 -- random_read",
        "course compare",
        "course play 1",
        "course play 2 --dir /tmp/log",
        "course inspect /tmp/my-log",
        "course promises --evidence",
        "course readme --check",
        "course reference",
        "course zoo 2 lab --only sync-on-request --jobs 2",
        "course zoo 2 --tests my-tests --json score.json",
        "course zoo --show sync-on-request --yes",
    ];
    for line in lines {
        Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn lines_that_make_no_sense_are_refused() {
    for line in [
        "course dance",
        "course play",
        "course play one",
        "course --no-serve --open",
        "course --quick compare",
        "course zoo two",
        "course zoo 2 --json f",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line} was taken");
    }
}
