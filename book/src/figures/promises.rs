//! Which stage keeps which promise, tried out while the book is built, with the losses that were seen.

use std::fmt::Write;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lab::promises::{self, Verdict};
use stage01::{Promise, Stage};

use crate::html::escape;
use crate::tool::stages::{self, About, Visitor};

/// A column of the matrix: a stage, and what came out for each promise.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) stage: About,
    /// In the order of [`Promise::ALL`].
    pub(crate) verdicts: Vec<Verdict>,
}

/// Tries every promise on every stage, on as many threads as the machine runs at once.
pub(crate) fn try_all() -> Vec<Column> {
    let stages = stages::all();
    let jobs: Vec<(u32, Promise)> =
        stages.iter().flat_map(|stage| Promise::ALL.map(|promise| (stage.number, promise))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((number, promise)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let verdict = stages::visit(*number, &mut Try { promise: *promise }).expect("it is one of all stages");
            done.push((*number, verdict));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut verdicts: Vec<(u32, Verdict)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("an experiment reports and does not panic"))
            .collect()
    });
    verdicts.sort_by_key(|(number, verdict)| (*number, verdict.promise));
    let column = |stage: About| {
        let own = verdicts.iter().filter(|(number, _)| *number == stage.number);
        Column { stage, verdicts: own.map(|(_, verdict)| verdict.clone()).collect() }
    };
    stages.into_iter().map(column).collect()
}

struct Try {
    promise: Promise,
}

impl Visitor for Try {
    type Output = Verdict;

    fn visit<S: Stage>(&mut self) -> Verdict {
        promises::check::<S>(self.promise)
    }
}

/// The matrix as a table of the page, for the stages up to `up_to`, and below it the losses: those of all stages, or,
/// in the chapter of one, those of that one.
///
/// # Errors
///
/// A stage says something else of itself than what was seen.
pub(crate) fn matrix(columns: &[Column], up_to: Option<&str>) -> Result<String, String> {
    let shown: Vec<&Column> =
        columns.iter().filter(|column| up_to.is_none_or(|last| column.stage.name <= last)).collect();
    if let Some(untrue) = shown.iter().find_map(|column| untrue(column)) {
        return Err(untrue);
    }
    let mut html = String::from("<div class=\"table-wrapper\"><table class=\"promises\">\n<thead><tr><th></th>");
    shown.iter().for_each(|column| write!(html, "<th scope=\"col\">{}</th>", column.stage.name).expect(STRING));
    html.push_str("</tr></thead>\n<tbody>\n");
    for (row, promise) in Promise::ALL.iter().enumerate() {
        write!(html, "<tr><th scope=\"row\">{}</th>", escape(promise.title())).expect(STRING);
        for column in &shown {
            html.push_str(match column.verdicts[row].kept {
                true => "<td class=\"kept\">✓ kept</td>",
                false => "<td class=\"broken\">✕ broken</td>",
            });
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    let loses = |column: &&&Column| column.verdicts.iter().any(|verdict| !verdict.kept);
    let told = shown.iter().filter(|column| up_to.is_none_or(|last| column.stage.name == last)).filter(loses);
    told.for_each(|column| html.push_str(&losses(column)));
    Ok(html)
}

const STRING: &str = "a string takes everything";

fn untrue(column: &Column) -> Option<String> {
    let About { name, keeps, .. } = column.stage;
    let wrong = column.verdicts.iter().find(|verdict| keeps.contains(&verdict.promise) != verdict.kept)?;
    Some(format!("{name} says otherwise of itself: {wrong}"))
}

/// What was lost, promise by promise. An empty line would end the raw HTML, so line breaks are written as references.
fn losses(column: &Column) -> String {
    let mut html = format!("<details><summary>What {} loses, as it was seen</summary>\n<dl>\n", column.stage.name);
    for verdict in column.verdicts.iter().filter(|verdict| !verdict.kept) {
        let evidence = escape(verdict.evidence.trim_end()).replace('\n', "&#10;");
        let title = escape(verdict.promise.title());
        writeln!(html, "<dt>{title}</dt><dd class=\"evidence\">{evidence}</dd>").expect(STRING);
    }
    html + "</dl></details>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &'static str, keeps: &'static [Promise], kept: &[Promise]) -> Column {
        let verdict =
            |promise| Verdict { promise, kept: kept.contains(&promise), evidence: "first <line>\n\nsecond".into() };
        let stage = About { number: 1, name, title: "a stage", keeps };
        Column { stage, verdicts: Promise::ALL.map(verdict).to_vec() }
    }

    #[test]
    fn the_matrix_ends_at_the_chapter_and_tells_its_losses() {
        let keeps = &[Promise::SurvivesKill];
        let columns = [column("stage01", &[], &[]), column("stage02", keeps, keeps), column("stage03", keeps, keeps)];
        let html = matrix(&columns, Some("stage02")).unwrap();
        let row = "survives a kill</th><td class=\"broken\">✕ broken</td><td class=\"kept\">✓ kept</td></tr>";
        assert!(html.contains(row) && !html.contains("stage03"), "{html}");
        assert_eq!(html.matches("<dt>").count(), Promise::ALL.len() - 1, "the losses of stage 2 alone: {html}");
        assert!(html.contains("first &lt;line&gt;&#10;&#10;second"), "{html}");
        assert_eq!(matrix(&columns, None).unwrap().matches("<details>").count(), 3);
    }

    #[test]
    fn a_stage_that_says_otherwise_of_itself_is_an_error() {
        let said = matrix(&[column("stage01", &[Promise::SurvivesKill], &[])], None).unwrap_err();
        assert!(said.starts_with("stage01 says otherwise of itself: survives a kill: broken."), "{said}");
    }
}
