//! Everything that is made and not quoted: tables, charts, dumps, maps and the matrix of promises.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::figures::numbers::Numbers;
use crate::figures::{chart, crash_drawing, crash_map, hexdump, promises, spectrum, table};
use crate::press::coverage::Coverage;
use crate::press::directive::Exhibit;
use crate::results::Results;

/// Makes exhibits from the measured numbers and from the stages themselves.
pub(crate) struct Exhibits {
    numbers: Option<Numbers>,
    /// Tried out when the first chapter asks; several do.
    promises: Option<Vec<promises::Column>>,
    /// What the presets of the durability spectrum lose, and how fast they are.
    spectrum: PathBuf,
}

impl Exhibits {
    /// Takes the reader's own numbers if there are any, else those that are checked in.
    pub(crate) fn new(own: Option<&Path>, reference: &Path) -> Result<Exhibits> {
        let own = own.filter(|path| path.exists()).map(|path| (path, true));
        let found = own.or_else(|| reference.exists().then_some((reference, false)));
        let load = |(path, are_own)| anyhow::Ok(Numbers { results: Results::load(path)?, are_own });
        let spectrum = reference.with_file_name("spectrum.tsv");
        Ok(Exhibits { numbers: found.map(load).transpose()?, promises: None, spectrum })
    }

    /// The HTML that a directive asks for. A chapter that is named after a stage goes no further than that stage.
    pub(crate) fn html(&mut self, exhibit: &Exhibit, chapter_stage: Option<&str>) -> Result<String, String> {
        match exhibit {
            Exhibit::Table { selection, .. } if selection == &["floor"] => Ok(table::floor_table(self.numbers()?)),
            Exhibit::Table { selection, up_to } => {
                let numbers = self.numbers()?;
                let shown = numbers.select(selection, up_to.as_deref().or(chapter_stage))?;
                Ok(table::table(numbers, &shown))
            }
            Exhibit::Chart { selection, up_to } => {
                let numbers = self.numbers()?;
                let shown = numbers.select(selection, up_to.as_deref().or(chapter_stage))?;
                chart::chart(numbers, &shown)
            }
            Exhibit::Hexdump { stage, file } => hexdump::hexdump(stage, file).map_err(|error| format!("{error:#}")),
            Exhibit::Crashmap { stage, scenario } => {
                Ok(crash_drawing::crash_drawing(&crash_map::crash_map(stage, scenario)?))
            }
            Exhibit::Spectrum => spectrum::table(&self.spectrum).map_err(|error| format!("{error:#}")),
            Exhibit::Promises => promises::matrix(self.promises.get_or_insert_with(promises::try_all), chapter_stage),
        }
    }

    fn numbers(&self) -> Result<&Numbers, String> {
        self.numbers.as_ref().ok_or_else(|| "there are no numbers yet; `cargo course` measures them".to_string())
    }
}

/// The coverage of all stages as a table.
pub(crate) fn coverage_table(stages: &[Coverage]) -> String {
    let rows = stages.iter().map(|stage| {
        format!(
            "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{:.1} %</td></tr>\n",
            stage.stage, stage.quoted, stage.lines, stage.percent()
        )
    });
    format!(
        "<div class=\"table-wrapper\"><table>\n<thead><tr><th>stage</th><th>lines quoted</th><th>lines</th>\
         <th>share</th></tr></thead>\n<tbody>\n{}</tbody></table></div>",
        rows.collect::<String>()
    )
}
