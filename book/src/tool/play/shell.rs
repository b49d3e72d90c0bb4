//! The shell: a log, and somebody who means it no good.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use lab::disks::Image;
use stage01::{Access, Disk, Log, Offset, OsDisk, Reader, Record, Scan, Stage, Visibility};

use super::command::{Command, Crash, HELP};
use super::ground::Ground;
use crate::tool::inspect::annotated;
use crate::tool::table::{Align, Table};

/// A log of stage `S`, the ground it stands on, and what we know about it that it may forget.
pub struct Shell<S: Stage> {
    ground: Box<dyn Ground>,
    /// None after a crash.
    log: Option<S::Log>,
    /// The offset of the first record that this shell appended, and the values from there on.
    first: u64,
    appended: Vec<String>,
    /// The log said that so many records are durable.
    synced: u64,
}

impl<S: Stage> Shell<S> {
    /// Opens a log on `ground`.
    pub fn open(ground: Box<dyn Ground>, out: &mut dyn Write) -> Result<Shell<S>> {
        // Small files, if the stage has more than one: whoever types cannot fill large ones.
        let log = S::open_small(ground.disk())?;
        let first = log.next_offset().0;
        writeln!(out, "{}, {}: {}", S::NAME, S::TITLE, records(first))?;
        Ok(Shell { ground, log: Some(log), first, appended: Vec::new(), synced: first })
    }

    /// Does what a command asks for.
    pub fn obey(&mut self, command: Command, out: &mut dyn Write) -> Result<()> {
        match command {
            Command::Append(text) => self.append(vec![text], out),
            Command::Batch(count) => {
                self.append((0..count).map(|number| format!("record {number} of a batch")).collect(), out)
            }
            Command::Sync => self.sync(out),
            Command::Read(offset) => self.read(offset, out),
            Command::Scan(offset) => self.scan(offset, out),
            Command::Crash(crash) => self.crash(crash, out),
            Command::Reopen => self.reopen(out),
            Command::Flip { file, bit } => self.flip(&file, bit, out),
            Command::Files => self.files(out),
            Command::Inspect => self.inspect(out),
            Command::Trace(count) => self.trace(count, out),
            Command::Help => Ok(write!(out, "{HELP}")?),
            Command::Quit => Ok(()),
        }
    }

    fn log(&mut self) -> Result<&mut S::Log> {
        self.log.as_mut().context("the log is down; `reopen` opens what is left of it")
    }

    fn append(&mut self, texts: Vec<String>, out: &mut dyn Write) -> Result<()> {
        let batch: Vec<_> = texts.iter().map(|text| Record::now(text.as_bytes())).collect();
        let first = self.log()?.append(&batch)?.0;
        match first + batch.len() as u64 - 1 {
            last if last == first => writeln!(out, "record {first} is written, and not durable yet")?,
            last => writeln!(out, "records {first} to {last} are written, and not durable yet")?,
        }
        self.appended.extend(texts);
        Ok(())
    }

    fn sync(&mut self, out: &mut dyn Write) -> Result<()> {
        self.synced = self.log()?.sync()?.0;
        self.ground.acknowledge(self.synced);
        Ok(writeln!(out, "durable: {}", records(self.synced))?)
    }

    fn read(&mut self, offset: u64, out: &mut dyn Write) -> Result<()> {
        let reader = self.log()?.reader().with_visibility(Visibility::Written);
        match reader.read(Offset(offset))? {
            Some(record) => self.show(offset, &record, out),
            None => bail!("there is no record {offset}; the log ends at {}", reader.end()),
        }
    }

    fn scan(&mut self, from: u64, out: &mut dyn Write) -> Result<()> {
        let mut scan = self.log()?.reader().with_visibility(Visibility::Written).scan(Offset(from))?;
        while let Some(entry) = scan.next()? {
            self.show(entry.offset.0, &entry.record, out)?;
        }
        Ok(())
    }

    /// Prints a record, and whether it is what it should be.
    fn show(&self, offset: u64, record: &Record<'_>, out: &mut dyn Write) -> Result<()> {
        let value = String::from_utf8_lossy(&record.value);
        let appended = offset.checked_sub(self.first).and_then(|number| self.appended.get(number as usize));
        let remark = match appended {
            Some(text) if text.as_bytes() != &*record.value => format!("   WRONG: {text:?} was appended"),
            _ if offset >= self.synced => "   (not durable)".to_string(),
            _ => String::new(),
        };
        Ok(writeln!(out, "  {offset:>4}  {value:?}{remark}")?)
    }

    fn crash(&mut self, crash: Crash, out: &mut dyn Write) -> Result<()> {
        ensure!(self.log.is_some(), "the log is down already; `reopen` opens what is left of it");
        let fates = self.ground.crash(crash)?;
        // Only now, when nothing it does reaches the disk: a process that dies does not tidy up.
        self.log = None;
        match crash {
            Crash::Kill => writeln!(out, "killed; what was written is in the page cache, and the machine lives")?,
            _ if fates.is_empty() => writeln!(out, "the power is cut; everything was synced")?,
            _ => writeln!(out, "the power is cut; of what was not synced:")?,
        }
        for fate in fates {
            writeln!(out, "  {fate}")?;
        }
        Ok(writeln!(out, "the log is down; `reopen` opens what is left of it")?)
    }

    fn reopen(&mut self, out: &mut dyn Write) -> Result<()> {
        // Closed properly if it was open.
        self.log = None;
        let log = S::open_small(self.ground.disk()).inspect_err(|_| {
            if self.synced > 0 {
                // The error follows; what it costs is said here, or nobody would know.
                let _ = writeln!(out, "LOST: {} durable, and the log does not open", was(self.synced));
            }
        })?;
        let (found, known) = (log.next_offset().0, self.first + self.appended.len() as u64);
        writeln!(out, "open: {}", records(found))?;
        if found < self.synced {
            writeln!(out, "LOST: {} durable", was(self.synced))?;
        } else if found < known {
            writeln!(out, "gone: {}, written and not synced", records(known - found))?;
        }
        self.appended.truncate(found.saturating_sub(self.first) as usize);
        // What a log serves once it is open is durable.
        self.synced = found;
        self.log = Some(log);
        Ok(())
    }

    fn flip(&mut self, name: &str, bit: u64, out: &mut dyn Write) -> Result<()> {
        let length = length(&self.ground.disk(), name)?;
        ensure!(bit / 8 < length, "{name} has {length} bytes, so the last bit is {}", (length * 8).saturating_sub(1));
        self.ground.flip(name, bit)?;
        Ok(writeln!(out, "bit {} of byte {} of {name} is turned around", bit % 8, bit / 8)?)
    }

    fn files(&self, out: &mut dyn Write) -> Result<()> {
        let disk = self.ground.disk();
        let mut table = Table::new(&[("file", Align::Left), ("bytes", Align::Right), ("durable", Align::Right)]);
        let image = Image::of(&disk);
        for name in image.names() {
            let durable = self.ground.durable_bytes(name).map(|bytes| bytes.to_string());
            let bytes = image.bytes(name).len().to_string();
            table.row(vec![name.to_string(), bytes, durable.unwrap_or_else(|| "?".to_string())]);
        }
        Ok(write!(out, "{table}")?)
    }

    fn inspect(&self, out: &mut dyn Write) -> Result<()> {
        let copy = tempfile::tempdir()?;
        let disk: Arc<dyn Disk> = Arc::new(OsDisk::existing(copy.path())?);
        Image::of(&self.ground.disk()).restore(&disk);
        Ok(write!(out, "{}", annotated(copy.path())?)?)
    }

    fn trace(&self, count: usize, out: &mut dyn Write) -> Result<()> {
        let trace = self.ground.trace();
        let skipped = trace.len().saturating_sub(count);
        for (number, event) in trace.iter().enumerate().skip(skipped) {
            writeln!(out, "  {:>4}  {event}", number + 1)?;
        }
        Ok(())
    }
}

fn length(disk: &Arc<dyn Disk>, name: &str) -> Result<u64> {
    let file = disk.open(name, Access::Read).with_context(|| format!("cannot open {name}; `files` lists the files"))?;
    Ok(file.length()?)
}

fn records(count: u64) -> String {
    format!("{count} record{}", if count == 1 { "" } else { "s" })
}

fn was(count: u64) -> String {
    format!("{} {}", records(count), if count == 1 { "was" } else { "were" })
}
