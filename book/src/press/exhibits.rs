//! Everything that is made and not quoted: tables, charts, dumps, maps and the matrix of promises.

use crate::press::coverage::Coverage;
use crate::press::directive::Directive;

/// Makes exhibits from the measured numbers and from the stages themselves.
pub(crate) struct Exhibits {}

impl Exhibits {
    /// The HTML that a directive asks for.
    pub(crate) fn html(&mut self, _directive: &Directive) -> Result<String, String> {
        Err("not made yet".into())
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
