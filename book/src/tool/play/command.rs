//! The commands of the shell.

use anyhow::{Context, Result, bail};

/// What `help` prints.
pub const HELP: &str = "\
  append TEXT         write a record; it is not durable before a sync
  batch N             write N records in one go
  sync                make all that was written durable
  read OFFSET         one record
  scan [OFFSET]       all records, or those from OFFSET on
  crash kill          kill the process: what it wrote stays in the page cache
  crash power [SEED]  cut the power: nothing unsynced survives; with a SEED, some of it
  crash torn [SEED]   cut the power while sectors reach the disk in any order
  reopen              open what is there, after a crash or a close
  flip FILE BIT       turn one bit of a file around (bit 0 is the lowest of byte 0)
  files               the files and their lengths
  inspect             the bytes of the files, explained
  trace [N]           the last N operations on the disk (20 if N is not given)
  help, quit
";

/// The most records that `batch` takes: all of them are kept, to tell a wrong record from a right one.
pub const BATCH_RECORDS_MAX: u64 = 100_000;

/// A command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Writes a record with this text.
    Append(String),
    /// Writes so many records.
    Batch(u64),
    /// Syncs.
    Sync,
    /// Shows a record.
    Read(u64),
    /// Shows the records from an offset on.
    Scan(u64),
    /// Crashes.
    Crash(Crash),
    /// Opens what is there.
    Reopen,
    /// Turns a bit around.
    Flip {
        /// The file's name.
        file: String,
        /// The bit, counted from the lowest of the first byte.
        bit: u64,
    },
    /// Lists the files.
    Files,
    /// Explains the bytes.
    Inspect,
    /// Shows the last operations.
    Trace(usize),
    /// Shows the commands.
    Help,
    /// Ends the shell.
    Quit,
}

/// A way to go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process dies and the machine goes on.
    Kill,
    /// The machine dies; writes reached the disk in order. Without a seed, none did since the sync.
    Power {
        /// Picks one of the things that may be left.
        seed: Option<u64>,
    },
    /// The machine dies; sectors reached the disk in any order.
    Torn {
        /// Picks one of the things that may be left.
        seed: u64,
    },
}

/// Understands a line; `None` if it is empty or a comment.
pub fn parse(line: &str) -> Result<Option<Command>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    // A text is taken as it is; everything else is words.
    if verb == "append" {
        return match rest {
            "" => bail!("append takes a text: append hello"),
            text => Ok(Some(Command::Append(text.to_string()))),
        };
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    Ok(Some(match (verb, words.as_slice()) {
        ("batch", [count]) => Command::Batch(batch(count)?),
        ("sync", []) => Command::Sync,
        ("read", [offset]) => Command::Read(number("an offset", offset)?),
        ("scan", []) => Command::Scan(0),
        ("scan", [offset]) => Command::Scan(number("an offset", offset)?),
        ("crash", ["kill"]) => Command::Crash(Crash::Kill),
        ("crash", ["power"]) => Command::Crash(Crash::Power { seed: None }),
        ("crash", ["power", seed]) => Command::Crash(Crash::Power { seed: Some(number("a seed", seed)?) }),
        ("crash", ["torn"]) => Command::Crash(Crash::Torn { seed: 1 }),
        ("crash", ["torn", seed]) => Command::Crash(Crash::Torn { seed: number("a seed", seed)? }),
        ("reopen", []) => Command::Reopen,
        ("flip", [file, bit]) => Command::Flip { file: file.to_string(), bit: number("a bit", bit)? },
        ("files", []) => Command::Files,
        ("inspect", []) => Command::Inspect,
        ("trace", []) => Command::Trace(20),
        ("trace", [count]) => Command::Trace(number("a count", count)? as usize),
        ("help", []) => Command::Help,
        ("quit" | "exit", []) => Command::Quit,
        _ => bail!("{}", usage(verb)),
    }))
}

fn number(what: &str, word: &str) -> Result<u64> {
    word.parse().with_context(|| format!("{what} is a number from 0 on, not {word:?}"))
}

fn batch(word: &str) -> Result<u64> {
    match number("a batch", word)? {
        count @ 1..=BATCH_RECORDS_MAX => Ok(count),
        count => bail!("a batch has 1 to {BATCH_RECORDS_MAX} records, not {count}"),
    }
}

/// How a command is typed, if there is one of that name.
fn usage(verb: &str) -> String {
    let lines: Vec<&str> =
        HELP.lines().map(str::trim).filter(|line| line.split([' ', ',']).next() == Some(verb)).collect();
    match lines.is_empty() {
        true => format!("there is no command {verb:?}; `help` lists them"),
        false => format!("that is not how {verb} is typed:\n  {}", lines.join("\n  ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_help_lists_is_understood() {
        for line in HELP.lines().flat_map(|line| line.split("  ").find(|part| !part.trim().is_empty())) {
            for line in line.trim().split(", ") {
                let numbers = line.replace("FILE", "log.jsonl").replace(['[', ']'], "");
                let numbers = ["OFFSET", "SEED", "BIT", "N"].iter().fold(numbers, |line, word| line.replace(word, "7"));
                assert!(parse(&numbers).is_ok_and(|command| command.is_some()), "{numbers:?}: {:?}", parse(&numbers));
            }
        }
    }

    #[test]
    fn a_text_is_taken_as_it_is() {
        assert_eq!(parse("append two  words # here ").unwrap(), Some(Command::Append("two  words # here".into())));
        assert_eq!(parse(" # a comment").unwrap(), None);
        assert_eq!(parse("").unwrap(), None);
    }

    #[test]
    fn a_line_that_is_not_understood_says_what_would_be() {
        let cases = [
            ("jump", "there is no command \"jump\""),
            ("read", "read OFFSET"),
            ("read one", "an offset is a number from 0 on, not \"one\""),
            ("crash softly", "crash torn [SEED]"),
            ("batch 0", "a batch has 1 to 100000 records"),
            ("batch 99999999", "a batch has 1 to 100000 records"),
            ("append", "append takes a text"),
        ];
        for (line, reason) in cases {
            let said = format!("{:#}", parse(line).unwrap_err());
            assert!(said.contains(reason), "{line:?} gives {said:?}");
        }
    }
}
