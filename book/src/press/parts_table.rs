//! The list of a stage's exercises, as a table.

use std::path::{Path, PathBuf};

use crate::exercises::manifest::relative;
use crate::exercises::spec::{Experiment, Function, Part};
use crate::html::{escape, with_code};
use crate::press::exercises::Stage;
use crate::press::figure;

/// The table for a page, with links into the stage's chapter.
pub(crate) fn table(stage: &Stage, page: &Path, id: &str) -> String {
    let spec = &stage.spec;
    let table = Table { stage, page };
    let mut rows: String = spec.parts.iter().map(|part| table.part(part)).collect();
    rows.push_str(&table.experiment(&spec.experiment));
    let minutes = spec.parts.iter().map(|part| part.minutes).sum::<u32>() + spec.experiment.minutes;
    let points: u32 = spec.parts.iter().map(|part| part.points).sum();
    let (number, first) = (spec.stage, spec.parts[0].id);
    let body = format!(
        "<p><code>cargo course start {number}</code> makes a copy of the stage for you, with these bodies taken out. \
         <code>cargo course check {first}</code> judges part {first}, <code>cargo course hint {first}</code> helps one \
         step further, and <code>cargo course next</code> says what to do now.</p>\n\
         <div class=\"table-wrapper\"><table class=\"exercises\">\n\
         <thead><tr><th scope=\"col\">part</th><th scope=\"col\">exercise</th><th scope=\"col\">to write</th>\
         <th scope=\"col\">minutes</th><th scope=\"col\">points</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n\
         <tfoot><tr><th scope=\"row\" colspan=\"3\">together</th>\
         <td class=\"number\">{minutes}</td><td class=\"number\">{points}</td></tr></tfoot>\n</table></div>"
    );
    figure::html_figure("exhibit", id, &body, "")
}

struct Table<'a> {
    stage: &'a Stage,
    /// The page that the table is on.
    page: &'a Path,
}

impl Table<'_> {
    fn part(&self, part: &Part) -> String {
        let Part { id, minutes, points, .. } = part;
        let boss = if part.boss { " <span class=\"boss\">boss</span>" } else { "" };
        let links = part.sections.iter().map(|section| self.link(self.stage.section(section), &with_code(section)));
        let sections = links.collect::<Vec<_>>().join(", ");
        let to_write = match part.is_debugging() {
            true => "find the bug".to_string(),
            false => {
                let names = part.functions.iter().map(|function| self.function(function));
                names.collect::<Vec<_>>().join(", ")
            }
        };
        format!(
            "<tr><th scope=\"row\">{id}</th><td>{}{boss}<small>read first: {sections}</small></td><td>{to_write}</td>\
             <td class=\"number\">{minutes}</td><td class=\"number\">{points}</td></tr>\n",
            with_code(&part.title)
        )
    }

    fn experiment(&self, experiment: &Experiment) -> String {
        let title = self.link(self.stage.experiment(), &format!("Experiment: {}", with_code(&experiment.title)));
        format!(
            "<tr><th scope=\"row\"></th><td>{title}</td><td>predict, change, measure, explain</td>\
             <td class=\"number\">{}</td><td class=\"number\"></td></tr>\n",
            experiment.minutes
        )
    }

    fn function(&self, function: &Function) -> String {
        let name = format!("<code>{}</code>", escape(short(&function.item)));
        self.link(self.stage.figure(function), &name)
    }

    /// A link to a place of a chapter, or the text alone if there is no such place.
    fn link(&self, place: Option<(&Path, &str)>, html: &str) -> String {
        let Some((chapter, anchor)) = place else { return html.to_string() };
        let folder = self.page.parent().unwrap_or(Path::new(""));
        let file = if chapter == self.page { PathBuf::new() } else { relative(folder, chapter) };
        format!("<a href=\"{}#{}\">{html}</a>", escape(&file.display().to_string()), escape(anchor))
    }
}

/// A function's name with its type and without its module: `Queue::push`, `<NaiveLog as Log>::append`.
fn short(item: &str) -> &str {
    if let Some(at) = item.find('<').filter(|at| item[..*at].is_empty() || item[..*at].ends_with("::")) {
        return &item[at..];
    }
    let mut start = 0;
    for word in item.split("::") {
        if word.starts_with(char::is_uppercase) {
            return &item[start..];
        }
        start += word.len() + 2;
    }
    item.rsplit("::").next().unwrap_or(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_called_without_its_module() {
        for (item, name) in [
            ("queue::Queue::push", "Queue::push"),
            ("json_lines::text_or_bytes", "text_or_bytes"),
            ("naive::<NaiveLog as Log>::append", "<NaiveLog as Log>::append"),
            ("push", "push"),
        ] {
            assert_eq!(short(item), name);
        }
    }
}
