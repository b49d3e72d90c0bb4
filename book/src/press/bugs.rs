//! The table of the zoo's bugs.

use std::path::Path;

use anyhow::Result;

use crate::exercises::course::Course;
use crate::html::{escape, with_code};
use crate::press::exercises::Exercises;
use crate::press::figure;
use crate::zoo::{self, Exhibit};

/// The bugs of a checkout.
pub(crate) fn collect(workspace: &Path) -> Result<Vec<Exhibit>> {
    zoo::collect(&Course::open(workspace)?)
}

/// The bugs of one stage as a table.
///
/// # Errors
///
/// The stage has none.
pub(crate) fn of_stage(bugs: &[Exhibit], exercises: &Exercises, stage: &str, id: &str) -> Result<String, String> {
    let own: Vec<&Exhibit> = bugs.iter().filter(|bug| bug.home == stage).collect();
    match own.is_empty() {
        true => Err(format!("the zoo of {stage} has no bug")),
        false => Ok(table(&own, exercises, id)),
    }
}

/// All bugs, a heading and a table for each stage and for the laboratory.
pub(crate) fn all(bugs: &[Exhibit], exercises: &Exercises, id: &str) -> String {
    let mut text = String::new();
    for group in bugs.chunk_by(|one, next| one.home == next.home) {
        let home = &group[0].home;
        let title = match home.strip_prefix("stage").and_then(|number| number.parse::<u32>().ok()) {
            Some(number) => format!("Stage {number}"),
            None => "The laboratory".to_string(),
        };
        let table = table(&group.iter().collect::<Vec<_>>(), exercises, &format!("{id}-{home}"));
        text.push_str(&format!("### {title}\n\n{table}\n\n"));
    }
    if text.is_empty() { "<p>The zoo has no bug yet.</p>".to_string() } else { text }
}

fn table(bugs: &[&Exhibit], exercises: &Exercises, id: &str) -> String {
    let rows: String = bugs.iter().map(|bug| row(bug, exercises)).collect();
    let body = format!(
        "<div class=\"table-wrapper\"><table class=\"zoo\">\n\
         <thead><tr><th scope=\"col\">bug</th><th scope=\"col\">breaks</th><th scope=\"col\">lens</th>\
         <th scope=\"col\">killed by</th></tr></thead>\n<tbody>\n{rows}</tbody></table></div>"
    );
    figure::html_figure("exhibit", id, &body, "")
}

/// A bug. That of an exercise is not given away: neither its name, nor what it is before one asks.
fn row(Exhibit { home, patch }: &Exhibit, exercises: &Exercises) -> String {
    let (bug, story) = (with_code(&patch.bug), with_code(&patch.story));
    let told = match exercises.hunt(home, &format!("zoo/{}.patch", patch.name)) {
        Some(part) => {
            let id = part.id;
            format!("<summary>the bug of exercise {id}: find it before you look</summary><p>{bug}.</p><p>{story}</p>")
        }
        None => format!(
            "<summary>{bug}</summary><p>{story}</p><p><code>cargo course zoo --show {}</code></p>",
            escape(&patch.name)
        ),
    };
    let killer = breakable(&escape(&patch.killed_by.to_string()));
    format!(
        "<tr><td><details>{told}</details></td><td>{}</td><td>{}</td><td><code>{killer}</code></td></tr>\n",
        with_code(&patch.breaks),
        escape(&patch.lens)
    )
}

/// Lets a browser break the long name of a test between its words.
fn breakable(name: &str) -> String {
    name.replace('_', "_<wbr>").replace("::", "::<wbr>")
}
